-- id: valid_report_rate
-- version: 1
-- zh: 有效上报率
-- en: Valid report rate
-- unit: ratio
-- aggregate: ratio
-- better: high
-- formula: 未被查否、未被拒绝的上报 / 上报 · not refused, declined or found false / reported
-- cohort: 时段内开案的事件，含并案 · incidents opened in the window, merged ones too
SELECT case_no, opened_at AS counted_at, unit, state NOT IN ('NOT_ACCEPTED', 'NOT_FILED') AS part, 1 AS whole
FROM cases
WHERE matter = 'INCIDENT'
