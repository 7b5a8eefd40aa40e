"""Signal handlers of Python programs: what one raises comes out of what it interrupted, in a forked copy, too."""

from __future__ import annotations

import pytest

from procession import Machine


def run(main):
    result = Machine().run(main)
    return result.output + result.stderr.decode()


async def raises(sig):
    raise ValueError(sig)


@pytest.mark.parametrize("how", ["not begun", "begun", "caught"])
@pytest.mark.parametrize("forks", [False, True])
def test_what_a_handler_raises_passes_other_handlers(how, forks):
    """One that has not begun never does; one that has begun ends unless it catches, and then returns as ever."""
    ran = []

    async def main(sys):
        async def other(sig):
            ran.append(sig)
            try:
                await sys.raise_signal(sys.SIGUSR2)
            except ValueError:
                if how != "caught":
                    raise

        await sys.sigaction(sys.SIGUSR1, other)
        await sys.sigaction(sys.SIGUSR2, raises)
        said = "nothing raised"
        try:
            if how == "not begun":
                await sys.sigprocmask(sys.SIG_BLOCK, {sys.SIGUSR1, sys.SIGUSR2})
                await sys.raise_signal(sys.SIGUSR1)
                await sys.raise_signal(sys.SIGUSR2)
                await sys.sigprocmask(sys.SIG_UNBLOCK, {sys.SIGUSR1, sys.SIGUSR2})
            else:
                await sys.raise_signal(sys.SIGUSR1)
        except ValueError as error:
            said = f"raised {error}"
        blocked = sorted(await sys.sigprocmask(sys.SIG_BLOCK))
        if forks:
            await sys.print("parent" if await sys.fork() else "child", said, blocked)
            try:
                await sys.wait()
            except ChildProcessError:
                pass
        else:
            await sys.print(said, blocked)

    said = "nothing raised" if how == "caught" else "raised 12"
    expected = [f"{who} {said} []" for who in ("child", "parent")] if forks else [f"{said} []"]
    assert sorted(run(main).splitlines()) == expected
    assert ran == ([] if how == "not begun" else [10] * (1 + forks))


def test_a_handler_that_is_no_function_and_too_many_of_them_end_the_program():
    async def nobodys(sys):
        await sys.syscall("rt_sigaction", sys.SIGUSR1, (77).to_bytes(8, "little") + bytes(24), 0, 8)
        await sys.raise_signal(sys.SIGUSR1)

    async def endless(sys):
        async def handler(sig):
            await sys.raise_signal(sig)

        await sys.sigaction(sys.SIGUSR1, handler, sys.SA_NODEFER)
        await sys.sigaction(sys.SIGSEGV, sys.SIG_DFL)
        await sys.raise_signal(sys.SIGUSR1)

    async def main(sys):
        for child in nobodys, endless:
            pid = await sys.clone(child, flags=sys.SIGCHLD)
            _, status = await sys.waitpid(pid)
            await sys.print(sys.WTERMSIG(status))

    assert run(main) == "11\n11\n"


@pytest.mark.parametrize(("copys", "why"), [
    ("getuid", "it came to getuid() where its parent had come to fork()"),
    ("handler", "it came to handler(<handler raises>) where its parent had come to getpid()"),
    ("end", "it ended early"),
])
def test_a_copy_that_does_something_else_says_what(copys, why):
    """The program's way depends on something that is no system call: how often it has run."""
    times = []

    async def main(sys):
        times.append(1)
        if len(times) == 1 or copys == "getuid":
            await sys.getpid()
        elif copys == "handler":
            await sys.sigaction(sys.SIGUSR1, raises)
        else:
            return
        if len(times) == 1:
            await sys.fork()
            await sys.wait()
        else:
            await sys.getuid()

    said = run(main)
    assert "cannot be copied: " + why in said
