-- id: district_score
-- version: 1
-- zh: 区级综合评分
-- en: District score
-- unit: points
-- aggregate: score
-- better: high
-- formula: 30·处置率 + 20·按期处置率 + 20·(1−返工率) + 20·(1−超期待处置率) + 10·(1−延期率) · the same in English: handling, on-time, rework, overdue-and-open, extension
-- cohort: 期限落在时段内、应处置的案件 · cases whose handling deadline falls into the window
SELECT case_no, counted_at, unit, term, weight, part, 1 AS whole
FROM due_cases, LATERAL (
    VALUES
        ('handling', 30, handled::DOUBLE),
        ('on_time', 20, (handled AND NOT overdue)::DOUBLE),
        ('rework', -20, reworked::DOUBLE),
        ('overdue_open', -20, (overdue AND NOT handled)::DOUBLE),
        ('extension', -10, extended::DOUBLE)
) AS terms (term, weight, part)
