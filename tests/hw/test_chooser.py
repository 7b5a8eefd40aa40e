from hypothesis import given
from hypothesis import strategies as st
import pytest

from procession.hw.chooser import Chooser, ReplayError


def test_same_seed_same_answers():
    a, b = Chooser(7), Chooser(7)
    assert [a.choose("cpu", 4) for _ in range(100)] == [b.choose("cpu", 4) for _ in range(100)]
    assert a.random_bytes(100) == b.random_bytes(100)
    assert a.record == b.record


def test_other_seed_other_answers():
    a, b = Chooser(1), Chooser(2)
    assert [a.choose("cpu", 1000) for _ in range(10)] != [b.choose("cpu", 1000) for _ in range(10)]
    assert a.random_bytes(16) != b.random_bytes(16)


def test_kinds_do_not_disturb_each_other():
    a, b = Chooser(), Chooser()
    for _ in range(50):
        b.choose("task", 9)
        b.random_bytes(3)
    assert [a.choose("cpu", 9) for _ in range(20)] == [b.choose("cpu", 9) for _ in range(20)]


def test_bytes_do_not_depend_on_how_they_are_asked_for():
    a, b = Chooser(), Chooser()
    assert b"".join(a.random_bytes(n) for n in (1, 2, 30, 40, 0, 27)) == b.random_bytes(100)


def test_one_option_is_no_choice():
    chooser = Chooser()
    assert chooser.choose("cpu", ["only"]) == 0
    assert chooser.record == []


def test_choices_give_the_recorded_answers_whatever_the_seed():
    first = Chooser(1)
    answers = [first.choose("cpu", 5) for _ in range(30)]
    second = Chooser(99, choices=first.record)
    assert [second.choose("cpu", 5) for _ in range(30)] == answers
    assert second.record == first.record


def test_choices_go_on_after_their_end():
    again = Chooser(3, choices=[("cpu", 0)])
    assert again.choose("cpu", 4) == 0
    assert 0 <= again.choose("cpu", 4) < 4


@pytest.mark.parametrize("record", [[("task", 0)], [("cpu", 5)]])
def test_choices_of_another_run_is_refused(record):
    with pytest.raises(ReplayError):
        Chooser(0, choices=record).choose("cpu", 3)


@given(st.integers(), st.text(), st.integers(2, 10_000))
def test_answer_is_an_index(seed, kind, options):
    assert 0 <= Chooser(seed).choose(kind, options) < options


def test_answers_are_spread_evenly():
    chooser = Chooser()
    answers = [chooser.choose("x", 8) for _ in range(8000)]
    assert all(850 < answers.count(i) < 1150 for i in range(8))
