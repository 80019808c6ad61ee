-- id: ack_on_time_rate
-- version: 1
-- zh: 告警按时确认率
-- en: Alerts confirmed in time
-- unit: ratio
-- aggregate: ratio
-- better: high
-- formula: 按时确认 / 应确认 · confirmed in time / to be confirmed
-- cohort: 确认期限落在时段内的告警 · alerts whose confirmation was due in the window
SELECT case_no, due AS counted_at, unit, ended IS NOT NULL AND NOT overdue AS part, 1 AS whole
FROM due_clocks
WHERE name = 'ACK'
