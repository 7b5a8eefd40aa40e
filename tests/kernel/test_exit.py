"""The end of tasks: references, who hears of it, who adopts, who reaps."""

from __future__ import annotations

import ast
import errno
from pathlib import Path

import pytest

import procession
from procession import Machine
from procession.include.linux.bug import KernelBug
from procession.include.linux.sched import (
    EXIT_DEAD,
    EXIT_NONE,
    EXIT_ZOMBIE,
    TASK_DEAD,
    TASK_INTERRUPTIBLE,
    next_thread,
    threads_from,
)
from procession.kernel import exit, exit_pgrp, exit_wait

from .test_fork import PROGRAMS, reap, run

THREAD = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000


def watch(main, look, **options):
    """Run a program; look(kernel, current) is called each time it calls getuid(2). Returns (result, what look said)."""
    said = []
    machine = Machine(**options)
    k = machine.kernel
    k.trace.subscribe(lambda event: said.append(look(k, k.current)) if event[6] == "getuid" else None, "sys_enter")
    result = machine.run(main)
    assert result.stderr == b""
    machine.check_baseline()
    return result, said


def child_of(current):
    return next(iter(current.children))


# The states of a death.


def bare_assignments(text):
    """(line, value) of each assignment to a field exit_state."""
    for node in ast.walk(ast.parse(text)):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        parts = [part for target in targets if target for part in ast.walk(target)]
        if any(isinstance(part, ast.Attribute) and part.attr == "exit_state" for part in parts):
            yield node.lineno, ast.unparse(node.value)


def test_exit_state_changes_in_one_function():
    """Elsewhere it is only given to a newborn."""
    source = Path(procession.__file__).parent
    found = {
        (path.name, value)
        for path in source.rglob("*.py") for _, value in bare_assignments(path.read_text()) if value != "EXIT_NONE"
    }

    assert found == {("exit.py", "new")}
    assert list(bare_assignments("a.b = p.exit_state = EXIT_DEAD\nx = p.exit_state")) == [(1, "EXIT_DEAD")]


@pytest.mark.parametrize(("state", "old", "new"), [
    (EXIT_NONE, EXIT_ZOMBIE, EXIT_DEAD), (EXIT_DEAD, EXIT_ZOMBIE, EXIT_DEAD), (EXIT_ZOMBIE, EXIT_NONE, EXIT_ZOMBIE),
])
def test_a_wrong_predecessor_is_refused(k, state, old, new):
    p = k.init_pid_ns.child_reaper
    p.exit_state = state
    with k.tasklist_lock.write_irq(), pytest.raises(KernelBug, match="wrong exit_state"):
        exit.advance_exit_state(p, old, new)
    assert p.exit_state == state


def test_exit_state_changes_under_tasklist_lock(k):
    """A zombie may be claimed by a reader, as wait4 does; all else needs the lock for writing."""
    p = k.init_pid_ns.child_reaper
    with pytest.raises(KernelBug, match="lock not held"):
        exit.advance_exit_state(p, EXIT_NONE, EXIT_ZOMBIE)
    with k.tasklist_lock.read(), pytest.raises(KernelBug, match="lock not held"):
        exit.advance_exit_state(p, EXIT_NONE, EXIT_ZOMBIE)
    with k.tasklist_lock.write_irq():
        exit.advance_exit_state(p, EXIT_NONE, EXIT_ZOMBIE)
    with pytest.raises(KernelBug, match="lock not held"):
        exit.advance_exit_state(p, EXIT_ZOMBIE, EXIT_DEAD)
    with k.tasklist_lock.read():
        exit.advance_exit_state(p, EXIT_ZOMBIE, EXIT_DEAD)
    assert p.exit_state == EXIT_DEAD


@pytest.mark.parametrize("function", [
    lambda p: exit.reparent_leader(p, p, []),
    lambda p: exit_pgrp.kill_orphaned_pgrp(p, None),
    lambda p: exit.unhash_process_locked(p, True),
    exit.exit_signal_locked,
])
def test_a_step_that_needs_tasklist_lock_says_so(k, function):
    with pytest.raises(KernelBug, match=r"lock not held.*: tasklist_lock"):
        function(k.init_pid_ns.child_reaper)


# References.


