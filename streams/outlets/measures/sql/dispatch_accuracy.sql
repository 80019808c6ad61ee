-- id: dispatch_accuracy
-- version: 1
-- zh: 准确派遣率
-- en: Dispatch accuracy
-- unit: ratio
-- aggregate: ratio
-- better: high
-- formula: 首派主责单位即最终主责单位 / 已派遣 · the first lead is the lead at closing, or so far / dispatched
-- cohort: 时段内首次派遣的事件 · incidents first dispatched in the window
SELECT case_no, dispatched_at AS counted_at, first_unit AS unit, first_unit = lead AS part, 1 AS whole
FROM dispatched_cases
