-- id: report_to_close_p90
-- version: 1
-- zh: 上报至结案时长九成分位
-- en: Report to close, p90
-- unit: minutes
-- aggregate: p90
-- better: low
-- formula: 结案时刻 − 上报时刻的九成分位 · p90 of close − report
-- cohort: 时段内结案的事件，自行处置除外 · incidents closed in the window, without self-handled ones
SELECT case_no, closed_at AS counted_at, unit, epoch(closed_at - reported_at) / 60 AS part, 1 AS whole
FROM incidents
WHERE closed AND NOT self_handled AND reported_at IS NOT NULL
