"""What a step touches: enough that no outcome is lost, and no kind of object that none is lost without."""

from functools import cache
import importlib
from itertools import islice

import pytest
from tests.explore import objects
from tests.explore.oracle import dfs

from procession.explorer.bounded import Bounded
from procession.explorer.dpor import dpor
from procession.explorer.footprints import KINDS
from procession.explorer.sampling import Pos
from procession.explorer.steps import trace_class
from procession.explorer.subject import Subject

# Program of objects.py -> what it prints, in one order or another.
OUTCOMES = {
    "attached": {"0", "10", "11"},
    "autoreaped": {"1", "210"},
    "between": {"0 0", "0 1", "1 0", "1 1"},
    "blocks": {"0 0", "1 0"},
    "children": {"0 0", "1 7"},
    "continued": {"0 0", "1 0"},
    "deathsig": {"0 0", "1 0"},
    "descriptors": {"5 0", "7 0"},
    "directory_links": {"2 0", "3 0"},
    "directory_moves": {"1 0", "202 0"},
    "duplicated": {"0 1", "211 1"},
    "either_zombie": {"0", "1"},
    "epoll": {"1 0", "1 1"},
    "eventfd": {"211 8", "8 8"},
    "exec_group": {"1", "213"},
    "exec_handlers": {"", "h"},
    "fifo": {"1 2", "206 2"},
    "flags": {"1 1", "211 1"},
    "group_grows": {"0 0", "0 1"},
    "group_of_other": {"0 -9", "1 -9"},
    "groups": {"1 2", "203 2"},
    "handler_blocks": {"10 12", "12 10"},
    "hard_link": {"1 0", "2 0"},
    "hostname": {"4 0", "6 0"},
    "ids": {"1 217", "217 1"},
    "ignored_yet_blocked": {"0", "1"},
    "inherited_group": {"0", "1"},
    "inotify": {"1 0", "211 0"},
    "inotify_polled": {"0 0", "1 0"},
    "joins": {"1 -9", "201 -9"},
    "killed_before": {"-10", "-15"},
    "killed_by": {"-10", "-15"},
    "last_end": {"1 0 0 0", "1 211 0 0", "202 0 0 0", "202 211 0 0"},
    "lease": {"0 2", "0 211"},
    "limits": {"100 1", "50 1"},
    "link_moves": {"1 0", "202 0"},
    "listing": {"0 0", "1 0"},
    "made_once": {"1 217", "217 1"},
    "mandatory": {"1 1", "211 1"},
    "mapped": {"97 1", "98 1"},
    "mapped_alone": {"97 1", "98 1"},
    "masked": {"0 0", "1 0"},
    "memory": {"1", "2"},
    "moved_or_gone": {"1 0", "1 203", "203 0", "203 203"},
    "no_stops": {"0 -9", "1 -9"},
    "opened_empty": {"0 1", "3 1"},
    "orphan_stops": {"1", "211"},
    "own_group": {"0", "1"},
    "pending": {"0 0", "1 0"},
    "position": {"97 98", "98 97"},
    "position_left": {"97 98", "98 97"},
    "proc": {"5 0", "12 0"},
    "reaped": {"3 1", "3 203"},
    "reaped_group": {"0 1", "0 203"},
    "reset": {"0 -10", "0 1"},
    "sessions": {"0 201", "201 1"},
    "shared": {"0 1", "5 1"},
    "sigactions": {"0 0", "1 0"},
    "signalfd": {"128 0", "211 0"},
    "socket_name": {"1 2", "202 2"},
    "socket_name_goes": {"1 0", "202 0"},
    "sockets": {"1 1", "211 1"},
    "stopped_yet": {"0", "1"},
    "stops": {"h", "s"},
    "suspended": {"1 0", "2 0"},
    "taken_back": {"1", "211"},
    "terminal": {"1 1", "211 1"},
    "text_busy": {"208 1", "226 1"},
    "text_ends": {"3004", "226003", "226226"},
    "text_free": {"208 -9", "226 -9"},
    "through_link": {"0 3", "3 3"},
    "to_all": {"0", "1"},
    "to_own_group": {"-10", "1"},
    "truncated": {"1 0", "3 0"},
    "two_alarms": {"ab", "ba"},
    "undo": {"0", "211", "211000", "211211"},
    "undo_told": {"0", "1", "1000", "1001"},
    "urandom": {"195 57", "57 195"},
    "waited_for": {"1 0", "211 0"},
    "waited_ignored": {"a", "b"},
    "waited_who": {"a", "b"},
    "waits_for_group": {"0 -9", "210 -9"},
    "waits_for_own_group": {"0", "210"},
    "who_sent": {"a", "a b", "b", "b a"},
    "working_directory": {"2 0", "7 0"},
}
# A hundred schedules and more, most of which only repeat others.
LARGE = {
    *("attached", "between", "blocks", "children", "continued", "deathsig", "either_zombie", "epoll"),
    *("exec_handlers", "group_grows", "handler_blocks", "inherited_group", "joins", "killed_before", "killed_by"),
    *("last_end", "lease", "listing", "memory", "moved_or_gone", "no_stops", "orphan_stops", "reaped_group", "stops"),
    *("text_ends", "text_free", "to_all", "two_alarms"),
    *("undo", "undo_told", "waited_ignored", "waited_who", "waits_for_own_group", "who_sent"),
}
# Kind -> a program that shows less without it: of objects.py, or one of bench/models.
NEEDED = {
    "anonymous": "eventfd",
    "children": "children",
    "everything": "proc",
    "groups": "groups",
    "ids": "ids",
    "inode": "shared",
    "ipc": "semaphore",
    "lease": "lease",
    "locks": "lock_order",
    "mask": "ignored_yet_blocked",
    "member": "group_of_other",
    "memory": "memory",
    "name": "link_moves",
    "pending": "lost_wakeup",
    "position": "position",
    "random": "urandom",
    "sigactions": "sigactions",
    "sockets": "sockets",
    "stops": "stops",
    "task": "orphan",
    "terminal": "terminal",
    "text": "text_busy",
}


