"""Numbers: allocation, namespaces, and who keeps a number busy."""

from __future__ import annotations

import errno

import pytest

from procession import Machine
from procession.kernel import pid as kernel_pid

from .test_fork import reap, run


async def set_pid_max(sys, value):
    """Write the sysctl."""
    fd = await sys.open("/proc/sys/kernel/pid_max", sys.O_WRONLY)
    await sys.write(fd, b"%d" % value)
    await sys.close(fd)


async def one(sys):
    """Make a process, reap it, return its number."""
    pid = await sys.fork()
    if pid == 0:
        await sys.exit_group(0)
    await sys.waitpid(pid)
    return pid


# The initial namespace.


def test_numbers_rise_and_wrap_to_300():
    """A number is not given out again before all others were."""
    async def main(sys):
        first = await one(sys)
        second = await one(sys)
        await set_pid_max(sys, 302)
        numbers = [await one(sys) for _ in range(302 - second + 3)]
        await sys.print(second - first, numbers[0] - second, numbers[-6:])

    assert run(main).output == "1 1 [300, 301, 300, 301, 300, 301]\n"


def test_pid_max_has_bounds():
    """301 at least on a small machine."""
    async def main(sys):
        for value in (300, 4194305, 301, 4194304):
            try:
                await set_pid_max(sys, value)
                await sys.print(value)
            except OSError as error:
                await sys.print(errno.errorcode[error.errno])

    assert run(main).output.split() == ["EINVAL", "EINVAL", "301", "4194304"]


def test_the_second_page_of_numbers():
    """Beyond 32768 there is another bitmap page."""
    async def main(sys):
        await set_pid_max(sys, 40000)
        await sys.print(await one(sys), await one(sys))

    k = Machine()

    def skip(event):
        k.init_pid_ns.last_pid = max(k.init_pid_ns.last_pid, 32766)

    k.trace.subscribe(skip, "sys_enter")
    result = k.run(main)
    k.check_baseline()
    assert result.output == "32767 32768\n"
    assert k.init_pid_ns.pidmap[1].nr_free == 32768


def test_a_number_is_kept_by_its_group_and_session():
    """Reaped, but still the name of a group: not given out; free when the last member leaves."""
    async def main(sys):
        await set_pid_max(sys, 304)
        for _ in range(400):
            if await one(sys) == 303:
                break
        leader = await sys.fork()
        if leader == 0:
            await sys.setsid()
            member = await sys.fork()
            if member == 0:
                while True:
                    await sys.pause()
            await sys.exit_group(0)
        await sys.waitpid(leader)
        seen = {await one(sys) for _ in range(8)}
        await sys.print(leader, leader in seen)
        await sys.kill(-leader, sys.SIGKILL)
        await sys.sleep(0.001)
        seen = {await one(sys) for _ in range(8)}
        await sys.print(leader in seen)

    assert run(main).output == "300 False\nTrue\n"


def test_pid_0_outlives_everybody_in_its_group():
    """init leaves group and session 0; the boot task stays there."""
    async def main(sys):
        await sys.setsid()
        await sys.print(await sys.getpgrp(), await sys.getsid(0))

    result = Machine().run(main, as_init=True)
    k = result.kernel
    assert result.output == "1 1\n"
    for users in k.init_struct_pid.tasks:
        assert k.init_task in users
    assert k.init_struct_pid.count == 1


def test_signalling_group_0_leaves_nothing_with_the_idle_task():
    """kill(0) of a process that never left init's group."""
    async def main(sys):
        await sys.sigaction(sys.SIGUSR1, sys.SIG_IGN)
        await sys.kill(0, sys.SIGUSR1)

    k = run(main).kernel
    assert not k.init_task.pending.list
    assert not k.init_task.signal.shared_pending.list
    assert k.users.root_user.sigpending == 0


# Namespaces.


def nested(depth, leaf):
    """Return a program that makes a namespace in a namespace…, and runs leaf in the innermost."""
    async def main(sys):
        for _ in range(depth):
            pid = await sys.clone(None, flags=sys.CLONE_NEWPID | sys.SIGCHLD)
            if pid:
                _, status = await sys.waitpid(pid)
                await sys.exit_group(status >> 8)
        await sys.exit_group(await leaf(sys) or 0)

    return main


@pytest.mark.parametrize("depth", [1, 2, 5, 40])
def test_namespaces_nest(depth):
    """Without the limit of 32 that came later: a number in each level, 1 in the innermost."""
    numbers = []

    async def leaf(sys):
        assert await sys.getpid() == 1
        assert await sys.getppid() == 0
        assert await sys.getpgrp() == 0
        return 5

    k = Machine()
    k.trace.subscribe(lambda _: numbers.append(_numbers(k.current)), "sched_process_exec", "sys_enter")
    result = k.run(nested(depth, leaf))
    k.check_baseline()
    assert result.exit_code == 5
    deepest = max(numbers, key=len)
    assert len(deepest) == depth + 1
    assert deepest[-1] == 1
    assert k.init_pid_ns.count == 1 + len(k.init_pid_ns.pids)


def _numbers(task):
    own = kernel_pid.task_pid(task)
    return [] if own is None else [upid.nr for upid in own.numbers]


def test_the_child_of_a_namespaces_init_is_2():
    """And finds its parent by number 1, its group by 0."""
    async def leaf(sys):
        pid = await sys.fork()
        if pid == 0:
            await sys.print(await sys.getpid(), await sys.getppid(), await sys.getpgrp(), await sys.getsid(0))
            await sys.exit_group(0)
        await sys.print(await sys.waitpid(pid))

    assert run(nested(3, leaf)).output == "2 1 0 0\n(2, 0)\n"


