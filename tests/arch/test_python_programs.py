"""Python programs: their system calls, fork by re-execution, signals, and how they end."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from procession import Machine
from procession.include.asm.ptrace import PTRACE_GETREGS, PTRACE_SYSEMU
from procession.include.linux.ptrace import (
    PTRACE_CONT,
    PTRACE_O_TRACESYSGOOD,
    PTRACE_SETOPTIONS,
    PTRACE_SYSCALL,
    PTRACE_TRACEME,
)
from procession.include.linux.signal import SIGSTOP


def run(main, **kwargs):
    """Run a program; returns what it wrote to standard output."""
    result = Machine(**kwargs).run(main)
    assert result.stderr == b""
    return result.output


# fork.


def test_fork_returns_twice():
    """The child gets 0 and its own copy of what the program has built."""
    async def main(sys):
        items = ["made by the parent"]
        pid = await sys.fork()
        items.append("child" if pid == 0 else "parent")
        if pid == 0:
            await sys.print(items)
            return 3
        got, status = await sys.waitpid(pid)
        await sys.print(items, got == pid, sys.WEXITSTATUS(status))
        return 0

    assert run(main) == "['made by the parent', 'child']\n['made by the parent', 'parent'] True 3\n"


def test_grandchildren_are_copies_of_copies():
    """Three forks in a row make eight processes."""
    async def main(sys):
        path = ""
        for level in "abc":
            path += level if await sys.fork() == 0 else "-"
        while True:
            try:
                await sys.wait()
            except ChildProcessError:
                break
        await sys.print(path)

    lines = run(main).split()

    assert sorted(lines) == sorted(a + b + c for a in "a-" for b in "b-" for c in "c-")
    assert lines[-1] == "---"


def test_re_execution_has_no_side_effects():
    """What the parent wrote before the fork is not written again."""
    async def main(sys):
        await sys.print("once")
        reader, writer = await sys.pipe()
        await sys.write(writer, b"data")
        data = await sys.read(reader, 10)
        if await sys.fork() == 0:
            await sys.print(data)
        else:
            await sys.wait()

    assert run(main) == "once\nb'data'\n"


def test_a_program_with_another_input_is_killed_by_sigabrt():
    """A global that the parent has changed makes the copy go astray; it is told so."""
    counter = [0]

    async def main(sys):
        counter[0] += 1
        await sys.print("run", counter[0])
        pid = await sys.fork()
        if pid:
            _, status = await sys.wait()
            await sys.print("killed by", sys.WTERMSIG(status))

    result = Machine().run(main)

    assert result.output == "run 1\nkilled by 6\n"
    assert b"not a function of its system calls" in result.stderr
    assert result.stderr.count(b"\n") == 1


def test_fork_in_a_signal_handler():
    """Both stacks are copied: the handler's and the one it interrupted."""
    async def main(sys):
        seen = []

        async def handler(sig):
            seen.append(await sys.fork())
            seen.append("handled")

        await sys.sigaction(sys.SIGUSR1, handler)
        await sys.kill(await sys.getpid(), sys.SIGUSR1)
        if seen[0]:
            await sys.wait()
        await sys.print(seen[0] == 0, seen[1])

    assert run(main) == "True handled\nFalse handled\n"


def test_vfork_shares_memory_and_waits():
    """The parent goes on when the child has exited, and sees what it stored."""
    async def main(sys):
        address = await sys.mmap()
        if await sys.vfork() == 0:
            await sys.poke(address, b"from the child")
            await sys.exit(0)
        await sys.print(await sys.peek(address, 14))
        await sys.wait()

    assert run(main) == "b'from the child'\n"


def test_fork_copies_memory():
    """The child's stores stay its own."""
    async def main(sys):
        address = await sys.mmap()
        await sys.poke(address, b"before")
        if await sys.fork() == 0:
            await sys.poke(address, b"after!")
            return
        await sys.wait()
        await sys.print(await sys.peek(address, 6))

    assert run(main) == "b'before'\n"


def test_clone_starts_in_a_function():
    """Its result is the exit status."""
    async def child(sys, a, b):
        return a + b

    async def main(sys):
        pid = await sys.clone(child, 30, 12)
        await sys.print(await sys.waitpid(pid) == (pid, 42 << 8))

    assert run(main) == "True\n"


def test_a_cloned_task_can_fork():
    """Re-execution begins at the function, with its arguments."""
    async def child(sys, text):
        text += "!"
        if await sys.fork() == 0:
            await sys.print("grandchild", text)
            return 1
        _, status = await sys.wait()
        return 2 + sys.WEXITSTATUS(status)

    async def main(sys):
        await sys.clone(child, "hello")
        await sys.print(sys.WEXITSTATUS((await sys.wait())[1]))

    assert run(main) == "grandchild hello!\n3\n"