def test_usage_through_a_life():
    """Two at birth; a zombie has one; the rest waits for the grace period (spec 15.4)."""
    async def main(sys):
        pid = await sys.fork()
        if pid == 0:
            await sys.pause()
        await sys.sleep(0.001)
        await sys.getuid()
        await sys.kill(pid, sys.SIGKILL)
        await sys.sleep(0.001)
        await sys.getuid()
        await sys.waitpid(pid)

    def look(k, current):
        p = child_of(current)
        return p.usage, p.exit_state, p.state, p.mm, p.files, p.nsproxy, p.sighand is None, p.signal.sigcnt

    _, said = watch(main, look)
    assert said[0][:3] == (2, EXIT_NONE, TASK_INTERRUPTIBLE)
    assert said[1] == (1, EXIT_ZOMBIE, TASK_DEAD, None, None, None, False, 1)


def test_counts_of_a_threaded_process():
    """live, nr_threads and sigcnt go down one after the other (spec 1.5)."""
    async def main(sys):
        async def worker(sys):
            await sys.sleep(0.002)

        for _ in range(3):
            await sys.clone(worker, flags=THREAD)
        await sys.getuid()
        await sys.sleep(0.01)
        await sys.getuid()

    def look(k, current):
        sig = current.signal
        return sig.live, sig.nr_threads, sig.sigcnt, len(sig.threads), current.sighand.count, current.mm.mm_users

    _, said = watch(main, look)
    assert said == [(4,) * 6, (1,) * 6]


def test_a_number_is_free_before_the_task_is():
    """Both within the wait that reaps (spec 4)."""
    async def main(sys):
        pid = await sys.fork()
        if pid == 0:
            await sys.exit_group(0)
        await sys.getuid()
        await sys.waitpid(pid)
        await sys.getuid()

    _, said = watch(main, lambda k, _: len(k.init_pid_ns.pids) - k.nr_threads)
    assert said == [0, 0]


# Waiting.


def test_a_waiter_is_queued_before_it_looks(monkeypatch):
    """Else an end between the look and the sleep would wake nobody."""
    seen = []
    look = exit_wait.wait_consider_task

    def consider(current, wo, p, traced):
        seen.append([entry.task for entry in current.signal.wait_chldexit.task_list] == [current])
        return look(current, wo, p, traced)

    monkeypatch.setattr(exit_wait, "wait_consider_task", consider)

    async def main(sys):
        pid = await sys.fork()
        if pid == 0:
            await sys.exit_group(0)
        await sys.waitpid(pid)

    run(main)
    assert seen
    assert all(seen)


# Threads.


def test_the_ring_of_threads_begins_anywhere():
    """As while_each_thread goes round, whoever it begins with."""
    async def main(sys):
        async def idle(sys):
            await sys.sleep(0.001)

        for _ in range(2):
            await sys.clone(idle, flags=THREAD)
        await sys.getuid()
        await sys.sleep(0.002)
        await sys.getuid()

    def look(k, current):
        first = current.pid
        return [([t.pid - first for t in threads_from(p)], next_thread(p).pid - first) for p in current.signal.threads]

    _, said = watch(main, look)
    assert said == [[([0, 1, 2], 1), ([1, 2, 0], 2), ([2, 0, 1], 0)], [([0], 0)]]


# Reparenting.


def test_a_reaper_is_found_and_made_under_tasklist_lock(monkeypatch):
    """Whether a fellow thread takes the role over, or init waits until its namespace is empty."""
    held = []
    find = exit.find_new_reaper

    def finds(father):
        held.append(father.kernel.tasklist_lock.held is not None)
        return find(father)

    monkeypatch.setattr(exit, "find_new_reaper", finds)

    async def main(sys):
        async def first(sys):
            async def fellow(sys):
                await sys.sleep(0.001)

            async def orphan(sys):
                await sys.pause()

            await sys.clone(orphan)
            await sys.clone(fellow, flags=THREAD)
            await sys.exit(0)

        pid = await sys.clone(first, flags=sys.CLONE_NEWPID | sys.SIGCHLD)
        await sys.print((await sys.waitpid(pid))[1])

    assert run(main).output == "0\n"
    assert held
    assert all(held)


@pytest.mark.parametrize("threads", [0, 2])
def test_orphans_of_a_thread_go_to_its_fellows(threads):
    """A thread that ends leaves its children to the process, which keeps their exit signal."""
    async def main(sys):
        async def worker(sys):
            async def child(sys):
                await sys.sleep(0.01)

            await sys.clone(child, flags=sys.SIGUSR1)
            return 0

        async def idle(sys):
            await sys.sleep(0.02)

        for _ in range(threads):
            await sys.clone(idle, flags=THREAD)
        await sys.sigaction(sys.SIGUSR1, sys.SIG_IGN)
        await sys.clone(worker, flags=THREAD)
        await sys.sleep(0.005)
        await sys.getuid()
        await reap(sys)

    def look(k, current):
        found = [(p, t) for t in current.signal.threads for p in t.children]
        (p, parent), = found
        return p.exit_signal, p.real_parent is parent, parent.signal is current.signal

    _, said = watch(main, look)
    assert said == [(10, True, True)]


