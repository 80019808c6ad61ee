-- id: handling_rate
-- version: 1
-- zh: 处置率
-- en: Handling rate
-- unit: ratio
-- aggregate: ratio
-- better: high
-- formula: 已处置 / 应处置 · handled / should have been handled
-- cohort: 期限落在时段内、应处置的案件 · cases whose handling deadline falls into the window
SELECT case_no, counted_at, unit, handled AS part, 1 AS whole
FROM due_cases
