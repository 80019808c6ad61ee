from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from scenes import when

from streams.outlets.console.lately import Lately


class Counted:
    """A clock that is set, and something to make that counts how often it was made."""

    def __init__(self) -> None:
        self.now, self.made = when("03-02 09:00"), 0

    def clock(self):
        return self.now

    def pass_by(self, seconds):
        self.now += timedelta(seconds=seconds)

    def make(self):
        self.made += 1
        return self.made


@pytest.fixture
def counted():
    return Counted()


def test_a_value_is_given_to_others_while_it_is_fresh(counted):
    lately = Lately(2.5, counted.clock)
    assert lately.get("a", counted.make) == 1
    counted.pass_by(2.4)
    assert lately.get("a", counted.make) == 1
    counted.pass_by(0.1)
    assert lately.get("a", counted.make) == 2
    assert lately.get("b", counted.make) == 3


def test_whoever_wants_it_anew_has_it_made_and_so_have_the_others(counted):
    lately = Lately(2.5, counted.clock)
    lately.get("a", counted.make)
    assert lately.get("a", counted.make, anew=True) == 2
    assert lately.get("a", counted.make) == 2


def test_a_clock_that_was_set_back_makes_no_value_last(counted):
    lately = Lately(2.5, counted.clock)
    lately.get("a", counted.make)
    counted.pass_by(-3600)
    assert lately.get("a", counted.make) == 2


def test_what_could_not_be_made_is_made_by_the_next_who_asks(counted):
    lately = Lately(2.5, counted.clock)
    with pytest.raises(ZeroDivisionError):
        lately.get("a", lambda: 1 // 0)
    assert lately.get("a", counted.make) == 1


def test_no_more_is_kept_than_many_kinds_whoever_asks(counted):
    lately = Lately(2.5, counted.clock)
    for number in range(1000):
        lately.get(number, counted.make)
        assert len(lately._kept) <= 64


def test_many_who_ask_at_once_have_it_made_once(counted):
    lately, began, go = Lately(60, counted.clock), threading.Event(), threading.Event()

    def make():
        began.set()
        assert go.wait(10)
        return counted.make()

    said = []
    threads = [threading.Thread(target=lambda: said.append(lately.get("a", make))) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert began.wait(10)
    go.set()
    for thread in threads:
        thread.join(10)
    assert said == [1] * 5
