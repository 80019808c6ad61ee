-- id: overdue_minutes_scored
-- version: 1
-- zh: 超期分钟数（申诉后）
-- en: Overdue minutes, after appeals
-- unit: minutes
-- aggregate: sum
-- better: low
-- formula: 同上，申诉成立的除外 · the same without what an appeal has excused
-- cohort: 期限落在时段内的处置计时 · HANDLE clocks whose deadline falls into the window
SELECT case_no, due AS counted_at, unit, over_minutes AS part, 1 AS whole
FROM due_clocks
WHERE name = 'HANDLE' AND over_minutes > 0 AND NOT excused
