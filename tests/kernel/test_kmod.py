"""Programs that the kernel runs, and the workers that do it; asked for by a kernel thread of boot."""

from __future__ import annotations

import pytest

from procession import LinuxError, Machine
from procession.include.linux.errno import Errno
from procession.include.linux.sched import TASK_INTERRUPTIBLE, set_task_state
from procession.include.linux.workqueue import WorkStruct
from procession.kernel import hrtimer, kmod, sched, workqueue

NO_WAIT, WAIT_EXEC, WAIT_PROC = -1, 0, 1
MS = 1_000_000


def run(asks, *, cpus=1, program=None, helpers=(), lasts_ms=50):
    """Have a kernel thread do `await asks(current, said)` while a program sleeps; returns (machine, what was said)."""
    said = []

    async def asker(current, data):
        await asks(current, said)
        while True:
            set_task_state(current, TASK_INTERRUPTIBLE)
            await sched.schedule(current, "asker")

    async def helper(linux):
        said.append((tuple(linux.argv), await linux.getppid(), await linux.getpgid(0), dict(linux.environ)))
        return 3

    async def main(linux):
        await linux.sleep(lasts_ms / 1000)
        return 0

    machine = Machine(cpus=cpus, programs={"/helper": helper, **dict(helpers)}, check=True)
    machine.kernel.kthreads.boot_kthreads["ksmd"] = asker
    assert machine.run(program or main).exit_code == 0
    machine.check_baseline()
    return machine, said


async def ask(current, said, path, wait, argv=(b"helper", b"x"), envp=(b"A=1",), **fns):
    try:
        said.append(await kmod.call_usermodehelper_fns(current, path, argv, envp, wait, fns.pop("init", None), **fns))
    except LinuxError as error:
        said.append(error.errno.name)


@pytest.mark.parametrize(("wait", "result"), [(WAIT_EXEC, 0), (WAIT_PROC, 3 << 8), (NO_WAIT, 0)])
def test_a_program_is_run(wait, result):
    """By a worker, in no group; who waits for its end gets its wait status."""
    _, said = run(lambda current, said: ask(current, said, "/helper", wait))
    seen = (("helper", "x"), 5, 0, {"A": "1"})
    if wait == WAIT_PROC:
        ((argv, parent, group, env), status) = said
        assert (argv, group, env, status) == (*seen[:1], *seen[2:], result)
        assert parent > 17, "a parent of its own reaps it"
    else:
        assert said == [result, seen]


@pytest.mark.parametrize("wait", [WAIT_EXEC, WAIT_PROC])
@pytest.mark.parametrize(("path", "error"), [("/none", "ENOENT"), ("/dev", "EACCES"), ("/dev/null", "EACCES")])
def test_a_program_that_cannot_be_run(path, error, wait):
    _, said = run(lambda current, said: ask(current, said, path, wait))
    assert said == [error]


def test_nothing_to_run():
    """An empty path is done; nobody hears of a failure who does not wait; helpers may be off."""
    async def asks(current, said):
        await ask(current, said, "", WAIT_PROC)
        await ask(current, said, "/none", NO_WAIT)
        kmod.usermodehelper_disable(current.kernel)
        for wait in (NO_WAIT, WAIT_EXEC):
            await ask(current, said, "/helper", wait)

    _, said = run(asks)
    assert said == [0, 0, "EBUSY", "EBUSY"]


