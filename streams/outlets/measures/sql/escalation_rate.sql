-- id: escalation_rate
-- version: 1
-- zh: 督办升级率
-- en: Escalation rate
-- unit: ratio
-- aggregate: ratio
-- better: low
-- formula: 被督办的案件 / 应处置 · supervised at least once / should have been handled
-- cohort: 期限落在时段内、应处置的案件 · cases whose handling deadline falls into the window
SELECT case_no, counted_at, unit, supervised > 0 AS part, 1 AS whole
FROM due_cases
