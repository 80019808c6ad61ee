-- id: on_time_handling_rate_scored
-- version: 1
-- zh: 按期处置率（申诉后）
-- en: On-time handling rate, after appeals
-- unit: ratio
-- aggregate: ratio
-- better: high
-- formula: 按期处置或申诉成立 / 应处置 · handled in time or excused by an appeal / should have been handled
-- cohort: 期限落在时段内、应处置的案件 · cases whose handling deadline falls into the window
SELECT case_no, counted_at, unit, handled AND (NOT overdue OR excused) AS part, 1 AS whole
FROM due_cases
