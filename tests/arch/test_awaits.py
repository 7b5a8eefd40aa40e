"""A forgotten `await`, and other things that are no program or no system call."""

import asyncio
import functools
import gc
import subprocess
import sys
import textwrap

import pytest

from procession import Deadlock, Machine, NeverAwaitedWarning


def line_of(fn, offset):
    return fn.__code__.co_firstlineno + offset


def test_a_call_that_is_not_awaited_is_not_made_and_said():
    async def main(linux):
        linux.kill(await linux.getpid(), 9)
        linux.print("lost", 5, sep="-", end="")
        if linux.fork() == 0:
            await linux.exit(7)
        await linux.print("alive")

    with pytest.warns(NeverAwaitedWarning) as warned:
        assert Machine().run(main).output == "alive\n"
    said = [str(warning.message) for warning in warned]
    where = main.__code__.co_filename
    assert said == [
        f"kill(17, 9) was never awaited, so it was not made: line {line_of(main, 1)} of {where}",
        f"print('lost', 5, sep='-', end='') was never awaited, so it was not made: line {line_of(main, 2)} of {where}",
        f"fork() was never awaited, so it was not made: line {line_of(main, 3)} of {where}",
    ]
    places = [(warning.filename, warning.lineno) for warning in warned]
    assert places == [(where, line_of(main, at)) for at in (1, 2, 3)]


def test_a_call_that_was_kept():
    """Where it was written is not known then, but in Python's development mode."""
    async def helper(linux):
        pid = linux.getpid()  # noqa: F841

    async def main(linux):
        pid = linux.fork()
        await helper(linux)
        if pid == 0:
            await linux.exit(7)

    with pytest.warns(NeverAwaitedWarning) as warned:
        assert Machine().run(main).exit_code == 0
    assert [str(warning.message) for warning in warned] == [
        f"{call}() was never awaited, so it was not made; python -X dev says where it was written"
        for call in ("getpid", "fork")
    ]


def test_development_mode_knows_where(tmp_path):
    path = tmp_path / "prog.py"
    path.write_text(textwrap.dedent("""\
        from procession import Machine

        async def main(linux):
            pid = linux.fork()

        Machine().run(main)
        """))
    done = subprocess.run([sys.executable, "-X", "dev", path], capture_output=True, text=True, check=False)
    text = f"fork() was never awaited, so it was not made: line 4 of {path}"
    assert f"{path}:4: NeverAwaitedWarning: {text}" in done.stderr


def test_other_coroutines_are_warned_of_as_ever():
    async def mine():
        pass

    async def main(linux):
        mine()

    with pytest.warns(RuntimeWarning, match="coroutine '.*mine' was never awaited"):
        Machine().run(main)


def test_asyncio_has_no_loop():
    async def main(linux):
        await asyncio.sleep(1)

    result = Machine().run(main)
    assert result.exit_code == 1
    assert result.stderr.decode().endswith(
        "RuntimeError: no running event loop\n"
        "A program can only await system calls: linux.sleep(), not asyncio.sleep().\n"
    )


async def waits(linux):
    reader, _writer = await linux.pipe()
    try:
        await linux.read(reader, 1)
    finally:
        await linux.print("never")


async def leaves_one_behind(linux):
    if await linux.fork() == 0:
        await waits(linux)
    await linux.sleep(1)


@pytest.mark.parametrize("as_init", [False, True])
def test_what_sleeps_at_the_end_is_closed_in_silence(as_init, capsys):
    """Its `finally` awaits what will never be answered, and Python must have nothing to say of that."""
    machine = Machine()
    with pytest.raises(Deadlock):
        machine.run(waits, as_init=as_init)
    result = Machine().run(leaves_one_behind, as_init=True)
    assert result.output == machine.console.stdout.decode() == ""
    del machine, result
    gc.collect()
    assert capsys.readouterr().err == ""


def test_a_wrapped_program():
    """What returns the coroutine of one."""
    async def main(linux, code):
        return code

    def decorated(fn):
        @functools.wraps(fn)
        def inner(linux):
            return fn(linux, 6)

        return inner

    class Program:
        async def __call__(self, linux):
            return 8

        async def method(self, linux):
            return 9

    assert Machine().run(lambda linux: main(linux, 5)).exit_code == 5
    assert Machine().run(decorated(main)).exit_code == 6
    assert Machine().run(functools.partial(main, code=7)).exit_code == 7
    assert Machine(programs={"/bin/x": Program()}).run(["/bin/x"]).exit_code == 8
    assert Machine().run(Program().method).exit_code == 9


def test_a_generator_in_a_task_of_its_own():
    """It cannot be known before it is called."""
    async def task(linux):
        yield 1

    async def main(linux):
        await linux.waitpid(await linux.clone(task))

    assert Machine().run(main).stderr.decode().endswith(
        "<locals>.task() has a `yield`: `async def` without one expected\n"
    )
