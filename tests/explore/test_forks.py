"""A search that forks sees what one does that runs each schedule from the boot."""

from __future__ import annotations

import gc
import os

import pytest

from procession import Machine, explore
from procession.explorer import Subject, forks
from procession.explorer.forks import Branches
from procession.explorer.sight import Job, Looker
from procession.explorer.steps import Node

pytestmark = pytest.mark.unchecked

SHELL = ["/bin/sh", "-c", "(exit 3) & echo a | cat; wait $!; echo $?"]


def from_the_boot(looker, jobs):
    return [looker.sight(looker.run(job), job) for job in jobs]


def forking(looker, jobs):
    branches = Branches(looker)
    branches.warm, branches.alone = 0, 1e9
    return [(job, sight) for job, sight, _ in branches.each(iter(jobs), len(jobs))]


@pytest.fixture(scope="module")
def looker():
    return Looker(Subject(SHELL, root="/"))


@pytest.fixture(scope="module")
def jobs(looker):
    """Gives schedules of all kinds: one deviation, two, none, at random."""
    nodes = looker.run(Job()).recorder.nodes

    def deviating(nodes, number):
        node = nodes[number]
        return (*nodes[:number], Node(node.kind, node.candidates, len(node.candidates) - 1, node.step))

    first = deviating(nodes, 4)
    behind = looker.run(Job(first)).recorder.nodes
    return [
        *(Job(deviating(behind, number), deeper=True) for number in range(5, min(len(behind), 7))),
        *(Job(deviating(nodes, number), deeper=True) for number in range(0, len(nodes), 5)),
        Job(),
        *(Job(sample=(0, number, 40)) for number in range(2)),
    ]


def test_what_is_seen_is_the_same(looker, jobs, monkeypatch):
    copies = []
    monkeypatch.setattr(forks.os, "fork", lambda fork=os.fork: copies.append(fork()) or copies[-1])
    seen = forking(looker, jobs)
    assert len(copies) > 2
    assert [job for job, _ in seen] == jobs
    assert [sight for _, sight in seen] == from_the_boot(looker, jobs)


def test_a_copy_that_is_lost_is_run_again(looker, jobs, monkeypatch):
    monkeypatch.setattr(forks.pickle, "dump", lambda *_: os._exit(1))
    assert [sight for _, sight in forking(looker, jobs[-3:])] == from_the_boot(looker, jobs[-3:])


def test_only_what_calls_nobody_is_copied():
    async def main(_linux):
        return 0

    assert Branches(Looker(Subject(SHELL))).possible
    for other in (
        Looker(Subject(main)),
        Looker(Subject(SHELL, programs={"/bin/x": main})),
        Looker(Subject(SHELL), own=(lambda _run: None,)),
        Looker(Subject(SHELL), expect=lambda _outcome: True),
    ):
        assert not Branches(other).possible


def test_machines_are_given_back_one_by_one():
    """And Python's collector is found as it was."""
    alive = []

    async def main(linux):
        if await linux.fork() == 0:
            await linux.exit(0)
        await linux.wait()

    def count(_progress):
        alive.append(sum(isinstance(one, Machine) for one in gc.get_objects()))

    before = gc.isenabled(), gc.get_freeze_count(), gc.get_threshold()
    explore(main, deviations=3, schedules=40, progress=count)
    assert (gc.isenabled(), gc.get_freeze_count(), gc.get_threshold()) == before
    assert max(alive) - min(alive) <= 1
