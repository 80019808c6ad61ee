-- id: on_time_closing_rate
-- version: 1
-- zh: 按期结案率
-- en: On-time closing rate
-- unit: ratio
-- aggregate: ratio
-- better: high
-- formula: 处置、核查均按期的结案 / 应结案 · closed, its handling and its checks in time / should have been closed
-- cohort: 期限落在时段内、应处置的案件 · cases whose handling deadline falls into the window
SELECT case_no, counted_at, unit, closed AND NOT overdue AND NOT check_late AS part, 1 AS whole
FROM due_cases
