-- id: rework_rate
-- version: 1
-- zh: 返工率
-- en: Rework rate
-- unit: ratio
-- aggregate: ratio
-- better: low
-- formula: 返工次数 / 应结案 · reworks / should have been closed
-- cohort: 期限落在时段内、应处置的案件 · cases whose handling deadline falls into the window
SELECT case_no, counted_at, unit, reworked AS part, 1 AS whole
FROM due_cases
