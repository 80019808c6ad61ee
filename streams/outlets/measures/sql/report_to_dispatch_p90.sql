-- id: report_to_dispatch_p90
-- version: 1
-- zh: 上报至派遣时长九成分位
-- en: Report to dispatch, p90
-- unit: minutes
-- aggregate: p90
-- better: low
-- formula: 首次派遣时刻 − 上报时刻的九成分位 · p90 of first dispatch − report
-- cohort: 时段内首次派遣的事件 · incidents first dispatched in the window
SELECT case_no, dispatched_at AS counted_at, first_unit AS unit, epoch(dispatched_at - reported_at) / 60 AS part, 1 AS whole
FROM dispatched_cases
WHERE reported_at IS NOT NULL
