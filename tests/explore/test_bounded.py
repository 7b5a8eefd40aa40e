"""A search by deviations leaves out only what comes to the same as something that it runs."""

import pytest
from tests.explore.test_objects import LARGE, OUTCOMES, subject

from procession.explorer.bounded import Bounded
from procession.explorer.prefix import Prefix
from procession.explorer.steps import Node, trace_class

# Whether a signal was blocked when it came is seen in how it is sent, and in nothing that comes of it: two classes.
TOLD_APART = {"handler_blocks"}


def every(what, deviations):
    """Run all schedules with at most so many deviations, one by one."""
    todo = [((), deviations)]
    while todo:
        prefix, left = todo.pop()
        run = what.run(Prefix(prefix, footprints=True))
        nodes = run.recorder.nodes
        yield run
        del run
        for number in range(len(prefix), len(nodes) if left else 0):
            node = nodes[number]
            for answer in range(1, len(node.candidates)):
                deviation = Node(node.kind, node.candidates, answer, node.step)
                todo.append(((*nodes[:number], deviation), left - 1))


def told(runs, name):
    """What can be told apart in runs until the program ends, and how many they are. When an init looks is left out."""
    found = []
    for run in runs:
        steps = [step for step in run.recorder.steps[: run.recorder.ended] if step.nr != 1]
        found.append(run.outcome if name in TOLD_APART else trace_class(steps))
        del run
    return set(found), len(found)


@pytest.mark.parametrize("name", OUTCOMES)
def test_nothing_is_lost(name):
    deviations = 1 if name in LARGE else 2
    all_of_them, many = told(every(subject(name), deviations), name)
    found, few = told(Bounded(subject(name), deviations).runs(), name)
    assert found == all_of_them
    assert few <= many


@pytest.mark.parametrize("name", ["masked", "pending", "position_left", "reset", "shared", "stopped_yet", "suspended"])
def test_nothing_is_lost_deeper(name):
    assert told(every(subject(name), 3), name)[0] == told(Bounded(subject(name), 3).runs(), name)[0]


@pytest.mark.parametrize(("name", "most"), [("killed_by", 70), ("two_alarms", 53), ("waited_who", 70)])
def test_much_is_left_out(name, most):
    """More than half of what differs in nothing."""
    _, many = told(every(subject(name), 2), name)
    _, few = told(Bounded(subject(name), 2).runs(), name)
    assert few <= most < 0.7 * many