def test_threads_share_the_pid():
    """CLONE_THREAD: same pid, another tid."""
    async def thread(sys, leader):
        await sys.print(await sys.getpid() == leader, await sys.gettid() == leader)

    async def main(sys):
        flags = sys.CLONE_VM | sys.CLONE_SIGHAND | sys.CLONE_THREAD
        await sys.clone(thread, await sys.getpid(), flags=flags)
        await sys.sleep(1)

    assert run(main) == "True False\n"


# Ends.


@pytest.mark.parametrize(("code", "status"), [(None, 0), (7, 7), (256 + 3, 3), (-1, 255), (True, 1)])
def test_the_result_of_main_is_the_exit_code(code, status):
    """As in C: the low byte."""
    async def main(sys):
        return code

    assert Machine().run(main).exit_code == status


def test_system_exit_works_as_in_cpython():
    """A text goes to standard error and gives 1."""
    async def four(sys):
        raise SystemExit(4)

    async def text(sys):
        raise SystemExit("bad luck")

    assert Machine().run(four).exit_code == 4
    result = Machine().run(text)
    assert (result.exit_code, result.stderr) == (1, b"bad luck\n")


def test_an_uncaught_exception_is_a_traceback_and_status_1():
    """Only the program's own frames are shown."""
    async def inner(sys):
        await sys.close(99)

    async def main(sys):
        await inner(sys)

    result = Machine().run(main)

    assert result.exit_code == 1
    text = result.stderr.decode()
    assert text.startswith("Traceback (most recent call last):\n")
    assert text.endswith("OSError: [Errno 9] Bad file descriptor\n")
    assert text.count("  File ") == 2
    assert "procession/arch" not in text


def test_finally_clauses_make_no_calls_after_death():
    """A killed process does nothing more, whatever its code says."""
    async def child(sys):
        try:
            await sys.pause()
        finally:
            await sys.print("never")

    async def main(sys):
        pid = await sys.clone(child)
        await sys.sched_yield()
        await sys.kill(pid, sys.SIGKILL)
        await sys.print(sys.WTERMSIG((await sys.wait())[1]))

    assert run(main) == "9\n"
    gc.collect()


def test_awaiting_something_else_is_a_type_error():
    """asyncio has no loop here."""
    class Foreign:
        def __await__(self):
            yield None

    async def main(sys):
        try:
            await Foreign()
        except TypeError as error:
            await sys.print(type(error).__name__)

    assert run(main) == "TypeError\n"


def test_wrong_arguments_are_the_programs_error():
    """They raise TypeError at the await and never reach the kernel."""
    async def main(sys):
        for call in (sys.close("x"), sys.getpgid(b"1"), sys.syscall("close", b"1"), sys.dup2(1.5, 2)):
            try:
                await call
            except TypeError:
                await sys.print("TypeError")

    assert run(main).split() == ["TypeError"] * 4


def test_numbers_are_as_wide_as_their_registers():
    """An int argument of C keeps 32 bits, with their sign."""
    async def main(sys):
        await sys.print(await sys.getpgid((1 << 32) + await sys.getpid()) == await sys.getpgrp())
        try:
            await sys.close((1 << 32) - 1)
        except OSError as error:
            await sys.print(error.errno)
        await sys.print(await sys.syscall("kill", 0xFFFFFFFF << 32, 0))

    assert run(main).split() == ["True", "9", "0"]


def test_a_handler_may_raise_keyboard_interrupt():
    """It is the program's exception, not the host's Ctrl-C."""
    async def main(sys):
        def handler(_sig):
            raise KeyboardInterrupt

        await sys.sigaction(sys.SIGINT, handler)
        try:
            await sys.kill(await sys.getpid(), sys.SIGINT)
        except KeyboardInterrupt:
            await sys.print("interrupted")
        raise KeyboardInterrupt

    result = Machine().run(main)

    assert (result.output, result.exit_code) == ("interrupted\n", 1)


def test_the_logs_prefix_is_shared():
    """Deep chains of forks come to the same place as their ancestors."""
    async def main(sys):
        depth = 0
        for _ in range(10):
            if await sys.fork():
                _, status = await sys.wait()
                return sys.WEXITSTATUS(status)
            depth += 1
            await sys.getppid()
        return depth

    assert Machine().run(main).exit_code == 10


