-- id: filing_accuracy
-- version: 1
-- zh: 准确立案率
-- en: Filing accuracy
-- unit: ratio
-- aggregate: ratio
-- better: high
-- formula: 立案后未改类、未作废、未查否 / 已立案 · filed and never reclassified, cancelled or found false / filed
-- cohort: 时段内立案的事件 · incidents filed in the window
SELECT case_no, filed_at AS counted_at, unit, reclassified = 0 AND NOT void AS part, 1 AS whole
FROM filed_cases
