-- id: on_time_handling_rate
-- version: 1
-- zh: 按期处置率
-- en: On-time handling rate
-- unit: ratio
-- aggregate: ratio
-- better: high
-- formula: 按期处置 / 应处置 · handled in time / should have been handled
-- cohort: 期限落在时段内、应处置的案件 · cases whose handling deadline falls into the window
SELECT case_no, counted_at, unit, handled AND NOT overdue AS part, 1 AS whole
FROM due_cases