def test_sleepers_are_light():
    """A task costs no more than 8 KiB of the host's memory."""
    async def sleeper(sys):
        await sys.pause()

    async def main(sys):
        for _ in range(100):
            await sys.clone(sleeper)
        await sys.sleep(1)
        tracemalloc.start()
        for _ in range(1000):
            await sys.clone(sleeper)
        await sys.sleep(1)
        await sys.print(tracemalloc.get_traced_memory()[0] // 1000)
        tracemalloc.stop()
        await sys.kill(-1, sys.SIGKILL)

    assert int(run(main)) <= 8192


# Errors.


def test_errors_are_cpythons_exceptions():
    """The class is chosen by Linux's number."""
    async def main(sys):
        async def name(call):
            try:
                await call
            except OSError as error:
                return f"{type(error).__name__} {error.errno}"

        await sys.print(await name(sys.wait()))
        await sys.print(await name(sys.open("/no/such/file")))
        await sys.print(await name(sys.kill(99999, 0)))
        await sys.print(await name(sys.syscall("no_such_call")))
        await sys.print(await name(sys.mkdir("/tmp")))

    assert run(main).splitlines() == [
        "ChildProcessError 10", "FileNotFoundError 2", "ProcessLookupError 3", "OSError 38", "FileExistsError 17",
    ]


# Signals.


def test_a_handler_interrupts_pause():
    """InterruptedError, with no retry."""
    async def main(sys):
        parent = await sys.getpid()

        async def child(sys):
            await sys.kill(parent, sys.SIGUSR1)

        await sys.sigaction(sys.SIGUSR1, lambda _: None)
        await sys.clone(child)
        try:
            await sys.pause()
        except InterruptedError:
            await sys.print("interrupted")

    assert run(main) == "interrupted\n"


def test_sa_restart_restarts_a_read():
    """The handler runs, and the read goes on as if nothing had happened."""
    async def main(sys):
        reader, writer = await sys.pipe()
        parent = await sys.getpid()

        async def child(sys):
            await sys.kill(parent, sys.SIGUSR1)
            await sys.sleep(1)
            await sys.write(writer, b"late")

        async def handler(sig):
            await sys.print("handler", sig)

        await sys.sigaction(sys.SIGUSR1, handler, sys.SA_RESTART)
        await sys.clone(child)
        await sys.print(await sys.read(reader, 10))

    assert run(main) == "handler 10\nb'late'\n"


def test_a_handlers_exception_comes_out_of_the_call():
    """The usual way to write a timeout."""
    async def main(sys):
        class Late(Exception):
            pass

        def handler(sig):
            raise Late

        await sys.sigaction(sys.SIGALRM, handler)
        await sys.alarm(5)
        try:
            await sys.pause()
        except Late:
            await sys.print("late", await sys.clock_gettime() // 10**9, await sys.sigprocmask(0))

    assert run(main) == "late 5 frozenset()\n"


def test_siginfo_tells_who_sent_it():
    """SA_SIGINFO gives the handler a second argument."""
    async def main(sys):
        def handler(sig, info):
            seen.append((info.si_signo, info.si_pid == me))

        seen = []
        me = await sys.getpid()
        await sys.sigaction(sys.SIGUSR2, handler, sys.SA_SIGINFO)
        await sys.kill(me, sys.SIGUSR2)
        await sys.print(seen)

    assert run(main) == "[(12, True)]\n"


def test_sigaction_returns_the_old_function():
    """The child of a fork gets its own."""
    async def main(sys):
        def handler(sig):
            pass

        await sys.print(await sys.sigaction(10, handler) == sys.SIG_DFL)
        child = await sys.fork() == 0
        await sys.print(await sys.sigaction(10, sys.SIG_IGN) is handler)
        await sys.print(await sys.sigaction(10) == sys.SIG_IGN)
        if not child:
            await sys.wait()

    assert run(main).split() == ["True"] * 5


def test_a_wild_load_is_a_sigsegv():
    """As in C."""
    async def main(sys):
        if await sys.fork() == 0:
            await sys.peek(0x1000, 4)
        await sys.print(sys.WTERMSIG((await sys.wait())[1]))

    assert run(main) == "11\n"


# exec.


def test_exec_of_another_python_program():
    """It gets argv and environ; handlers are gone, ignored signals stay."""
    async def other(sys):
        await sys.print(sys.argv, dict(sys.environ))
        await sys.print(await sys.sigaction(10), await sys.sigaction(12))
        return 5

    async def main(sys):
        await sys.sigaction(10, lambda _: None)
        await sys.sigaction(12, sys.SIG_IGN)
        if await sys.fork() == 0:
            await sys.execve("/bin/other", ["other", "x y"], {"A": "1"})
        await sys.print(sys.WEXITSTATUS((await sys.wait())[1]))

    assert run(main, programs={"/bin/other": other}) == "('other', 'x y') {'A': '1'}\n0 1\n5\n"


def test_a_python_program_can_be_a_scripts_interpreter():
    """The line's rest is one argument."""
    async def interpreter(sys):
        await sys.print(*sys.argv, sep="|")

    async def main(sys):
        await sys.write_file("/tmp/s", "#!/bin/py -a  b \nrest", 0o755)
        await sys.execve("/tmp/s", ["s", "1"], {})

    assert run(main, programs={"/bin/py": interpreter}) == "/bin/py|-a  b|/tmp/s|1\n"


def test_six_nested_scripts_are_too_many():
    """Five work."""
    async def main(sys):
        await sys.write_file("/tmp/s1", "#!/bin/end\n", 0o755)
        for n in range(2, 7):
            await sys.write_file(f"/tmp/s{n}", f"#!/tmp/s{n - 1}\n", 0o755)
        if await sys.fork() == 0:
            await sys.execve("/tmp/s5", ["s5"], {})
        await sys.wait()
        try:
            await sys.execve("/tmp/s6", ["s6"], {})
        except OSError as error:
            await sys.print(error.errno)

    async def end(sys):
        await sys.print(*sys.argv)

    assert run(main, programs={"/bin/end": end}) == "/bin/end /tmp/s1 /tmp/s2 /tmp/s3 /tmp/s4 /tmp/s5\n8\n"


def test_exec_in_a_thread_takes_the_leaders_number():
    """The process keeps its pid, and the other threads are gone."""
    async def other(sys):
        await sys.print(await sys.getpid() == int(sys.argv[1]), await sys.gettid() == int(sys.argv[1]))

    async def thread(sys, leader):
        await sys.execve("/bin/other", ["other", str(leader)])

    async def main(sys):
        flags = sys.CLONE_VM | sys.CLONE_SIGHAND | sys.CLONE_THREAD
        await sys.clone(thread, await sys.getpid(), flags=flags)
        while True:
            await sys.sleep(1)

    assert run(main, programs={"/bin/other": other}) == "True True\n"


def test_a_run_is_repeatable():
    """Same program, same trace."""
    async def main(sys):
        for _ in range(3):
            if await sys.fork() == 0:
                await sys.nanosleep(1000)
                return
        while True:
            try:
                await sys.print(await sys.wait())
            except ChildProcessError:
                return

    first, second = Machine(trace=True).run(main), Machine(trace=True).run(main)

    assert [event[:5] for event in first.trace] == [event[:5] for event in second.trace]


def test_calls_that_are_missing_are_counted():
    """Apart: those that 3.2 has, and those that it has not."""
    async def main(sys):
        for name in ("quotactl", "no_such_call", "uselib"):
            try:
                await sys.syscall(name)
            except OSError as error:
                await sys.print(error.errno)

    result = Machine().run(main)

    assert result.output == "38\n38\n38\n"
    assert (result.kernel.unsupported, result.kernel.enosys) == ({"quotactl": 1}, {"no_such_call": 1, "uselib": 1})


def test_no_call_reaches_the_machinery_behind_handlers_and_memory():
    """The names with which methods of Sys ask for it are nobody else's."""
    async def main(sys):
        for name in ("=load", "=store", "=handler", "=function", "=abort", "="):
            try:
                await sys.syscall(name, "x")
            except OSError as error:
                await sys.print(error.errno)

    assert run(main) == "38\n" * 6


def test_python_programs_have_system_call_stops():
    """A tracer sees a Python program's calls begin and end, may have one left out, and finds no registers."""
    async def tracee(sys):
        await sys.ptrace(PTRACE_TRACEME, 0, 0, 0)
        await sys.kill(await sys.getpid(), SIGSTOP)
        await sys.sched_yield()
        await sys.print("pid", await sys.getpid() > 0)
        try:
            await sys.getppid()
        except OSError as error:
            await sys.print(error.errno)
        return 4

    async def main(sys):
        child = await sys.fork()
        if child == 0:
            return await tracee(sys)
        await sys.waitpid(child)
        stops = []
        await sys.ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD)
        for _ in range(4):  # sched_yield, getpid
            await sys.ptrace(PTRACE_SYSCALL, child, 0, 0)
            _, status = await sys.waitpid(child)
            stops.append(sys.WSTOPSIG(status))
        try:
            await sys.ptrace(PTRACE_GETREGS, child, 0, 0)
        except OSError as error:
            stops.append(error.errno)
        try:
            await sys.ptrace(PTRACE_CONT, child, 0, bytearray(8))  # an address where a number is to be
        except OSError as error:
            stops.append(error.errno)
        await sys.ptrace(PTRACE_SYSCALL, child, 0, 0)
        await sys.waitpid(child)  # print's write begins
        await sys.ptrace(PTRACE_SYSEMU, child, 0, 0)
        await sys.waitpid(child)  # getppid
        await sys.ptrace(PTRACE_CONT, child, 0, 0)
        _, status = await sys.waitpid(child)
        await sys.print(stops, sys.WEXITSTATUS(status))
        return 0

    assert run(main) == "pid True\n38\n[133, 133, 133, 133, 5, 5] 4\n"
