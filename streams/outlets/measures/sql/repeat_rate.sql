-- id: repeat_rate
-- version: 1
-- zh: 重复发生率
-- en: Repeat rate
-- unit: ratio
-- aggregate: ratio
-- better: low
-- formula: 结案后同处再发的案件 / 事件 · flagged as coming back after closing / incidents
-- cohort: 时段内开案的事件 · incidents opened in the window
SELECT case_no, opened_at AS counted_at, unit, repeat > 0 AS part, 1 AS whole
FROM incidents
