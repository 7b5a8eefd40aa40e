"""The machine loop: when it ends, and how."""

from __future__ import annotations

import pytest

from procession.boot import Kernel
from procession.include.linux.bug import KernelBug, KernelPanic
from procession.include.linux.errno import Errno, LinuxError
from procession.kernel import entry, sched

from .conftest import sleep, work


def test_a_limit_stops_the_machine_and_it_goes_on_from_there(k):
    """run() can be called again."""
    log = []

    async def ticker(current, arg):
        for _ in range(3):
            await sleep(current, 10**9)
            log.append(k.clock.now_ns // 10**9)
        return 0

    k.spawn(ticker)
    assert k.go(limit_ns=15 * 10**8) == entry.LIMIT
    assert (log, k.clock.now_ns) == ([1], 15 * 10**8)
    k.settle()
    assert log == [1, 2, 3]


def test_halted_ends_the_run_at_once(k):
    """What PID 1 sets when its program has ended."""

    async def halt(current, arg):
        k.halted = True
        await sleep(current, 10**9)
        return 0

    k.spawn(halt)
    assert k.go() == entry.HALTED
    assert k.clock.now_ns < 10**9


def test_an_exception_out_of_kernel_code_is_an_oops(k):
    """With who ran and what it was; never an errno."""

    async def bad(current, arg):
        return {}["key"]

    k.spawn(bad, name="culprit")
    with pytest.raises(KernelBug, match=r"KeyError.*\n.*\n.*comm: culprit"):
        k.go()


def test_an_errno_nobody_caught_is_a_bug(k):
    """Kernel threads have nobody to tell."""

    async def bad(current, arg):
        raise LinuxError(Errno.EIO, "lost")

    k.spawn(bad)
    with pytest.raises(KernelBug, match="EIO"):
        k.go()


def test_a_newborn_runs_schedule_tail_first(k, monkeypatch):
    """CLONE_CHILD_SETTID is the child's own doing."""
    log = []
    monkeypatch.setattr(entry, "schedule_tail", log.append)

    async def child(current, arg):
        log.append("running")
        return 0

    p = k.spawn(child)
    p.ti_flags |= 1 << 18
    k.settle()
    assert log == [p, "running"]


def test_a_program_that_is_not_there_is_the_callers_error():
    """And no process."""
    with pytest.raises(LinuxError, match="ENOENT"):
        Kernel().run(["/bin/nothing"])


def test_a_program_is_looked_for_along_path():
    """As a shell would."""

    async def hello(sys):
        await sys.print("hello")
        return 3

    result = Kernel(programs={"/opt/hello": hello}).run(["hello"], env={"PATH": "/bin:/opt"})
    assert (result.output, result.exit_code) == ("hello\n", 3)


def test_the_program_can_be_pid_1():
    """Its end is the machine's."""

    async def init(sys):
        return await sys.getpid() + 41

    assert Kernel().run(init, as_init=True).exit_code == 42


def test_the_end_of_time_is_the_end_of_the_machine():
    """After 292 years; it does not end as if the program had."""

    async def main(sys):
        await sys.nanosleep(9_223_372_035 * 10**9)
        await sys.nanosleep(1_854_000_000)
        for _ in range(10_000):
            await sys.getpid()
        await sys.nanosleep(1)

    with pytest.raises(KernelPanic, match="292 years"):
        Kernel().run(main)


@pytest.mark.parametrize("nested", [False, True])
def test_whoever_is_left_behind_goes_even_the_init_of_a_namespace(nested):
    """It may ignore signals from its own namespace, not those from the machine's init."""

    async def init(sys):
        if nested:
            await sys.clone(init_within, flags=sys.CLONE_NEWPID | sys.SIGCHLD)
        while True:
            await sys.sleep(1)

    async def init_within(sys):
        while True:
            await sys.sleep(1)

    async def main(sys):
        await sys.clone(init, flags=sys.CLONE_NEWPID | sys.SIGCHLD)
        await sys.sleep(3)
        return 1

    result = Kernel().run(main)
    assert result.exit_code == 1
    result.check_baseline()


def test_with_two_cpus_a_run_is_repeatable():
    """The chooser decides, not the host."""

    async def main(sys):
        for n in range(3):
            if await sys.fork() == 0:
                await sys.print(f"child {n}")
                await sys.exit(n)
        for _ in range(3):
            await sys.wait()
        return 0

    runs = [Kernel(cpus=2, seed=seed, trace=True).run(main) for seed in (1, 1)]
    assert runs[0].trace == runs[1].trace
    assert runs[0].output == runs[1].output


def test_cpus_never_drift_apart_by_more_than_a_turn(smp):
    """The one behind moves next."""
    spread = []

    async def spin(current, arg):
        for _ in range(200):
            await work(current, 100_000, 10_000)
            clocks = list(smp.clock.cpu_ns)
            clocks[smp.cpu] = smp.clock.now_ns
            spread.append(max(clocks) - min(clocks))
        return 0

    smp.spawn(spin), smp.spawn(spin)
    smp.go(limit_ns=15 * 10**6)
    assert max(spread[5:]) <= entry.CPU_TURN_NS + 20_000
    assert sched.nr_running(smp) == 2
