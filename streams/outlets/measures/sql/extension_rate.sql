-- id: extension_rate
-- version: 1
-- zh: 延期率
-- en: Extension rate
-- unit: ratio
-- aggregate: ratio
-- better: low
-- formula: 延期次数 / 应处置 · extensions granted / should have been handled
-- cohort: 期限落在时段内、应处置的案件 · cases whose handling deadline falls into the window
SELECT case_no, counted_at, unit, extended AS part, 1 AS whole
FROM due_cases
