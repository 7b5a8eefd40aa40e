"""The same report whoever runs the schedules, however many, and whoever of them is lost; and from a checkpoint."""

from __future__ import annotations

from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
import json
import multiprocessing
import os
import pickle
import sys

import pytest
from tests import starter
from tests.explore import models

from procession import explore
from procession.explorer import Subject, jobs, prepared
from procession.explorer.frontier import written
from procession.explorer.sight import Job, Looker

EXPLORE = [sys.executable, "-m", "procession", "explore"]


def told(report):
    """What a report says, without times."""
    plain = report.json()
    for key in [key for key in plain if "second" in key or key == "rate"]:
        del plain[key]
    return plain, report.classes, [(one.violation, one.token) for one in report.failures]


@pytest.mark.parametrize("program", [models.two_writers, models.lost_signal], ids=lambda one: one.__name__)
def test_two_jobs_report_what_one_does(program):
    options = {"properties": [models.no_ba], "expect": models.ends_well}
    assert told(explore(program, jobs=2, **options)) == told(explore(program, **options))


def test_two_jobs_report_what_one_does_of_all_orders(monkeypatch):
    options = {"exhaustive": True, "properties": [models.no_ba]}
    alone = told(explore(models.two_writers, **options))
    assert alone[0]["complete"]
    assert told(explore(models.two_writers, jobs=2, **options)) == alone
    monkeypatch.setattr(jobs, "MOST", 3)
    monkeypatch.setattr(jobs, "SLICE", 0.0)
    with ThreadPoolExecutor(3) as pool:
        assert told(explore(models.two_writers, executor=pool, jobs=3, **options)) == alone
        part = told(explore(models.two_writers, executor=pool, schedules=11, **options))
        assert part == told(explore(models.two_writers, schedules=11, **options))


def test_what_schedules_have_in_common_is_sent_once():
    data = jobs.packed(Looker(Subject(models.two_writers)))
    one, many = (len(pickle.dumps(jobs.work(data, [Job(deeper=True)] * count).sights)) for count in (1, 5))
    assert many < 2 * one


def test_samples_and_levels_in_batches(monkeypatch):
    """With schedules at random in the midst, in small batches, by threads of this process; and where it stops."""
    monkeypatch.setattr("procession.explorer.search.SAMPLES", 7)
    alone = told(explore(models.two_writers))
    monkeypatch.setattr(jobs, "MOST", 3)
    monkeypatch.setattr(jobs, "SLICE", 0.0)
    with ThreadPoolExecutor(1) as pool:
        assert told(explore(models.two_writers, executor=pool)) == alone
        for options in ({"schedules": 17}, {"first": True, "properties": [models.no_ba]}):
            part = told(explore(models.two_writers, executor=pool, **options))
            assert part == told(explore(models.two_writers, **options))


@pytest.mark.parametrize("exhaustive", [False, True], ids=["bounded", "exhaustive"])
def test_nobody_is_given_more_than_is_asked_for(exhaustive):
    given = []

    class Counting(ThreadPoolExecutor):
        def submit(self, function, data, batch):
            given.extend(batch)
            return super().submit(function, data, batch)

    with Counting(1) as pool:
        explore(models.two_writers, executor=pool, jobs=4, schedules=14, exhaustive=exhaustive)
    assert len(given) == 13  # the first was run here


@pytest.mark.parametrize("exhaustive", [False, True], ids=["bounded", "exhaustive"])
def test_a_killed_worker_is_replaced(tmp_path, monkeypatch, exhaustive):
    monkeypatch.setenv(models.KILLED, str(tmp_path / "killed"))
    monkeypatch.setenv(models.KILLED + "_NOT", str(os.getpid()))
    report = explore(models.dies_once, jobs=2, exhaustive=exhaustive)
    assert (tmp_path / "killed").exists()
    plain = explore(models.two_writers, exhaustive=exhaustive)
    assert (report.schedules, report.classes, report.complete) == (plain.schedules, plain.classes, True)
    assert report.counts == plain.counts


def test_schedules_that_kill_whoever_runs_them(monkeypatch):
    monkeypatch.setenv(models.KILLED + "_NOT", str(os.getpid()))
    monkeypatch.setattr(jobs, "MOST_LOST", 1)
    with pytest.raises(RuntimeError, match="1 workers were lost over the same"):
        explore(models.dies_in_workers, jobs=2)


