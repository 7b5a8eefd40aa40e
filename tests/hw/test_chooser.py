from hypothesis import given
from hypothesis import strategies as st
import pytest

from procession.hw.chooser import GOES_ON, RUNS_NEXT, Choice, Chooser, Provider, Recorded, ReplayError, Seeded

FIVE = (3, 5, 7, 9, 11)


def test_same_seed_same_answers():
    a, b = Chooser(7), Chooser(7)
    assert [a.choose("cpu", FIVE) for _ in range(100)] == [b.choose("cpu", FIVE) for _ in range(100)]
    assert a.random_bytes(100) == b.random_bytes(100)
    assert a.record == b.record != []


def test_other_seed_other_answers():
    a, b = Chooser(1), Chooser(2)
    assert [a.choose("cpu", range(1000)) for _ in range(10)] != [b.choose("cpu", range(1000)) for _ in range(10)]
    assert a.random_bytes(16) != b.random_bytes(16)


def test_seed_0_is_the_default_and_is_not_asked():
    chooser = Chooser()
    assert not chooser.active
    assert chooser.choose("cpu", FIVE) == chooser.asked == 0
    assert chooser.record == []


def test_kinds_do_not_disturb_each_other():
    a, b = Chooser(4), Chooser(4)
    for _ in range(50):
        b.choose("task", FIVE)
        b.random_bytes(3)
    assert [a.choose("cpu", FIVE) for _ in range(20)] == [b.choose("cpu", FIVE) for _ in range(20)]


def test_bytes_do_not_depend_on_how_they_are_asked_for():
    a, b = Chooser(), Chooser()
    assert b"".join(a.random_bytes(n) for n in (1, 2, 30, 40, 0, 27)) == b.random_bytes(100)


def test_one_candidate_is_no_question():
    chooser = Chooser(1)
    assert chooser.choose("cpu", [5]) == 0
    assert chooser.asked == 0


def test_who_runs_goes_on_mostly_but_not_always():
    """How seldom, is a matter of the seed."""
    shares = set()
    for seed in range(1, 60):
        chooser = Chooser(seed)
        shares.add(round(100 * sum(map(bool, (chooser.choose(GOES_ON, FIVE) for _ in range(2000)))) / 2000))
    assert min(shares) in range(1, 4)
    assert max(shares) in range(45, 55)


def test_recorded_choices_are_made_whatever_the_seed():
    first = Chooser(1)
    answers = [first.choose("cpu", FIVE) for _ in range(30)]
    second = Chooser(99, Recorded(first.record))
    assert [second.choose("cpu", FIVE) for _ in range(30)] == answers
    assert second.record == first.record
    assert not second.active
    assert second.choose("cpu", FIVE) == 0


def test_a_choice_reads_as_a_sentence():
    assert str(Choice(17, RUNS_NEXT, (3, 5), 1)) == "question 17, runs next, 3 or 5: 5"


@pytest.mark.parametrize("choice", [
    Choice(1, "task", (1, 2), 1), Choice(1, "cpu", (1, 3), 1), Choice(1, "cpu", (1, 2, 3), 1),
])
def test_choices_of_another_run_are_refused(choice):
    chooser = Chooser(0, Recorded([choice]))
    with pytest.raises(ReplayError, match=r"recorded: question 1, .*; now asked: question 1, cpu, 1 or 2"):
        chooser.choose("cpu", (1, 2))


def test_a_run_that_ends_before_all_was_chosen_is_not_the_recorded_one():
    recorded = Recorded([Choice(2, RUNS_NEXT, (1, 2), 1)])
    chooser = Chooser(0, recorded)
    chooser.choose(RUNS_NEXT, (1, 2))
    with pytest.raises(ReplayError, match="recorded: question 2, runs next, 1 or 2: 2; now the run ends before"):
        recorded.finish()
    chooser.choose(RUNS_NEXT, (1, 2))
    recorded.finish()


def test_every_choice_is_heard():
    heard = []
    chooser = Chooser(2)
    chooser.heard = heard.append
    for _ in range(20):
        chooser.choose("cpu", FIVE)
    assert heard == chooser.record


def test_a_provider_that_answers_beside_the_question():
    class Wild(Provider):
        def decide(self, number, kind, candidates):
            return 9

    with pytest.raises(ReplayError, match="no answer 9"):
        Chooser(0, Wild()).choose("cpu", FIVE)


@given(st.integers(0), st.text(), st.integers(2, 10_000))
def test_answer_is_an_index(seed, kind, count):
    assert 0 <= Chooser(seed).choose(kind, range(count)) < count


def test_answers_are_spread_evenly():
    seeded = Seeded(3)
    answers = [seeded.decide(1, "x", range(8)) for _ in range(8000)]
    assert all(850 < answers.count(i) < 1150 for i in range(8))
