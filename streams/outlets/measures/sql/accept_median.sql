-- id: accept_median
-- version: 1
-- zh: 受理时长中位数
-- en: Accepting, median
-- unit: minutes
-- aggregate: median
-- better: low
-- formula: 受理计时自开始至结束的自然分钟数的中位数 · median of minutes on the wall from the start to the end of ACCEPT clocks
-- cohort: 时段内结束的受理计时 · ACCEPT clocks that ended in the window
SELECT case_no, ended AS counted_at, unit, epoch(ended - started) / 60 AS part, 1 AS whole
FROM ended_clocks
WHERE name = 'ACCEPT'