def test_one_at_a_time():
    """Who cannot be executed yet, a FIFO without a writer, holds up all others."""
    async def main(linux):
        await linux.mkfifo("/fifo", 0o700)
        await linux.sleep(0.05)
        seen.extend(said)
        await linux.open("/fifo", linux.O_WRONLY)
        await linux.sleep(0.05)
        return 0

    async def asks(current, data):
        said.extend(data)
        set_task_state(current, TASK_INTERRUPTIBLE)
        await hrtimer.schedule_timeout(current, 10 * MS, "asks")
        await ask(current, data, "/fifo", NO_WAIT)
        await ask(current, data, "/helper", NO_WAIT)
        await ask(current, data, "/none", WAIT_EXEC)
        said.append(current.kernel.clock.now_ns // (10 * MS))

    said, seen = [], []
    run(asks, program=main)
    assert (seen, said) == ([], [5])


def test_init_and_cleanup():
    """What init changes of the credentials holds; what it raises is the result; cleanup comes last."""
    async def who(linux):
        order.append((await linux.getuid(), await linux.getppid()))

    order = []

    def become(current, info, new):
        order.append(info.data)
        new.uid = new.euid = new.suid = new.fsuid = 7

    def refuse(current, info, new):
        raise LinuxError(Errno.EDOM, "no")

    async def asks(current, said):
        for init in (become, refuse):
            await ask(current, said, "/who", WAIT_PROC, init=init, cleanup=lambda _: order.append("cleanup"), data="it")

    _, said = run(asks, helpers={"/who": who}.items())
    assert said == [0, "EDOM"]
    assert [item if isinstance(item, str) else item[0] for item in order] == ["it", 7, "cleanup", "cleanup"]


def test_no_memory_for_it():
    """Each kind of object is refused once, then all goes well; nothing is left behind."""
    async def asks(current, said):
        caches = current.kernel.caches
        for name in ("subprocess_info", "task_struct", "cred_jar", "sighand_cache", "signal_cache", "pid"):
            for wait in (WAIT_EXEC, WAIT_PROC):
                cache = caches[name]
                limit, cache.limit = cache.limit, cache.nr_active
                await ask(current, said, "/helper", wait)
                cache.limit = limit
        said.append("well")
        await ask(current, said, "/helper", WAIT_EXEC)

    async def first(current, said):
        await ask(current, said, "/helper", WAIT_EXEC)  # the workers are there
        said.clear()
        await asks(current, said)

    _, said = run(first)
    assert said[:12] == ["ENOMEM"] * 12
    assert said[12] == "well"
    assert 0 in said[13:]


def test_workers_are_tried_again():
    """If the first worker, or the one that is to be idle, cannot be made, the works wait a second."""
    async def asks(current, said):
        cache = current.kernel.caches["task_struct"]
        limit, cache.limit = cache.limit, cache.nr_active

        async def work(current, work):
            said.append((current.kernel.clock.now_ns // (1000 * MS), current.comm, current.pid))

        workqueue.schedule_work(current.kernel, WorkStruct(work))
        set_task_state(current, TASK_INTERRUPTIBLE)
        await hrtimer.schedule_timeout(current, 2500 * MS, "asks")
        cache.limit = limit + 1

    _, said = run(asks, lasts_ms=5000)
    assert said == [(3, "kworker/0:0", 4)]


def test_works_that_sleep_do_not_hold_up_others():
    """Each gets a worker; a queue of one at a time does one at a time; a work that is queued is not queued again."""
    async def asks(current, said):
        k = current.kernel

        async def sleeps(current, work):
            said.append((work.data, current.comm, current.flags & 0x20))
            set_task_state(current, TASK_INTERRUPTIBLE)
            await hrtimer.schedule_timeout(current, 5 * MS, "sleeps")
            said.append(work.data)

        works = [WorkStruct(sleeps, name) for name in "abcd"]
        one = workqueue.alloc_workqueue("one", unbound=True, max_active=1)
        assert [workqueue.schedule_work(k, work) for work in (works[0], works[1], works[0])] == [True, True, False]
        assert [workqueue.queue_work(k, one, work) for work in works[2:]] == [True, True]

    machine, said = run(asks)
    cpu, unbound = ("kworker/0:0", 0x20), ("kworker/u:0", 0x20)
    begun = [("a", *cpu), ("b", "kworker/0:1", 0x20), ("c", *unbound)]
    assert sorted(said[:3]) == begun
    assert sorted(said[3:], key=str) == [("d", *unbound), "a", "b", "c", "d"]
    assert said.index("c") < said.index(("d", *unbound)) < said.index("d")
    assert machine.kernel.wq.gcwq[0].workers == {}


@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_idle_workers_go_after_five_minutes(cpus):
    """Two stay."""
    async def asks(current, said):
        async def sleeps(current, work):
            set_task_state(current, TASK_INTERRUPTIBLE)
            await hrtimer.schedule_timeout(current, 5 * MS, "sleeps")

        k = current.kernel
        for _ in range(5):
            workqueue.schedule_work(k, WorkStruct(sleeps))
        gcwq = k.wq.gcwq[k.cpu]
        for ms in (100, 200_000, 110_000):
            set_task_state(current, TASK_INTERRUPTIBLE)
            await hrtimer.schedule_timeout(current, ms * MS, "asks")
            said.append(len(gcwq.workers))

    async def main(linux):
        for _ in range(400):
            await linux.sleep(1)
        return 0

    _, said = run(asks, cpus=cpus, program=main)
    assert said[0] == said[1] == 6
    assert said[2] <= 3


def test_the_end_waits_for_nobody():
    """A helper that sleeps, and what it has started, are killed with the program's other offspring."""
    async def sleeper(linux):
        await linux.fork()
        while True:
            await linux.pause()

    async def asks(current, said):
        await ask(current, said, "/sleeper", WAIT_EXEC)
        await ask(current, said, "/sleeper", WAIT_PROC)

    machine, said = run(asks, helpers={"/sleeper": sleeper}.items())
    assert said == [0, 9]
    assert [p.comm for p in machine.tasks if p.pid > 2 and p.comm != "ksmd"] == []


@pytest.mark.parametrize(("timeout", "warnings", "reports"), [(None, None, 2), (b"60", b"1", 1), (b"0", None, 0)])
def test_who_sleeps_in_state_d_is_reported(timeout, warnings, reports):
    """After a whole period in which it has not run, as often as there are warnings left; not who waits in vfork(2)."""
    async def sleeper(linux):
        while True:
            await linux.pause()

    async def main(linux):
        for name, value in (("hung_task_timeout_secs", timeout), ("hung_task_warnings", warnings)):
            if value is not None:
                await linux.write_file(f"/proc/sys/kernel/{name}", value)
        if await linux.fork() == 0 and await linux.vfork() == 0:
            await linux.pause()
        for _ in range(400):
            await linux.sleep(1)
        return 0

    machine, _ = run(lambda current, said: ask(current, said, "/sleeper", WAIT_PROC), program=main,
                     helpers={"/sleeper": sleeper}.items())
    lines = [text for _, text in machine.printk_log]
    seconds = (timeout or b"120").decode()
    said = [
        f"INFO: task ksmd:15 blocked for more than {seconds} seconds.",
        '"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.',
        "ksmd            D 0000000000000000     0    15      2 0x00000000",
    ]
    assert [line for line in lines if "INFO: task" in line] == said[:1] * reports
    if reports:
        at = lines.index(said[0])
        assert lines[at : at + 3] == said
