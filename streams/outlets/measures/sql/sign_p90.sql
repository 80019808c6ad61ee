-- id: sign_p90
-- version: 1
-- zh: 签收时长九成分位
-- en: Signing, p90
-- unit: minutes
-- aggregate: p90
-- better: low
-- formula: 签收计时自开始至结束的自然分钟数的九成分位 · p90 of minutes on the wall from the start to the end of SIGN clocks
-- cohort: 时段内结束的签收计时 · SIGN clocks that ended in the window
SELECT case_no, ended AS counted_at, unit, epoch(ended - started) / 60 AS part, 1 AS whole
FROM ended_clocks
WHERE name = 'SIGN'