# Those that tests of their own have: here, test_faults.py, test_queries.py.
ELSEWHERE = {"ends", "timers", "order"}


def subject(name):
    programs = {"/bin/nothing": objects.nothing, "/bin/pauses": objects.pauses}
    return Subject(getattr(objects, name), as_init=name == "children", max_steps=300, programs=programs)


def printed(outcomes):
    ends = [end for end in outcomes if end is not None]
    return {end.stdout.decode().strip() if end.how == "exit" and not end.stderr else str(end) for end in ends}


def outcomes(runs):
    """All outcomes of runs; those that are said to be alike have the same."""
    found = []
    by_class = {}
    for run in runs:
        found.append(run.outcome)
        if run.outcome is not None:
            assert by_class.setdefault(trace_class(run.recorder.steps), run.outcome) == run.outcome
        del run
    return found


@cache
def all_orders(name):
    """What a program prints in all orders, and how many were run."""
    runs = outcomes(dpor(subject(name)))
    return printed(runs), len(runs)


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_program_has_its_outcomes_whatever_two_of_it_meet_at(name):
    assert all_orders(name)[0] == OUTCOMES[name]


@pytest.mark.parametrize("name", [name for name in OUTCOMES if name not in LARGE])
def test_they_are_those_of_all_schedules_and_of_all_deviations(name):
    assert printed(outcomes(dfs(subject(name), footprints=True))) == OUTCOMES[name]
    assert printed(run.outcome for run in Bounded(subject(name), 20).runs()) == OUTCOMES[name]


@pytest.mark.parametrize("name", sorted(LARGE))
def test_runs_that_are_said_to_be_alike_end_alike(name):
    what = subject(name)
    assert printed(outcomes(what.run(Pos(seed)) for seed in range(60))) <= OUTCOMES[name]


@pytest.mark.parametrize("kind", NEEDED)
def test_leaving_out_a_kind_of_object_loses_an_outcome(kind):
    name = NEEDED[kind]
    if name in OUTCOMES:
        assert printed(run.outcome for run in dpor(subject(name), frozenset({kind}))) < OUTCOMES[name]
    else:
        model = importlib.import_module(f"bench.models.{name}")
        ends = [run.outcome for run in dpor(Subject(model.main), frozenset({kind})) if run.outcome is not None]
        assert {(end.how if end.how != "exit" else end.number, end.stdout.decode()) for end in ends} < model.OUTCOMES


def test_who_closes_a_pipe_last_depends_on_who_has_closed_it_before():
    """Else orders are tried that are none of their own: schedules that come to nothing."""
    main = importlib.import_module("bench.models.two_writers").main

    def redundant(without):
        return sum(run.outcome is None for run in islice(dpor(Subject(main), without), 100))

    assert redundant(frozenset()) <= 1
    assert redundant(frozenset({"ends"})) > 10


def test_the_order_of_signals_that_are_one_is_tried_only_where_the_handler_asks_who_has_sent_it():
    assert all_orders("nobody_asks")[1] < all_orders("who_sent")[1]


def test_each_kind_of_object_is_tried():
    assert set(NEEDED) | ELSEWHERE == set(KINDS)
