-- id: overdue_minutes
-- version: 1
-- zh: 超期分钟数
-- en: Overdue minutes
-- unit: minutes
-- aggregate: sum
-- better: low
-- formula: 各单位处置计时超出时限的工作分钟之和 · sum of counted minutes by which units' handling clocks are over their limit
-- cohort: 期限落在时段内的处置计时 · HANDLE clocks whose deadline falls into the window
SELECT case_no, due AS counted_at, unit, over_minutes AS part, 1 AS whole
FROM due_clocks
WHERE name = 'HANDLE' AND over_minutes > 0