def test_an_orphan_of_another_process_gets_sigchld():
    """Its new parent knows nothing of a special exit signal."""
    async def main(sys):
        pid = await sys.fork()
        if pid == 0:
            async def grandchild(sys):
                await sys.sleep(0.01)

            await sys.clone(grandchild, flags=sys.SIGUSR1)
            await sys.exit_group(0)
        await sys.waitpid(pid)
        await sys.getuid()
        await sys.sleep(0.02)

    def look(k, current):
        init = k.init_pid_ns.child_reaper
        return [(p.exit_signal, p.real_parent is init) for p in init.children if p is not current.group_leader]

    _, said = watch(main, look)
    assert said == [[(17, True)]]


# Exit signals.


def test_exec_makes_the_exit_signal_sigchld():
    """Whether parent or child has executed something since the fork (spec 8.3.4)."""
    async def main(sys):
        got = []

        def note(sig):
            got.append(sig)

        for sig in sys.SIGCHLD, sys.SIGUSR1:
            await sys.sigaction(sig, note)

        async def plain(sys):
            return 0

        async def execs(sys):
            await sys.execve("/bin/other", ["other"])

        for fn in plain, execs:
            pid = await sys.clone(fn, flags=sys.SIGUSR1)
            while True:
                try:
                    _, status = await sys.waitpid(pid, sys.WALL)
                    break
                except InterruptedError:
                    pass
            await sys.print(got, status >> 8)
            got.clear()

    assert run(main, programs=PROGRAMS).output == "[10] 0\n[17] 77\n"


def test_an_exit_signal_beyond_the_last_is_never_sent():
    """Not refused either; the child counts as a clone child (spec 2.2)."""
    async def main(sys):
        async def child(sys):
            return 3

        pid = await sys.clone(child, flags=200)
        try:
            await sys.waitpid(pid)
        except ChildProcessError:
            await sys.print("clone child")
        await sys.print((await sys.waitpid(pid, sys.WCLONE))[1] >> 8)

    assert run(main).output == "clone child\n3\n"


# exec and exit of threads.


@pytest.mark.parametrize("others", [0, 1, 3])
def test_exec_in_a_thread_becomes_the_leader(others):
    """It gets number, place among its siblings, and the leader's start time; not its boot-based one."""
    async def main(sys):
        async def idle(sys):
            while True:
                await sys.pause()

        async def worker(sys):
            await sys.execve("/bin/report", ["report"])

        pid = await sys.fork()
        if pid == 0:
            for _ in range(others):
                await sys.clone(idle, flags=THREAD)
            await sys.sleep(0.001)
            await sys.clone(worker, flags=THREAD)
            await idle(sys)
        younger = await sys.fork()
        if younger == 0:
            await idle(sys)
        _, status = await sys.waitpid(pid)
        await sys.print(status >> 8)
        await sys.kill(younger, sys.SIGKILL)
        await sys.waitpid(younger)

    async def report(sys):
        assert await sys.getpid() == await sys.gettid()
        await sys.getuid()
        return 4

    def look(k, current):
        siblings = list(current.real_parent.children)
        sig = current.signal
        return (
            siblings.index(current), current.pid == current.tgid, current.group_leader is current, current.exit_signal,
            current.start_time < current.real_start_time, list(sig.threads) == [current], sig.notify_count,
            sig.group_exit_task, current in k.tasks, sig.leader_pid is current.pids[0], k.nr_threads - k.process_counts,
        )

    result, said = watch(main, look, programs={"/bin/report": report})
    assert result.output == "4\n"
    assert said == [(0, True, True, 17, True, True, 0, None, True, True, 0)]


def test_two_threads_execute_at_once():
    """One wins; the other is killed on the way, and nothing is left of it."""
    async def main(sys):
        async def worker(sys):
            await sys.execve("/bin/other", ["other"])

        pid = await sys.fork()
        if pid == 0:
            await sys.clone(worker, flags=THREAD)
            await sys.clone(worker, flags=THREAD)
            await sys.execve("/bin/other", ["other"])
        await sys.print((await sys.waitpid(pid))[1])

    for cpus in 1, 2, 4:
        assert run(main, programs=PROGRAMS, cpus=cpus).output == f"{77 << 8}\n"


