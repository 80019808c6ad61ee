-- id: report_to_dispatch_median
-- version: 1
-- zh: 上报至派遣时长中位数
-- en: Report to dispatch, median
-- unit: minutes
-- aggregate: median
-- better: low
-- formula: 首次派遣时刻 − 上报时刻的中位数 · median of first dispatch − report
-- cohort: 时段内首次派遣的事件 · incidents first dispatched in the window
SELECT case_no, dispatched_at AS counted_at, first_unit AS unit, epoch(dispatched_at - reported_at) / 60 AS part, 1 AS whole
FROM dispatched_cases
WHERE reported_at IS NOT NULL
