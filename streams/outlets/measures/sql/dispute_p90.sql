-- id: dispute_p90
-- version: 1
-- zh: 裁定时长九成分位
-- en: Ruling on a dispute, p90
-- unit: minutes
-- aggregate: p90
-- better: low
-- formula: 裁定计时自开始至结束的自然分钟数的九成分位 · p90 of minutes on the wall from the start to the end of DISPUTE clocks
-- cohort: 时段内结束的裁定计时 · DISPUTE clocks that ended in the window
SELECT case_no, ended AS counted_at, unit, epoch(ended - started) / 60 AS part, 1 AS whole
FROM ended_clocks
WHERE name = 'DISPUTE'
