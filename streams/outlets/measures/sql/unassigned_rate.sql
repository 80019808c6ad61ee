-- id: unassigned_rate
-- version: 1
-- zh: 超15分钟未派遣率
-- en: Unassigned over 15 minutes
-- unit: ratio
-- aggregate: ratio
-- better: low
-- formula: 开案后15分钟内未派遣 / 已派遣或已等候15分钟 · not dispatched within 15 minutes of opening / dispatched, or waiting as long
-- cohort: 时段内开案的事件，自行处置、作废与拒绝的除外 · incidents opened in the window, without self-handled and void ones
SELECT
    case_no, opened_at AS counted_at, unit,
    coalesce(dispatched_at, now) > opened_at + INTERVAL 15 MINUTE AS part, 1 AS whole
FROM incidents, moment
WHERE NOT self_handled AND NOT void AND (dispatched_at IS NOT NULL OR now > opened_at + INTERVAL 15 MINUTE)
