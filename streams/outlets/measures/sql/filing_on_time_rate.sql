-- id: filing_on_time_rate
-- version: 1
-- zh: 按时立案率
-- en: Filing-in-time rate
-- unit: ratio
-- aggregate: ratio
-- better: high
-- formula: 受理、立案均未超时 / 已立案 · accepted and filed within their limits / filed
-- cohort: 时段内立案的事件 · incidents filed in the window
SELECT case_no, filed_at AS counted_at, unit, NOT accept_late AND NOT file_late AS part, 1 AS whole
FROM filed_cases
