-- id: return_rate
-- version: 1
-- zh: 回退率
-- en: Return rate
-- unit: ratio
-- aggregate: ratio
-- better: low
-- formula: 被回退过的案件 / 已派遣 · returned at least once / dispatched
-- cohort: 时段内首次派遣的事件 · incidents first dispatched in the window
SELECT case_no, dispatched_at AS counted_at, first_unit AS unit, returned > 0 AS part, 1 AS whole
FROM dispatched_cases