def test_namespace_numbers_wrap_too():
    """pid_max is one for all namespaces, the counters are their own."""
    async def leaf(sys):
        await set_pid_max(sys, 301)
        numbers = [await one(sys) for _ in range(302)]
        await sys.print(numbers[0], numbers[298:302])

    assert run(nested(1, leaf)).output == "2 [300, 300, 300, 300]\n"


def test_orphans_go_to_the_namespaces_own_init():
    """Not to the machine's."""
    async def leaf(sys):
        pid = await sys.fork()
        if pid == 0:
            grandchild = await sys.fork()
            if grandchild == 0:
                await sys.sleep(0.001)
                await sys.exit_group(await sys.getppid())
            await sys.exit_group(0)
        await sys.waitpid(pid)
        _, status = await sys.wait()
        return status >> 8

    assert Machine().run(nested(2, leaf)).exit_code == 1


def test_a_namespaces_init_takes_everybody_along():
    """Threads of init itself, deep families, namespaces inside; its exit code is its own."""
    async def main(sys):
        init = await sys.clone(None, flags=sys.CLONE_NEWPID | sys.SIGCHLD)
        if init == 0:
            level = 0
            while level < 4 and not await sys.fork():
                level += 1
            if level == 4:
                await sys.clone(None, flags=sys.CLONE_NEWPID | sys.SIGCHLD)
            if level == 0:
                await sys.sleep(0.01)
                await sys.exit_group(9)
            while True:
                await sys.pause()
        await sys.sleep(0.005)
        before = sum(name.isdigit() for name in await sys.listdir("/proc"))
        _, status = await sys.waitpid(init)
        after = sum(name.isdigit() for name in await sys.listdir("/proc"))
        await sys.print(before - after, status >> 8)

    assert run(main).output == "6 9\n"


def test_only_the_last_thread_of_a_namespaces_init_zaps():
    """The leader of a threaded init may go first."""
    async def main(sys):
        async def worker(sys):
            await sys.sleep(0.01)
            await sys.exit_group(3)

        async def init(sys):
            pid = await sys.fork()
            if pid == 0:
                while True:
                    await sys.pause()
            await sys.clone(
                worker, flags=sys.CLONE_VM | sys.CLONE_SIGHAND | sys.CLONE_FILES | sys.CLONE_FS | sys.CLONE_THREAD,
            )
            await sys.exit(0)

        pid = await sys.clone(init, flags=sys.CLONE_NEWPID | sys.SIGCHLD)
        await sys.sleep(0.005)
        await sys.print(await sys.waitpid(pid, sys.WNOHANG))
        _, status = await sys.waitpid(pid)
        await sys.print(status >> 8)

    assert run(main).output == "(0, 0)\n3\n"


def test_a_namespace_lives_as_long_as_somebody_holds_a_pid():
    """The pid of a zombie holds it."""
    seen = []

    async def main(sys):
        pid = await sys.clone(None, flags=sys.CLONE_NEWPID | sys.SIGCHLD)
        if pid == 0:
            await sys.exit_group(0)
        await sys.sleep(0.001)
        await sys.getuid()
        await sys.waitpid(pid)
        await sys.sleep(0.001)
        await sys.getgid()
        await reap(sys)

    machine = Machine()
    k = machine.kernel
    k.trace.subscribe(
        lambda event: seen.append(k.caches["pid_namespace"].nr_active) if event[6] in ("getuid", "getgid") else None,
        "sys_enter",
    )
    machine.run(main)
    machine.check_baseline()
    assert seen == [1, 0]


# Flags.


@pytest.mark.parametrize(("flags", "expected"), [
    (0x20000000 | 0x8000, "EINVAL"),                    # NEWPID with PARENT
    (0x20000000 | 0x10000 | 0x800 | 0x100, "EINVAL"),   # NEWPID with THREAD
    (0x8000000 | 0x40000, "EINVAL"),                    # NEWIPC with SYSVSEM
    (0x20000 | 0x200, "EINVAL"),                        # NEWNS with FS
    (0x10000000 | 0x10000, "EINVAL"),                   # NEWUSER with THREAD
    (0x10000000 | 0x200, "ok"),                         # NEWUSER with FS
    (0x20000000 | 0x100, "ok"),                         # NEWPID with VM
    (0x1000 | 0x2000000 | 0x400000, "ok"),              # bits without a meaning
])
def test_flags_as_root(flags, expected):
    """Later kernels differ in several of them (spec 2.2)."""
    async def main(sys):
        async def child(sys):
            return 0

        try:
            await sys.clone(child, flags=flags | sys.SIGCHLD)
            await sys.print("ok")
        except OSError as error:
            await sys.print(errno.errorcode[error.errno])
        await reap(sys)

    assert run(main).output == f"{expected}\n"


@pytest.mark.parametrize(("flags", "expected"), [
    (0x20000000 | 0x8000, "EPERM"),                     # the capability is asked for before what is wrong
    (0x20000000 | 0x10000 | 0x800 | 0x100, "EPERM"),
    (0x20000000 | 0x10000, "EINVAL"),                   # but behind the plain checks
    (0x10000000, "EPERM"),
    (0x10000000 | 0x10000, "EINVAL"),
    (0x4000000, "EPERM"),
    (0x40000000, "EPERM"),
])
def test_flags_as_a_user(flags, expected):
    """Rows 1 to 19 of spec 2.2 in their order."""
    async def main(sys):
        async def child(sys):
            return 0

        await sys.setresuid(1000, 1000, 1000)
        try:
            await sys.clone(child, flags=flags | sys.SIGCHLD)
            await sys.print("ok")
        except OSError as error:
            await sys.print(errno.errorcode[error.errno])
        await reap(sys)

    assert run(main).output == f"{expected}\n"
