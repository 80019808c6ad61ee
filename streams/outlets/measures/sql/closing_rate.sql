-- id: closing_rate
-- version: 1
-- zh: 结案率
-- en: Closing rate
-- unit: ratio
-- aggregate: ratio
-- better: high
-- formula: 已结案 / 应结案 · closed / should have been closed
-- cohort: 期限落在时段内、应处置的案件 · cases whose handling deadline falls into the window
SELECT case_no, counted_at, unit, closed AS part, 1 AS whole
FROM due_cases
