"""The calls of Python programs that are made from the declarations: each is the system call of its name."""

import inspect

import pytest

from procession import Machine
from procession.arch.python._calls import PlainCalls

PLAIN = [name for name, what in vars(PlainCalls).items() if inspect.isfunction(what)]


def arguments(name):
    """One argument for each parameter that needs one: a path that leads nowhere, else a number that is no good."""
    params = list(inspect.signature(getattr(PlainCalls, name)).parameters.values())[1:]
    needed = [param for param in params if param.default is param.empty and param.kind is not param.VAR_POSITIONAL]
    return ["/nowhere" if "str" in param.annotation else -1 for param in needed]


@pytest.mark.parametrize("name", PLAIN)
def test_a_call_is_the_one_of_its_name(name):
    """Made in a child, that ends for it or is ended if it sleeps; the tracepoint says which call it was."""
    async def main(sys):
        async def child(sys):
            try:
                await getattr(sys, name)(*arguments(name))
            except OSError:
                pass

        pid = await sys.clone(child, flags=sys.SIGCHLD)
        await sys.nanosleep(1_000_000)
        try:
            await sys.kill(pid, sys.SIGKILL)
        except OSError:
            pass

    made = []
    machine = Machine()
    machine.trace.subscribe(lambda event: made.append((event.common_pid, event.name)), "sys_enter")
    machine.run(main)

    # A call that nobody has implemented ends before anybody is told that it begins; the kernel has noted it.
    noted = machine.kernel.unsupported + machine.kernel.enosys
    child = max(pid for pid, _ in made)
    assert (child, name) in made or noted[name] == 1


# Those written by hand, that take or return more than numbers.


def run(main, **options):
    result = Machine(**options).run(main)
    assert result.stderr == b"", result.stderr.decode()
    assert result.exit_code == 0


def test_who_and_where_a_process_is():
    async def main(sys):
        await sys.setgroups([7, 5, 9])
        assert await sys.getgroups() == [5, 7, 9]
        await sys.setresgid(1, 2, 3)
        await sys.setresuid(0, 4, 0)
        assert await sys.getresgid() == (1, 2, 3)
        assert await sys.getresuid() == (0, 4, 0)
        await sys.setresuid(0, 0, 0)
        assert await sys.sched_getaffinity() == {0, 1}
        await sys.sched_setaffinity(0, {0})
        assert await sys.getcpu() == 0
        await sys.sched_setaffinity(0, {1})
        assert await sys.sched_getaffinity() == {1}
        assert await sys.getcpu() == 1
        await sys.sched_setscheduler(0, sys.SCHED_FIFO, 3)
        assert await sys.sched_getscheduler(0) == sys.SCHED_FIFO
        await sys.sched_setscheduler(0, sys.SCHED_OTHER)
        assert await sys.nice(5) == 0
        assert await sys.getpriority(sys.PRIO_PROCESS, 0) == 15
        await sys.mkdir("/d")
        await sys.chdir("/d")
        assert await sys.getcwd() == "/d"
        await sys.write_file("a", b"text")
        await sys.rename("a", "b")
        directory = await sys.open("/d", sys.O_RDONLY)
        assert await sys.read(await sys.openat(directory, "b"), 9) == b"text"

    run(main, cpus=2)


def test_time_and_figures():
    async def main(sys):
        before = await sys.clock_gettime()
        await sys.clock_nanosleep(sys.CLOCK_MONOTONIC, 0, 2_000_000_000)
        await sys.clock_nanosleep(sys.CLOCK_MONOTONIC, sys.TIMER_ABSTIME, before + 3_000_000_000)
        assert 3_000_000_000 <= await sys.clock_gettime() - before < 3_100_000_000
        seconds, microseconds = await sys.gettimeofday()
        assert seconds == await sys.time()
        assert 0 <= microseconds < 1_000_000
        assert await sys.setitimer(sys.ITIMER_REAL, 5_000_000, 7_000_000) == (0, 0)
        value, interval = await sys.getitimer(sys.ITIMER_REAL)
        assert 4_900_000 < value <= 5_000_000
        assert interval == 7_000_000
        assert (await sys.setitimer(sys.ITIMER_REAL, 0))[1] == 7_000_000
        info = await sys.sysinfo()
        assert info.uptime == 4         # begun seconds count
        assert 0 < info.freeram <= info.totalram
        assert info.procs >= 1
        times = await sys.times()
        assert times.utime >= 0
        assert times.cutime == 0
        assert times.elapsed >= 300

    run(main)


