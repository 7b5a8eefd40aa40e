"""Seeds: what may happen in several orders does so under some seed, the same each time; 3.2's promises are kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
import re
import subprocess
import sys
from zlib import crc32

from fuzz import seeds
from fuzz.repeat import compiled
import pytest

from procession import Machine, ReplayError
from procession.hw.chooser import (
    CPU_GOES_ON,
    CPU_MOVES,
    GOES_ON,
    RUNS_FIRST,
    RUNS_NEXT,
    SLICE_ENDS,
    TAKES_SIGNAL,
    WAKES_FIRST,
    Choice,
    Provider,
)
from procession.include.linux.sched import CLONE_SIGHAND, CLONE_THREAD, CLONE_VM, SCHED_FIFO
from procession.tools.replay import Difference, Replay
from procession.tools.tracefile import TraceWriter

SEEDS = 50
ORDERS = Path(__file__).parent / "orders"
TRAP = ["dash", "-c", 'trap "echo t" TERM; (sleep 0.1; kill $$) & wait; echo $?']
BUSY = ["dash", "-c", "for i in 1 2 3; do (sleep 0.$i; echo $i | cat) & done; wait; seq 1 100 | sort -r | head -3"]


@pytest.fixture(scope="session")
def ordered(compilers):
    """Path of a program of orders/."""
    def build(name):
        compilers.need("musl")
        source = ORDERS / f"{name}.c"
        return [str(compilers.cache.build(name, [*compilers.commands["musl"], str(source)], [source],
                                          compilers.versions["musl"]))]

    return build


# Races show both ends.


RACES = {
    "counter": {"kept\n", "lost\n"}, "threads": {"kept\n", "lost\n"}, "file": {"kept\n", "lost\n"},
    "sigchld": {"wait\n", "the handler\n"},
}


def outcomes(argv, cpus, wanted):
    """What is printed under seeds, up to the one where nothing is wanting."""
    seen = set()
    for seed in range(SEEDS):
        seen.add(Machine(root="/", seed=seed, cpus=cpus).run(argv).output)
        if seen >= wanted:
            break
    return seen


@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.parametrize("name", RACES)
def test_a_race_has_both_outcomes(name, cpus, ordered):
    assert outcomes(ordered(name), cpus, RACES[name]) == RACES[name]


@pytest.mark.parametrize("cpus", [1, 2])
def test_a_signal_races_the_end_of_its_sender(cpus):
    """The shell is interrupted in wait, or finds that the job has ended: so it is on the host."""
    wanted = {"t\n143\n", "t\n0\n"}
    assert outcomes(TRAP, cpus, wanted) == wanted


def test_python_programs_race_as_well():
    """Each call is a moment at which another may run."""
    async def main(linux):
        reader, writer = await linux.pipe()
        for name in (b"a", b"b"):
            if await linux.fork() == 0:
                for _ in range(2):
                    await linux.getpid()
                await linux.write(writer, name)
                await linux.exit(0)
        await linux.wait()
        await linux.wait()
        await linux.write(1, await linux.read(reader, 2))

    assert {Machine(seed=seed).run(main).output for seed in range(SEEDS)} == {"ab", "ba"}


# One seed, one run.


@pytest.mark.parametrize("cpus", [1, 3])
@pytest.mark.parametrize("seed", [1, 2, 3, 1 << 63])
def test_a_seed_gives_one_run(seed, cpus):
    first, again = (Machine(root="/", seed=seed, cpus=cpus, trace=True) for _ in range(2))
    first.run(BUSY)
    again.run(BUSY)
    assert again.events == first.events
    assert again.chooser.record == first.chooser.record != []


@pytest.mark.parametrize("cpus", [1, 3])
def test_recorded_choices_make_the_run_under_any_seed(cpus):
    first = Machine(root="/", seed=5, cpus=cpus, trace=True)
    first.run(BUSY)
    for seed in (0, 5, 6):
        again = Machine(root="/", seed=seed, cpus=cpus, trace=True, choices=first.chooser.record)
        again.run(BUSY)
        assert again.events == first.events
        assert again.chooser.record == first.chooser.record
    plain, told = Machine(root="/", trace=True, cpus=cpus), Machine(root="/", trace=True, cpus=cpus, seed=9, choices=[])
    assert plain.run(BUSY).trace == told.run(BUSY).trace


class Silent(Provider):
    """Is asked everything, and never wants anything else."""

    def __init__(self) -> None:
        self.asked: dict[str, set[int]] = {}

    def decide(self, number: int, kind: str, candidates: Sequence[int]) -> int:
        assert len(set(candidates)) == len(candidates) > 1
        self.asked.setdefault(kind, set()).add(number)
        return 0


@pytest.mark.parametrize("cpus", [1, 2, 3])
def test_asking_changes_nothing(cpus):
    """The first candidate is what happens unasked."""
    silent = Silent()
    plain, asked = Machine(root="/", cpus=cpus, trace=True), Machine(root="/", cpus=cpus, trace=True, choices=silent)
    assert asked.run(BUSY).trace == plain.run(BUSY).trace
    assert set(silent.asked) >= ({RUNS_NEXT, GOES_ON, RUNS_FIRST} if cpus == 1 else {CPU_MOVES, CPU_GOES_ON})
    numbers = sorted(number for kind in silent.asked.values() for number in kind)
    assert numbers == list(range(1, asked.chooser.asked + 1))
    assert asked.chooser.record == []
    assert plain.chooser.asked == 0


@pytest.mark.parametrize("name", ["counter", "threads"])
def test_asking_about_turns_changes_nothing(name, ordered):
    silent = Silent()
    plain, asked = Machine(root="/", trace=True), Machine(root="/", trace=True, choices=silent)
    assert asked.run(ordered(name)).trace == plain.run(ordered(name)).trace
    assert SLICE_ENDS in silent.asked


def test_a_recording_replays_whatever_its_seed(tmp_path):
    path = tmp_path / "trace"
    machine = Machine(root="/", seed=3, cpus=2)
    with path.open("w") as file:
        TraceWriter(machine, file)
        machine.run(TRAP)
    text = path.read_text()
    assert len(re.findall('^{"event":"choice"', text, re.MULTILINE)) == len(machine.chooser.record) > 0
    path.write_text(text.replace('"seed":3', '"seed":0', 1))
    with Replay(path) as replay:
        assert replay.finish().how["status"] == 0
    lines = text.splitlines(keepends=True)
    at = next(at for at, line in enumerate(lines) if line.startswith('{"event":"choice"'))
    renumbered = lines[at].replace('"number":', '"number":1')
    for other in (lines[:at] + lines[at + 1:], [*lines[:at], renumbered, *lines[at + 1:]]):
        path.write_text("".join(other))
        with Replay(path) as replay, pytest.raises(Difference):
            replay.finish()


def test_choices_of_another_program_say_which_question_differs():
    first = Machine(root="/", seed=1)
    first.run(BUSY)
    with pytest.raises(ReplayError, match=r"recorded: question \d+, .*; now asked: question \d+, "):
        Machine(root="/", choices=first.chooser.record).run(TRAP)


def test_a_program_that_ends_before_all_choices_are_made():
    with pytest.raises(ReplayError, match=r"recorded: question 9, runs next, 17 or 18: 18; now the run ends before"):
        Machine(root="/", choices=[Choice(9, RUNS_NEXT, (17, 18), 1)]).run(["/bin/true"])


# What a seed may not do.


@pytest.mark.parametrize("seed", range(0, 40, 5))
def test_first_in_first_out_stays(seed):
    """Priorities and the order within one are promises."""
    async def main(linux):
        async def worker(linux, name):
            for _ in range(3):
                await linux.getpid()
            await linux.print(name, end="")

        await linux.sched_setscheduler(0, SCHED_FIFO, 20)
        for name, priority in (("c", 5), ("a", 10), ("b", 10), ("d", 5)):
            child = await linux.clone(worker, name)
            await linux.sched_setscheduler(child, SCHED_FIFO, priority)
        await linux.nice(5)
        for _ in range(4):
            await linux.wait()

    assert Machine(seed=seed).run(main).output == "abcd"


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_shares_are_those_of_the_nice_values(seed):
    """Nobody gets more than a latency ahead of what is his."""
    script = "i=0; while :; do i=$((i+1)); done"
    both = f"nice -n 5 sh -c '{script}' & a=$!; nice -n 0 sh -c '{script}' & sleep 0.06; kill -9 $a $!; wait"
    command = ["dash", "-c", both]
    machine = Machine(root="/", seed=seed, trace=["sched_process_exit"], check=False)
    used = {}
    machine.trace.subscribe(lambda event: used.setdefault(event.pid, machine.current.se.sum_exec_runtime),
                            "sched_process_exit")
    machine.run(command)
    low, high = sorted(used.values())[-2:]
    assert 2.2 < high / low < 4       # 1024 / 335, to within a turn or two


# Which thread takes a signal, and who wakes first.


def test_a_signal_of_the_process_may_go_to_any_thread_that_wants_it_but_the_leader_comes_first():
    """3.2 goes round the others from where it stopped."""
    silent = Silent()
    Machine(choices=silent).run(_three_threads)
    assert TAKES_SIGNAL in silent.asked
    takers = {Machine(seed=seed).run(_three_threads).output for seed in range(SEEDS)}
    assert takers == {"1", "2", "3"}


async def _three_threads(linux):
    """The leader blocks the signal; who takes it says which one it is."""
    async def takes(_sig):
        leader = await linux.getpid()
        await linux.print(await linux.gettid() - leader, end="")
        await linux.kill(leader, linux.SIGKILL)

    async def thread(linux):
        await linux.pause()

    await linux.sigaction(linux.SIGUSR1, takes)
    for _ in range(3):
        await linux.clone(thread, flags=CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)
    await linux.sigprocmask(linux.SIG_BLOCK, {linux.SIGUSR1})
    await linux.sleep(1)
    await linux.kill(await linux.getpid(), linux.SIGUSR1)
    await linux.pause()


def test_who_waits_without_a_line_may_wake_in_any_order():
    async def main(linux):
        reader, writer = await linux.pipe()
        for name in "abc":
            if await linux.fork() == 0:
                await linux.read(reader, 1)
                await linux.print(name, end="")
                await linux.exit(0)
        await linux.sleep(1)
        await linux.write(writer, b"xyz")
        for _ in range(3):
            await linux.wait()

    silent = Silent()
    Machine(choices=silent).run(main)
    assert WAKES_FIRST in silent.asked
    assert len({Machine(seed=seed).run(main).output for seed in range(SEEDS)}) == 6


# Programs of all kinds.


def test_programs_say_the_same_under_other_orders():
    """A share of what `python -m fuzz.seeds` does; a program is in it, and has its seeds, by its name alone."""
    share = [name for name in seeds.names() if crc32(name.encode()) % 32 == 0]
    assert share
    for run in compiled([{"program": name} for name in share]):
        number = crc32(run["program"].encode()) % 1000 + 1
        for seed in (number, number + 1000):
            assert seeds.failure(run["program"], run["argv"][0], seed, 1) is None


# What is no seed.


@pytest.mark.parametrize("seed", ["x", "", "1.5", "-1", str(1 << 64), "9" * 5000])
def test_what_is_no_seed_is_said_in_a_line(seed):
    done = subprocess.run(
        [sys.executable, "-m", "procession.cli", "run", "--seed", seed, "--", "/bin/true"],
        capture_output=True, text=True, check=False,
    )
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.splitlines()[-1].count("seed") == 1
    assert "Traceback" not in done.stderr


class Once(Provider):
    """Lets somebody else go on, once, and then has nothing to say."""

    def __init__(self, number):
        self.number = number

    def decide(self, number, kind, candidates):
        return int(number == self.number and kind == GOES_ON)


async def racers(linux):
    for name in "ab":
        if await linux.fork() == 0:
            for turn in range(3):
                await linux.print(name, turn)
            await linux.exit(0)
    await linux.wait()
    await linux.wait()


def test_a_recorded_run_makes_its_last_choice_too():
    outputs = set()
    for number in range(1, 30):
        machine = Machine(choices=Once(number))
        output = machine.run(racers).output
        assert Machine(choices=machine.chooser.record).run(racers).output == output
        outputs.add(output)
    assert len(outputs) > 2
