"""Boot: the numbers of its kernel threads and of the first program."""

from __future__ import annotations

import errno

import pytest

from procession import Machine
from procession.hw.chooser import RUNS_FIRST, RUNS_NEXT, Provider
from procession.include.linux.pid import PIDTYPE_PID
from procession.include.linux.sched import TASK_INTERRUPTIBLE, set_task_state
from procession.init import kthreads as init_kthreads
from procession.kernel import sched

CPUS = {1: 17, 2: 21, 3: 25, 4: 29, 64: 269}        # the first program's number


async def main(sys):
    child = await sys.fork()
    if child == 0:
        await sys.exit(0)
    await sys.waitpid(child)
    await sys.print(await sys.getpid(), await sys.getppid(), child)


async def sleeps(current, data):
    while True:
        set_task_state(current, TASK_INTERRUPTIBLE)
        await sched.schedule(current, "sleeps")


async def ends(current, data):
    return 0


def threads(machine):
    """The names of all kernel threads but kthreadd, by their numbers."""
    kthreadd, *others = (pid.tasks[PIDTYPE_PID] for nr, pid in sorted(machine.init_pid_ns.pids.items()) if nr > 1)
    assert [p.comm for p in kthreadd] == ["kthreadd"]
    return {p.pid: p.comm for users in others for p in users}


@pytest.mark.parametrize(("cpus", "first"), CPUS.items())
def test_the_first_program_is_13_and_4_for_each_cpu(cpus, first):
    assert first == 13 + 4 * cpus
    machine = Machine(cpus=cpus)
    assert machine.run(main).output == f"{first} 1 {first + 1}\n"
    assert threads(machine) == {}


@pytest.mark.parametrize(("cpus", "first"), CPUS.items())
def test_the_children_of_a_program_that_is_init_begin_there(cpus, first):
    assert Machine(cpus=cpus).run(main, as_init=True).output == f"1 0 {first}\n"


@pytest.mark.parametrize(("cpus", "number"), [(1, 7), (2, 12)])
def test_a_thread_of_boot_gets_its_number_and_the_program_keeps_its_own(cpus, number):
    machine = Machine(cpus=cpus)
    machine.kernel.kthreads.boot_kthreads["khelper"] = sleeps
    result = machine.run(main)
    assert threads(machine) == {number: "khelper"}
    helper = machine.init_pid_ns.pids[number].tasks[PIDTYPE_PID]
    assert [p.real_parent.pid for p in helper] == [2]
    assert result.output == f"{CPUS[cpus]} 1 {CPUS[cpus] + 1}\n"
    result.check_baseline()


@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_all_threads_of_boot_fit_below_the_first_program(cpus):
    """In whatever order they are asked for."""
    names = init_kthreads.boot_kthread_names(cpus)
    machine = Machine(cpus=cpus)
    machine.kernel.kthreads.boot_kthreads.update(dict.fromkeys(reversed(names), sleeps))
    result = machine.run(main)
    assert threads(machine) == dict(zip(range(3, CPUS[cpus]), names, strict=True))
    assert result.output == f"{CPUS[cpus]} 1 {CPUS[cpus] + 1}\n"


def test_a_thread_that_ends_leaves_its_number_to_nobody():
    machine = Machine()
    machine.kernel.kthreads.boot_kthreads.update({"khelper": ends, "ksmd": sleeps})
    result = machine.run(main)
    assert threads(machine) == {15: "ksmd"}
    assert result.output == "17 1 18\n"


def test_numbers_that_come_round_are_not_the_reserved_ones():
    async def forks(sys):
        fd = await sys.open("/proc/sys/kernel/pid_max", sys.O_WRONLY)
        await sys.write(fd, b"310")
        for _ in range(330):
            pid = await sys.fork()
            if pid == 0:
                await sys.exit(0)
            await sys.waitpid(pid)

    result = Machine(trace=["sched_process_fork"]).run(forks)
    numbers = [event.child_pid for event in result.trace if event.parent_pid == 17]
    assert numbers == [*range(18, 310), *range(300, 310), *range(300, 310), *range(300, 310), *range(300, 308)]


