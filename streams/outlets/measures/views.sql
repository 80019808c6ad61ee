-- What the measures stand on. `cases` and `clocks` are the facts (facts.py), `moment` the log's own time.
-- An incident is one case; what was merged counts with its master.
CREATE VIEW incidents AS
SELECT *
FROM cases
WHERE matter = 'INCIDENT' AND state <> 'MERGED';

-- Cases that should have been handled: dispatched to a unit, and the deadline has come. What was seen to on the spot,
-- withdrawn, cancelled or refused is nobody's work; while a clock stands still its deadline has not come.
CREATE VIEW due_cases AS
SELECT
    case_no, due AS counted_at, handle_unit AS unit, handled, late OR (running AND due < now) AS overdue, excused, closed,
    check_late, reworked, extended, supervised, reopened
FROM incidents, moment
WHERE due <= now AND NOT void AND NOT self_handled;

CREATE VIEW filed_cases AS
SELECT *
FROM incidents
WHERE filed_at IS NOT NULL AND NOT self_handled;

CREATE VIEW dispatched_cases AS
SELECT *
FROM incidents
WHERE dispatched_at IS NOT NULL AND NOT self_handled;

-- Steps that are done; handling ends with the last FINISH of the unit whose it was, not when a case ends otherwise.
CREATE VIEW ended_clocks AS
SELECT clocks.*
FROM clocks JOIN (SELECT case_no, handle_unit FROM incidents WHERE NOT void) USING (case_no)
WHERE ended IS NOT NULL AND (name <> 'HANDLE' OR (ended = finished_at AND unit = handle_unit));

CREATE VIEW due_clocks AS
SELECT clocks.*, late OR (running AND due < now) AS overdue
FROM clocks JOIN (SELECT case_no FROM incidents WHERE NOT void) USING (case_no), moment
WHERE due <= now;