def test_a_broken_executor_of_somebody_else(monkeypatch):
    monkeypatch.setenv(models.KILLED + "_NOT", str(os.getpid()))
    with (
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool,
        pytest.raises(RuntimeError, match="the executor is broken"),
    ):
        explore(models.dies_in_workers, executor=pool)


class Fragile(Executor):
    """Breaks at once, for good."""

    def submit(self, *_):
        raise BrokenProcessPool


def crew(monkeypatch, executor):
    """Somebody whose processes are always these."""
    monkeypatch.setattr(jobs.Crew, "_there", lambda _: executor)
    return jobs.Crew(Looker(Subject(models.two_writers)), 1)


def test_processes_that_never_stay_alive(monkeypatch):
    with pytest.raises(RuntimeError, match="no process that runs schedules stays alive"):
        crew(monkeypatch, Fragile())._give([])


def test_a_batch_that_was_cancelled_is_given_out_again(monkeypatch):
    class Solid(Executor):
        def submit(self, *_):
            future = Future()
            future.set_result("seen")
            return future

    lost = Future()
    lost.cancel()
    assert crew(monkeypatch, Solid())._take(jobs._Batch([], lost)) == "seen"
    wrong = Future()
    wrong.set_exception(ValueError("the program's own"))
    with pytest.raises(ValueError, match="own"):
        crew(monkeypatch, Solid())._take(jobs._Batch([], wrong))


def test_what_other_processes_cannot_find():
    async def main(linux):
        return 0

    with pytest.raises(ValueError, match=r"jobs: other processes cannot be given this: .*main is inside another"):
        explore(main, jobs=2)
    with pytest.raises(TypeError, match=r"executor: one of concurrent.futures or a client"):
        explore(models.three, executor=3)


def test_cluster_loses_a_worker(tmp_path, monkeypatch):
    import distributed  # noqa: PLC0415 -- a second, for this test alone

    monkeypatch.setenv(models.KILLED, str(tmp_path / "killed"))
    monkeypatch.setenv(models.KILLED + "_NOT", str(os.getpid()))
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        report = explore(models.dies_once, executor=client)
    assert (tmp_path / "killed").exists()
    plain = explore(models.two_writers)
    assert (report.schedules, report.classes, report.complete) == (plain.schedules, plain.classes, True)
    assert report.counts == plain.counts


# Checkpoints.


def test_goes_on_from_a_checkpoint(tmp_path, monkeypatch):
    """Stopped after every few schedules, it comes to the same as without a stop."""
    monkeypatch.setattr("procession.explorer.search.SAMPLES", 5)
    options = {"properties": [models.no_ba]}
    whole = explore(models.two_writers, **options)
    assert whole.schedules > 32  # there were some at random, too
    file = tmp_path / "state"
    at = 0
    while True:
        at += 6
        part = explore(models.two_writers, checkpoint=file, schedules=at, **options)
        if part.complete:
            break
        assert part.schedules == at
    assert told(part) == told(whole)
    assert told(explore(models.two_writers, checkpoint=file, **options)) == told(whole)  # nothing left to do
    assert not list(tmp_path.glob("*.new"))


@pytest.mark.parametrize("program", [models.two_writers, models.reaped])
def test_goes_on_with_all_orders_from_a_checkpoint(tmp_path, monkeypatch, program):
    """In waves of a few: in the midst of one, and between two of them."""
    monkeypatch.setattr("procession.explorer.dpor.WAVE", 5)
    options = {"exhaustive": True, "properties": [models.no_ba]}
    whole = explore(program, **options)
    file = tmp_path / "state"
    at = 0
    while True:
        at += 4
        part = explore(program, checkpoint=file, schedules=at, **options)
        if part.complete:
            break
        assert part.schedules == at
    assert told(part) == told(whole)
    assert at > 8
    assert told(explore(program, checkpoint=file, **options)) == told(whole)
    with pytest.raises(ValueError, match=r"of another search: exhaustive was True, and is False$"):
        explore(program, checkpoint=file, properties=[models.no_ba])