def test_the_macros_of_a_wait_status():
    async def main(sys):
        async def exits(sys):
            await sys.exit_group(9)

        async def loops(sys):
            while True:
                try:
                    await sys.pause()
                except OSError:
                    pass

        child = await sys.clone(exits)
        _, status = await sys.waitpid(child)
        assert sys.WIFEXITED(status)
        assert sys.WEXITSTATUS(status) == 9
        assert not sys.WIFSIGNALED(status)
        assert not sys.WIFSTOPPED(status)
        child = await sys.clone(loops)
        await sys.kill(child, sys.SIGSTOP)
        _, status = await sys.waitpid(child, sys.WUNTRACED)
        assert sys.WIFSTOPPED(status)
        assert sys.WSTOPSIG(status) == sys.SIGSTOP
        assert not sys.WIFSIGNALED(status)
        await sys.kill(child, sys.SIGCONT)
        _, status = await sys.waitpid(child, sys.WCONTINUED)
        assert sys.WIFCONTINUED(status)
        await sys.kill(child, sys.SIGKILL)
        _, status = await sys.waitpid(child)
        assert sys.WIFSIGNALED(status)
        assert sys.WTERMSIG(status) == sys.SIGKILL
        assert not sys.WCOREDUMP(status)
        assert not sys.WIFEXITED(status)

    run(main)


@pytest.mark.parametrize(("name", "args", "error"), [
    ("execve", ("/bin/sh", "sh"), TypeError),
    ("clone", (5,), TypeError),
    ("sigaction", (10, "handler"), TypeError),
    ("peek", ("0", 1), TypeError),
    ("peek", (0, -1), ValueError),
    ("poke", (0.5, b""), TypeError),
])
def test_what_no_call_takes(name, args, error):
    """A mistake in the arguments is an exception where the call is made, and no error number."""
    async def main(sys):
        with pytest.raises(error):
            await getattr(sys, name)(*args)

    run(main)


def test_addresses_of_all_kinds_and_pointers_to_them():
    """A netlink socket's is a pair of numbers; bytes are an address as the kernel has it; pointers are the kernel's."""
    async def main(sys):
        fd = await sys.socket(16, sys.SOCK_RAW, 0)
        await sys.bind(fd, (77, 3))
        await sys.print(await sys.getsockname(fd))
        for out_of_range in (1 << 32, 0), (-1, 0):
            with pytest.raises(ValueError, match="bind"):
                await sys.bind(fd, out_of_range)
        name, length = bytearray(20), bytearray((20).to_bytes(4, "little"))
        await sys.getsockname(fd, name, length)
        await sys.print(name[:12].hex(), length[0])
        await sys.connect(fd, (88, 0))
        await sys.print(await sys.getpeername(fd))
        length[0] = 8
        await sys.getpeername(fd, name, length)
        await sys.print(name[:12].hex(), length[0])
        local = await sys.socket(sys.AF_UNIX, sys.SOCK_DGRAM, 0)
        await sys.bind(local, b"\1\0/tmp/bytes\0")
        await sys.print(await sys.getsockname(local))

    assert Machine().run(main).output == (
        "(77, 3)\n100000004d00000003000000 12\n(88, 0)\n100000005800000003000000 12\n/tmp/bytes\n"
    )