def test_exit_group_meets_exec():
    """Whoever is first decides."""
    async def main(sys):
        async def worker(sys):
            await sys.exit_group(3)

        pid = await sys.fork()
        if pid == 0:
            await sys.clone(worker, flags=THREAD)
            await sys.execve("/bin/other", ["other"])
        _, status = await sys.waitpid(pid)
        assert status in (3 << 8, 77 << 8)

    for cpus in 1, 2:
        for seed in range(4):
            run(main, programs=PROGRAMS, cpus=cpus, seed=seed)


# Limits.


def test_the_machines_task_limit_is_for_root_too():
    """EAGAIN, and a place is free again when somebody is reaped."""
    async def main(sys):
        count = 0
        while True:
            try:
                pid = await sys.fork()
            except OSError as error:
                await sys.print(errno.errorcode[error.errno])
                break
            if pid == 0:
                while True:
                    await sys.pause()
            count += 1
        await sys.kill(pid, sys.SIGKILL)
        await sys.waitpid(pid)
        pid = await sys.fork()
        if pid == 0:
            await sys.exit_group(0)
        await sys.print("ok")
        await sys.kill(-1, sys.SIGKILL)
        await reap(sys)

    result = Machine(memory=4 << 20).run(main)
    result.check_baseline()
    assert result.output == "EAGAIN\nok\n"
    assert result.kernel.max_threads == 64


def test_a_users_limit_counts_threads_and_zombies():
    """RLIMIT_NPROC: EAGAIN for everybody but root and two capabilities; init's user is exempt."""
    async def main(sys):
        async def idle(sys):
            while True:
                await sys.pause()

        async def attempt():
            try:
                pid = await sys.fork()
            except OSError as error:
                return errno.errorcode[error.errno]
            if pid == 0:
                await sys.exit_group(0)
            return pid

        await sys.setrlimit(sys.RLIMIT_NPROC, (3, 3))
        await sys.waitpid(await attempt())
        await sys.setresuid(1000, 1000, 1000)
        await sys.clone(idle, flags=THREAD)
        zombie = await attempt()
        await sys.sleep(0.001)
        await sys.print(await attempt())
        await sys.waitpid(zombie)
        last = await attempt()
        await sys.print(type(last).__name__)
        await sys.waitpid(last)

    assert run(main).output == "EAGAIN\nint\n"


@pytest.mark.parametrize(("goes", "code"), [(False, errno.EAGAIN), (True, 77)])
def test_setuid_over_the_limit_fails_at_exec(goes, code):
    """Not at setuid(2), and only if there are still too many by then (spec 19)."""
    async def main(sys):
        others = []
        for _ in range(2):
            pid = await sys.fork()
            if pid == 0:
                await sys.setresuid(1000, 1000, 1000)
                await sys.pause()
            others.append(pid)
        pid = await sys.fork()
        if pid == 0:
            await sys.sleep(0.001)
            await sys.setrlimit(sys.RLIMIT_NPROC, (2, 2))
            await sys.setresuid(1000, 1000, 1000)
            await sys.sleep(0.004)
            try:
                await sys.execve("/bin/other", ["other"])
            except OSError as error:
                await sys.exit_group(error.errno)
        await sys.sleep(0.003)
        if goes:
            await sys.kill(others[0], sys.SIGKILL)
            await sys.waitpid(others.pop(0))
        await sys.print((await sys.waitpid(pid))[1] >> 8)
        for other in others:
            await sys.kill(other, sys.SIGKILL)
        await reap(sys)

    assert run(main, programs=PROGRAMS).output == f"{code}\n"


# init.


def test_the_end_of_init_is_the_end_of_the_run():
    """What is a panic to Linux, if the program was booted as init."""
    async def main(sys):
        await sys.exit_group(5)

    assert Machine().run(main, as_init=True).exit_code == 5


def test_init_does_not_mind_sigkill():
    """From its own namespace."""
    async def main(sys):
        await sys.kill(1, sys.SIGKILL)
        await sys.print("still here")

    assert run(main).output == "still here\n"


def test_descriptors_of_the_console_are_dev_console():
    """By device and inode number, as ttyname(3) compares."""
    async def main(sys):
        console = await sys.stat("/dev/console")
        for fd in range(3):
            st = await sys.fstat(fd)
            await sys.print((st.st_dev, st.st_ino, st.st_rdev) == (console.st_dev, console.st_ino, console.st_rdev))

    assert run(main).output == "True\n" * 3
