-- id: overdue_open_rate
-- version: 1
-- zh: 超期待处置率
-- en: Overdue-and-open rate
-- unit: ratio
-- aggregate: ratio
-- better: low
-- formula: 超期未处置 / 应处置 · overdue and unhandled / should have been handled
-- cohort: 期限落在时段内、应处置的案件 · cases whose handling deadline falls into the window
SELECT case_no, counted_at, unit, overdue AND NOT handled AS part, 1 AS whole
FROM due_cases
