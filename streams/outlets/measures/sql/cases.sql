-- id: cases
-- version: 1
-- zh: 事件数
-- en: Incidents
-- unit: cases
-- aggregate: count
-- better: none
-- formula: 事件数，并案计入主案 · incidents; merged ones count with their master
-- cohort: 时段内开案的事件 · incidents opened in the window
SELECT case_no, opened_at AS counted_at, unit, 1 AS part, 1 AS whole
FROM incidents