def test_nothing_of_the_tree_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr("procession.explorer.dpor.WAVE", 3)
    file = tmp_path / "state"
    search = prepared(models.reaped, checkpoint=file, schedules=8, exhaustive=True)
    search.run()
    again = prepared(models.reaped, checkpoint=file, exhaustive=True)
    again.checkpoint.resume()
    assert written(again.orders) == written(search.orders)
    assert all(written(again.orders).values())


def frontier(search):
    """All that decides how a search goes on."""
    bounded = search.bounded
    skipped = {n: [(one.prefix(), things) for one, things in places] for n, places in bounded.skipped.items()}
    waiting = [[one.prefix() for one in places] for places in bounded.waiting]
    return bounded.begun, bounded.level, waiting, skipped, bounded.shared.objects, bounded.shared.touched


def test_nothing_of_the_frontier_is_lost(tmp_path):
    file = tmp_path / "state"
    search = prepared(models.three, checkpoint=file, schedules=12)
    search.run()
    again = prepared(models.three, checkpoint=file)
    again.checkpoint.resume()
    assert frontier(again) == frontier(search)
    assert all(frontier(again))
    assert told(again.report) == told(search.report)


def test_refuses_a_checkpoint_of_another_search(tmp_path):
    file = tmp_path / "state"
    explore(models.two_writers, checkpoint=file, schedules=3)
    with pytest.raises(ValueError, match=r"of another search: deviations was 2, and is 1$"):
        explore(models.two_writers, checkpoint=file, deviations=1)
    with pytest.raises(ValueError, match=r"of another search: program was '.*two_writers', and is '.*three'$"):
        explore(models.three, checkpoint=file)
    state = json.loads(file.read_text())
    file.write_text(json.dumps(state | {"procession checkpoint": 99}))
    with pytest.raises(ValueError, match="a checkpoint of format 99"):
        explore(models.two_writers, checkpoint=file)
    del state["frontier"]
    file.write_text(json.dumps(state))
    with pytest.raises(ValueError, match="a checkpoint that is damaged"):
        explore(models.two_writers, checkpoint=file)
    file.write_text("so what")
    with pytest.raises(ValueError, match=r"state: not a checkpoint$"):
        explore(models.two_writers, checkpoint=file)


class Gone(Exception):
    """As if the process had died."""


def test_the_file_is_there_when_the_process_dies(tmp_path, monkeypatch):
    monkeypatch.setattr("procession.explorer.checkpoint.EVERY", 0.0)
    monkeypatch.setattr("procession.explorer.checkpoint.SHARE", 0)
    file = tmp_path / "state"

    def die(now):
        if now.schedules % 10 == 0:
            raise Gone

    for done in (9, 9, 9):  # the tenth is not counted
        with pytest.raises(Gone):
            explore(models.two_writers, checkpoint=file, progress=die)
        assert json.loads(file.read_text())["schedules"] == done
    assert told(explore(models.two_writers, checkpoint=file)) == told(explore(models.two_writers))


def test_ctrl_c(tmp_path):
    """It writes the state; what comes amid the counting of a schedule leaves the file as it was."""
    file = tmp_path / "state"
    runs = []

    def interrupts(run):
        runs.append(run)
        if len(runs) == 8:
            raise KeyboardInterrupt

    def interrupts_counting(now):
        raise KeyboardInterrupt

    part = explore(models.two_writers, checkpoint=file, progress=interrupts_counting)
    assert part.interrupted
    assert not file.exists()
    part = explore(models.two_writers, checkpoint=file, properties=[interrupts])
    assert (part.interrupted, part.complete, part.schedules) == (True, False, 7)
    rest = explore(models.two_writers, checkpoint=file, properties=[interrupts])
    assert told(rest) == told(explore(models.two_writers))


def command(*words):
    """Run procession explore."""
    return starter.run("explore", *words)


def test_of_the_command(tmp_path):
    state = ["--checkpoint", str(tmp_path / "state")]
    program = f"{models.__file__}:two_writers"
    part = command(*state, "--jobs", "2", "--schedules", "20", program)
    assert part.returncode == 3, part.stderr
    rest = command(*state, program)
    assert rest.returncode == 0, rest.stderr
    assert rest.stdout.startswith(b"nothing wrong in all schedules within 2 deviations: 33 run")
