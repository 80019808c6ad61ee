-- id: handle_median
-- version: 1
-- zh: 处置时长中位数
-- en: Handling, median
-- unit: minutes
-- aggregate: median
-- better: low
-- formula: 处置计时自开始至结束的自然分钟数的中位数 · median of minutes on the wall from the start to the end of HANDLE clocks
-- cohort: 时段内结束的处置计时 · HANDLE clocks that ended in the window
SELECT case_no, ended AS counted_at, unit, epoch(ended - started) / 60 AS part, 1 AS whole
FROM ended_clocks
WHERE name = 'HANDLE'
