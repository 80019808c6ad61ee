-- id: reopen_rate
-- version: 1
-- zh: 重启率
-- en: Reopening rate
-- unit: ratio
-- aggregate: ratio
-- better: low
-- formula: 结案后被重启的案件 / 应结案 · reopened after closing / should have been closed
-- cohort: 期限落在时段内、应处置的案件 · cases whose handling deadline falls into the window
SELECT case_no, counted_at, unit, reopened > 0 AS part, 1 AS whole
FROM due_cases
