"""Which alerts go out now, and which together."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from grids.telling import Storm
from streams.outlets.delivery.outbox import Row
from streams.outlets.delivery.storm import ALONE, GRAVE, TOGETHER, groups

STORM = Storm()


def row(number, case="c", severity=3, category="E-01-01", cell="a", street="s", at=0.0):
    return Row(number, f"{case}{number}" if case == "c" else case, severity, category, cell, street, at)


def keys(found):
    return [key for key, _ in found]


def test_the_first_alert_of_a_cell_and_category_goes_at_once_and_the_next_ones_wait_five_minutes():
    assert keys(groups([row(1)], [], STORM, 0)) == ["cell a E-01-01"]
    made = [("cell a E-01-01", 0.0)]
    assert list(groups([row(2), row(3)], made, STORM, 299)) == []
    ((key, together),) = groups([row(2), row(3)], made, STORM, 300)
    assert (key, [one.id for one in together]) == ("cell a E-01-01", [2, 3])


def test_other_cells_and_categories_do_not_wait_for_each_other():
    rows = [row(1), row(2, cell="b"), row(3, category="E-01-02")]
    assert keys(groups(rows, [], STORM, 0)) == ["cell a E-01-01", "cell b E-01-01", "cell a E-01-02"]


def test_the_gravest_wait_for_nothing_and_take_along_what_waits_of_their_case():
    made = [("cell a E-01-01", 0.0)]
    rows = [row(1, case="x"), row(2, case="y"), row(3, case="x", severity=2)]
    assert [(key, [one.id for one in own]) for key, own in groups(rows, made, STORM, 1)] == [(ALONE, [1, 3])]


def test_beyond_the_first_ones_the_gravest_of_one_moment_go_together_before_a_second_is_over():
    made = [(ALONE, 0.0)] * STORM.grave_alone
    rows = [row(1, severity=2, at=10.0), row(2, at=10.1), row(3, severity=1, at=10.4)]
    early = 10.0 + STORM.grave_s - 0.01
    assert [key for key, _ in groups(rows, made, STORM, early)] == ["cell a E-01-01"], "the others wait for nobody"
    ((key, together), _) = groups(rows, made, STORM, 10.0 + STORM.grave_s)
    assert (key, [one.id for one in together]) == (TOGETHER, [1, 3])
    assert STORM.grave_s < 1


def test_a_burst_of_grave_ones_is_one_message_not_one_for_each():
    rows = [row(number, severity=1, at=5.0) for number in range(50)]
    ((key, together),) = groups(rows, [], STORM, 5.0 + STORM.grave_s)
    assert (key, len(together)) == (TOGETHER, 50)


def fewest(moments, wait):
    """Return how many messages it takes at least if none may wait longer."""
    count, until = 0, float("-inf")
    for moment in moments:
        if moment > until:
            count, until = count + 1, moment + wait
    return count


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 280, allow_nan=False), max_size=150))
def test_the_gravest_take_as_few_messages_as_any_rule_could_and_none_waits_longer(moments):
    moments.sort()
    coming = [row(number, severity=2, at=moment) for number, moment in enumerate(moments)]
    waiting, made = [], []
    for step in range(3000):
        now = step / 10
        waiting += [one for one in coming if now - 0.1 < one.at <= now]
        for key, own in groups(waiting, made, STORM, now):
            made.append((key, now))
            assert all(now - one.at <= STORM.grave_s + 0.101 for one in own)
            waiting = [one for one in waiting if one not in own]
    assert not waiting
    assert sum(key in GRAVE for key, _ in made) <= fewest(moments, STORM.grave_s) + STORM.grave_alone


def test_what_would_be_too_many_is_one_for_each_street_and_then_one_for_all():
    few = [row(n, cell=f"cell{n}", street=f"street{n % 3}") for n in range(STORM.street_from)]
    assert {key.split()[0] for key in keys(groups(few, [], STORM, 0))} == {"cell"}
    more = [row(n, cell=f"cell{n}", street=f"street{n % 3}") for n in range(STORM.street_from + 1)]
    assert keys(groups(more, [], STORM, 0)) == ["street street0", "street street1", "street street2"]
    most = [row(n, cell=f"cell{n}", street=f"street{n}") for n in range(STORM.desk_from + 1)]
    assert keys(groups(most, [], STORM, 0)) == ["desk"]
    assert list(groups(most, [("desk", 0.0)] * STORM.desk_from, STORM, 299)) == []
    assert keys(groups(most, [("desk", 0.0)] * STORM.desk_from, STORM, 300)) == ["desk"]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60))
def test_however_alerts_come_each_goes_once_in_order_of_its_case_and_a_unit_gets_few(seed, streets):
    chance = random.Random(seed)
    waiting, made, sent, now, number = [], [], [], 0.0, 0
    for _ in range(120):
        now += chance.uniform(0, 10)
        for _ in range(chance.randint(0, 40)):
            number += 1
            spot = chance.randint(0, 400)
            waiting.append(
                row(number, case=f"case{chance.randint(0, 900)}", cell=f"{spot}", street=f"{spot % streets}",
                    severity=2 if chance.random() < 0.01 else 3, at=now)
            )  # fmt: skip
        recent = [one for one in made if one[1] > now - 300]
        for key, own in groups(waiting, recent, STORM, now):
            made.append((key, now))
            sent += own
            waiting = [one for one in waiting if one not in own]
        assert not [one for one in waiting if one.severity <= 2 and one.at <= now - STORM.grave_s]
    assert len({one.id for one in sent}) == len(sent)
    by_case = {}
    for one in sent:
        assert by_case.get(one.case_no, 0) < one.id
        by_case[one.case_no] = one.id
    grouped = [at for key, at in made if key not in GRAVE]
    assert max((sum(at - 300 < other <= at for other in grouped) for at in grouped), default=0) <= STORM.desk_from + 1
