-- id: solution_rate
-- version: 1
-- zh: 解决率
-- en: Solution rate
-- unit: ratio
-- aggregate: ratio
-- better: high
-- formula: 答“是” / 答“是”或“否” · yes / yes or no (solved); unreached gives no answer
-- cohort: 时段内结案且已回访的案件 · cases closed in the window that were called back
SELECT case_no, closed_at AS counted_at, unit, solved = 'yes' AS part, 1 AS whole
FROM cases
WHERE closed_at IS NOT NULL AND state <> 'MERGED' AND solved IN ('yes', 'no')
