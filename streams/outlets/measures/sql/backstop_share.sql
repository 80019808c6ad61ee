-- id: backstop_share
-- version: 1
-- zh: 兜底派遣占比
-- en: Share of backstop routing
-- unit: ratio
-- aggregate: ratio
-- better: low
-- formula: 属地兜底 / 有主责的派遣 · BACKSTOP / LEAD or BACKSTOP
-- cohort: 时段内开案的事件 · incidents opened in the window
SELECT case_no, opened_at AS counted_at, unit, outcome = 'BACKSTOP' AS part, 1 AS whole
FROM incidents
WHERE outcome IN ('LEAD', 'BACKSTOP')