def test_when_the_others_are_used_up_the_reserved_numbers_are_not_given_out():
    async def forks(sys):
        fd = await sys.open("/proc/sys/kernel/pid_max", sys.O_WRONLY)
        await sys.write(fd, b"302")
        try:
            while await sys.fork():
                pass
            await sys.pause()
        except OSError as error:
            await sys.exit(error.errno)

    result = Machine(trace=["sched_process_fork"]).run(forks)
    assert result.exit_code == errno.ENOMEM
    assert [event.child_pid for event in result.trace if event.parent_pid == 17] == list(range(18, 302))


# As on a 3.2.4 with two CPUs: number, name, flags, priority, nice value, real-time priority, policy, CPUs.
ON_TWO_CPUS = """\
2 kthreadd 2149613632 20 0 0 0 3
3 ksoftirqd/0 2216722496 20 0 0 0 1
4 kworker/0:0 2216722528 20 0 0 0 1
5 kworker/u:0 2216722528 20 0 0 0 3
6 migration/0 2216722496 -100 0 99 1 1
7 migration/1 2216722496 -100 0 99 1 2
8 kworker/1:0 2216722528 20 0 0 0 2
9 ksoftirqd/1 2216722496 20 0 0 0 2
10 kworker/0:1 2216722528 20 0 0 0 1
11 cpuset 2216722496 0 -20 0 0 3
12 khelper 2216722496 0 -20 0 0 3
13 kdevtmpfs 2149613888 20 0 0 0 3
14 netns 2216722496 0 -20 0 0 3
15 sync_supers 2149613632 20 0 0 0 3
16 bdi-default 2157969472 20 0 0 0 3
17 kblockd 2216722496 0 -20 0 0 3
18 kswapd0 2158233664 20 0 0 0 3
19 ksmd 2149580864 25 5 0 0 3
20 fsnotify_mark 2149613632 20 0 0 0 3
"""


def test_how_they_look_on_two_cpus():
    async def look(sys):
        for nr in range(2, 21):
            stat = (await sys.read_file(f"/proc/{nr}/stat")).decode().split()
            cpus = (await sys.read_file(f"/proc/{nr}/status")).decode().partition("Cpus_allowed:\t")[2].split()[0]
            await sys.print(nr, stat[1].strip("()"), *(stat[at] for at in (8, 17, 18, 39, 40)), cpus)

    machine = Machine(cpus=2)
    assert machine.run(look).output == ON_TWO_CPUS
    machine.check_baseline()


@pytest.mark.parametrize("look", ["/proc/5/stat", "/proc/16/comm"])
def test_to_look_takes_no_time(look):
    """They have been there since boot, and nobody can tell that they were not."""
    async def main(sys):
        before = machine.clock.now_ns
        await sys.getpgid(9)
        took.append(machine.clock.now_ns - before)
        await sys.read_file(look)
        await sys.print(await sys.fork() or "child")

    took = []
    machine = Machine(trace=True)
    assert "18" in machine.run(main).output
    machine.check_baseline()
    other = Machine()
    other.kernel.kthreads.boot_kthreads["ksmd"] = sleeps
    began = len(took)
    machine = other
    machine.run(main)
    assert took[0] == took[began]


class KthreaddLate(Provider):
    """Lets init and the program run before kthreadd takes its first step."""

    def decide(self, number, kind, candidates):
        return int((kind == RUNS_NEXT and tuple(candidates[:2]) == (2, 1)) or kind == RUNS_FIRST)


async def looks(sys):
    await sys.print(len(await sys.listdir("/proc")) > 16)
    await sys.sleep(0.1)


def test_threads_of_boot_ignore_signals_also_if_kthreadd_has_not_run():
    """The SIGKILL with which init ends what is left would wake them again and again."""
    switches = []

    def count(event):
        switches.append(event.next_pid)
        assert len(switches) < 1000

    machine = Machine(choices=KthreaddLate())
    machine.trace.subscribe(count, "sched_switch", vital=True)
    assert machine.run(looks).output == "True\n"
