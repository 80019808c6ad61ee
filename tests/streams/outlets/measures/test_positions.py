"""Positions, history and published months: what was said once stays said, and corrections stand beside it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import duckdb
import pyarrow.parquet as pq
import pytest
from hosted import kept
from measured import told
from scenes import Scene, when

from streams.ledger.fold import counted
from streams.outlets.board.sqlite import SqliteBoard
from streams.outlets.history import effects_of, read_history, write_history
from streams.outlets.measures.asking import Asker, Question
from streams.outlets.measures.facts import Maker
from streams.outlets.measures.folding import Keeper, facts_at, names_in, stand_at
from streams.outlets.measures.names import names_of
from streams.outlets.measures.published import corrected, figures_of, month_of, publish, with_published
from streams.outlets.measures.registry import MeasureError

WEEK = Question(date(2026, 3, 2), date(2026, 3, 9))
PUBLISHED = datetime(2026, 4, 2, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(manual_city, tmp_path_factory):
    """A data folder in which the week of measured.py was worked off."""
    scene = Scene(manual_city)
    told(scene)
    folder = tmp_path_factory.mktemp("data")
    kept(scene, manual_city, folder).close()
    return folder


@pytest.fixture
def board(folder):
    board = SqliteBoard(folder / "onegrid.sqlite")
    yield board
    board.close()


@pytest.fixture
def names(board):
    return names_in(board)


def values(facts, city="990100", question=WEEK):
    asker = Asker(facts, city)
    found = {(one.measure, one.window): (one.numerator, one.denominator) for one in asker.ask(question)}
    asker.close()
    return found


def test_a_file_says_of_which_city_it_is(board, names, manual_city):
    assert names == names_of(manual_city.rules)
    assert names.of("unit", "HT-UM") == ("高新区城管局", "Zone Urban Management")
    assert names.of("street", "nowhere") == ("nowhere", "nowhere")
    assert names.nets["E-02-02"] == "YJ"


def test_the_boards_cases_and_the_folded_log_give_the_same_facts(board, names):
    quick, folded = facts_at(board, names), facts_at(board, names, board.log.last())
    assert quick.cases.sort_by("case_no") == folded.cases.sort_by("case_no")
    assert quick.clocks.num_rows == folded.clocks.num_rows
    assert (quick.now, quick.position) == (folded.now, folded.position)


def test_facts_that_follow_the_log_are_those_made_at_once(manual_city, tmp_path):
    scene = Scene(manual_city)
    first = scene.bring("HANDLING", "03-02 09:00")
    host = kept(scene, manual_city, tmp_path)
    board, names = SqliteBoard(tmp_path / "onegrid.sqlite"), names_of(manual_city.rules)
    keeper = Keeper(names)
    before = values(keeper.facts(board))
    scene.items.clear()
    scene.act(first, "FINISH", "03-02 10:00")
    scene.report("03-02 16:00")
    for item in scene.items:
        host.store.add_inbox([(item.desk, item.at, item.body)])
    host.drain()
    host.close()
    after = values(keeper.facts(board))
    board.close()
    again = SqliteBoard(tmp_path / "onegrid.sqlite")
    assert after == values(Keeper(names).facts(again))
    assert after != before
    again.close()


def test_an_earlier_position_says_for_ever_what_it_said_then(manual_city, tmp_path):
    scene = Scene(manual_city)
    number = scene.bring("HANDLING", "03-02 09:00")
    scene.tick("03-02 16:00")
    host = kept(scene, manual_city, tmp_path)
    names = names_of(manual_city.rules)
    board = SqliteBoard(tmp_path / "onegrid.sqlite")
    then, said = board.log.last(), values(facts_at(board, names))
    assert said["overdue_open_rate", "2026-03-02/2026-03-09"] == (1, 1)
    scene.items.clear()
    scene.act(number, "FINISH", "03-02 17:00")
    for item in scene.items:
        host.store.add_inbox([(item.desk, item.at, item.body)])
    host.drain()
    host.close()
    assert values(facts_at(board, names)) != said
    assert values(facts_at(board, names, then)) == said
    board.close()


def test_an_empty_log_has_no_time_and_says_so(small_city, tmp_path):
    from streams.hosts.embedded import EmbeddedHost  # noqa: PLC0415 - only here

    EmbeddedHost(small_city, tmp_path, when("03-02 08:00")).close()
    board = SqliteBoard(tmp_path / "onegrid.sqlite")
    with pytest.raises(MeasureError, match="log is empty"):
        facts_at(board, names_of(small_city.rules))
    board.close()


# History


def test_history_gives_the_same_figures_as_the_log_it_was_written_from(board, names, tmp_path):
    written = write_history(board, names, tmp_path)
    facts, said = read_history(tmp_path)
    assert said == names
    assert (facts.now, facts.position) == (facts_at(board, names).now, written.position)
    assert values(facts) == values(facts_at(board, names))


def test_history_holds_every_step_and_folds_to_the_same_cases_at_every_position(board, names, tmp_path):
    write_history(board, names, tmp_path)
    steps = [step for _, one in effects_of(tmp_path) for step in one.transitions]
    assert len(steps) == sum(len(record.effects.transitions) for _, record in counted(board.log.read()))
    middle, maker = board.log.last() // 2, Maker(names)
    stand = stand_at(effects_of(tmp_path), middle)
    folded = maker.facts((maker.row(case, stand.now) for case in stand.cases.values()), stand.now, stand.position)
    other = facts_at(board, names, middle)
    assert folded.cases.sort_by("case_no") == other.cases.sort_by("case_no")


def test_history_is_written_on_where_it_ended(manual_city, tmp_path):
    scene = Scene(manual_city)
    number = scene.bring("HANDLING", "03-02 09:00")
    host = kept(scene, manual_city, tmp_path / "data")
    board, names = SqliteBoard(tmp_path / "data/onegrid.sqlite"), names_of(manual_city.rules)
    write_history(board, names, tmp_path / "history")
    before = sorted((tmp_path / "history/transitions").rglob("*.parquet"))
    scene.items.clear()
    scene.act(number, "FINISH", "04-01 09:00")
    for item in scene.items:
        host.store.add_inbox([(item.desk, item.at, item.body)])
    host.drain()
    host.close()
    write_history(board, names, tmp_path / "history")
    after = sorted((tmp_path / "history/transitions").rglob("*.parquet"))
    assert set(before) < set(after)
    write_history(board, names, tmp_path / "whole")
    one, whole = list(effects_of(tmp_path / "history")), list(effects_of(tmp_path / "whole"))
    assert [(at, e.transitions) for at, e in one] == [(at, e.transitions) for at, e in whole]
    assert {path.parent.name for path in after} == {"month=2026-03", "month=2026-04"}
    board.close()


def test_another_logs_history_is_not_written_on(board, names, tmp_path):
    write_history(board, names, tmp_path)
    text = (tmp_path / "history.json").read_text()
    (tmp_path / "history.json").write_text(text.replace('"position":', '"position":9'))
    with pytest.raises(MeasureError, match="expected the history of this log"):
        write_history(board, names, tmp_path)
    (tmp_path / "history.json").write_text("{")
    with pytest.raises(MeasureError, match=r"history\.json"):
        write_history(board, names, tmp_path)


def test_analysts_read_history_with_duckdb_alone(board, names, tmp_path):
    write_history(board, names, tmp_path)
    db = duckdb.connect()
    (found,) = db.execute(
        f"SELECT count(*) FROM read_parquet('{tmp_path}/cases/*/*.parquet') WHERE matter = 'INCIDENT'"
    ).fetchall()
    assert found == (14,)
    names_of_columns = pq.ParquetFile(next((tmp_path / "transitions").rglob("*.parquet"))).schema.names
    assert {"case_no", "seq", "verb", "from_state", "to_state", "at", "actor_unit", "body"} <= set(names_of_columns)


# Published months


def published_month(city, folder):
    """Let a month pass, publish it, and let somebody tell late what was done in it."""
    scene = Scene(city)
    late, other = scene.bring("HANDLING", "03-30 09:00"), scene.bring("HANDLING", "03-30 09:00")
    scene.act(other, "FINISH", "03-30 10:00")
    scene.tick("04-02 09:00")
    host = kept(scene, city, folder)
    board, names = SqliteBoard(folder / "onegrid.sqlite"), names_of(city.rules)
    made = publish(folder, Asker(facts_at(board, names), names.city), "2026-03", PUBLISHED)
    scene.items.clear()
    scene.act(late, "FINISH", "04-02 10:00")
    for item in scene.items:
        host.store.add_inbox([(item.desk, item.at, item.body)])
    host.drain()
    host.close()
    return made, board, names


def test_a_published_month_is_frozen_and_corrections_stand_beside_it(manual_city, tmp_path):
    made, board, names = published_month(manual_city, tmp_path)
    asker = Asker(facts_at(board, names), names.city)
    rate = next(one for one in made.figures if one.measure == "handling_rate" and one.by == {"city": "990100"})
    assert (rate.value, rate.position, rate.published) == (0.5, made.position, True)
    assert publish(tmp_path, asker, "2026-03", PUBLISHED) == made, "a month is published once"
    later = corrected(made, figures_of(asker, "2026-03"))
    found = {(one.measure, *one.by.values()): one for one in later}
    again = found["handling_rate", "990100"]
    assert (again.value, again.correction.value, again.correction.position) == (0.5, 1.0, asker.facts.position)
    assert found["on_time_handling_rate", "990100"].correction is None
    assert len({(one.measure, *one.by.values()) for one in made.figures}) == len(made.figures)
    board.close()


def test_whole_months_are_answered_as_they_were_published(manual_city, tmp_path):
    _, board, names = published_month(manual_city, tmp_path)
    asker = Asker(facts_at(board, names), names.city)
    month = Question(*month_of("2026-03"), ("desk",), "month", ("handling_rate",))
    (told_month,) = with_published(tmp_path, asker.ask(month))
    assert (told_month.value, told_month.published, told_month.correction.value) == (0.5, True, 1.0)
    (days,) = with_published(tmp_path, asker.ask(month._replace(end=date(2026, 3, 31))))
    assert (days.value, days.published) == (1.0, False)
    board.close()


def test_a_figure_that_is_new_since_is_a_correction_of_nothing(manual_city, tmp_path):
    made, board, names = published_month(manual_city, tmp_path)
    asker = Asker(facts_at(board, names), names.city)
    fewer = [one for one in made.figures if one.by != {"desk": "990101"}]
    made.figures = fewer
    found = [one for one in corrected(made, figures_of(asker, "2026-03")) if one.by == {"desk": "990101"}]
    assert all(one.value is None and one.correction is not None for one in found)
    assert found
    board.close()


def test_a_month_that_is_not_over_is_not_published(board, names, tmp_path):
    with pytest.raises(MeasureError, match="2026-03 is not over"):
        publish(tmp_path, Asker(facts_at(board, names), names.city), "2026-03", PUBLISHED)
    for wrong in ("2026-13", "March", "../../etc/2026-03"):
        with pytest.raises(MeasureError, match="expected one such as 2026-03"):
            publish(tmp_path, Asker(facts_at(board, names), names.city), wrong, PUBLISHED)
