-- id: dispute_rate
-- version: 1
-- zh: 争议率
-- en: Dispute rate
-- unit: ratio
-- aggregate: ratio
-- better: low
-- formula: 发生权责争议的案件 / 已立案 · disputed at least once / filed
-- cohort: 时段内立案的事件 · incidents filed in the window
SELECT case_no, filed_at AS counted_at, unit, disputed > 0 AS part, 1 AS whole
FROM filed_cases
