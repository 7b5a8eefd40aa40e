"""What a caller gets wrong is a TypeError or ValueError of one line, at the call: the whole public interface."""

from __future__ import annotations

import errno
import inspect
import io
import re

import pytest

import procession
from procession import Errno, LinuxError, Machine, ProgramFailed, Sig, Sys
from procession.tools.fault_inject import FaultSpec, Injector, every_failure, parse_spec
from procession.tools.ps import process_table
from procession.tools.replay import Replay
from procession.tools.strace import Strace
from procession.tools.tracefile import TraceWriter
from procession.tools.tree import ProcessTree

MISTAKES = (TypeError, ValueError)
HUGE = 2**70
LONE = "\ud800"  # stands for no bytes
NAN = float("nan")


async def main(linux):
    pass


def plain(linux):
    return 3


async def generator(linux):
    yield 1


def older_generator(linux):
    yield 1


async def no_parameter():
    pass


async def two_parameters(linux, more):
    pass


class WithoutCall:
    def __repr__(self):
        return "<something>"


THING = WithoutCall()


def one_line(error):
    """It is a mistake told at once: no UnicodeError or the like from Python's depths, no traceback in it."""
    assert isinstance(error, MISTAKES)
    assert not isinstance(error, UnicodeError)
    text = str(error)
    assert text
    assert "\n" not in text
    assert len(text) < 400
    return text


def in_words(value):
    return re.sub(r" at 0x\w+", "", ascii(value))[:60]


MACHINE = [
    *(
        {"root": wrong}
        for wrong in (
            5,
            b"/",
            1.5,
            [],
            ("/",),
            THING,
            "a\0b",
            LONE,
            {5: b""},
            {"/x": 5},
            {"/x": None},
            {b"/x": b""},
            {"/\0": b""},
            {"/x": LONE},
            {"/a": b"", "/a/b": b""},
            {"/a/": b"x"},
        )
    ),
    *({"memory": wrong} for wrong in (None, "1G", 1.5, 0, -1, 4095, HUGE, NAN, [1])),
    *({"cpus": wrong} for wrong in (None, "2", 0, -1, 65, 1.0, HUGE)),
    *({"seed": wrong} for wrong in (None, "x", -1, 1.5, 1 << 64, HUGE)),
    *({"choices": wrong} for wrong in (5, "x", [1], [None], [(1, "cpu", (0, 1), 1)], True, THING)),
    *({"boot_time_ns": wrong} for wrong in (None, "now", -1, 1.5, HUGE)),
    *({"stdin": wrong} for wrong in (None, "abc", 5, [1], THING)),
    *({"console": wrong} for wrong in ("x", 5, THING, io.StringIO, io.StringIO())),
    *({flag: wrong} for flag in ("tty", "lockdep_on", "realtime") for wrong in (None, "yes", 1.5, [], THING)),
    *({"winsize": wrong} for wrong in (None, 80, (24,), (24, 80, 1), ("24", "80"), (24, -1), (24, 1 << 16), "ab")),
    *(
        {"programs": wrong}
        for wrong in (
            [main],
            "x",
            5,
            {"/x": "x"},
            {"/x": None},
            {5: main},
            {b"/x": main},
            {"/\0": main},
            {LONE: main},
            {"": main},
            {"/": main},
            {"/x/": main},
            {"/x\n": main},
            {"/x": plain},
            {"/x": generator},
            {"/x": older_generator},
            {"/x": no_parameter},
            {"/x": two_parameters},
            {"/x": Machine},
            {"/a": main, "/a/b": main},
        )
    ),
    *({"trace": wrong} for wrong in ("sys_enter", b"sys_enter", 5, 1.5, ["sys_entry"], [5], [None], [[]], THING)),
    *({"check": wrong} for wrong in ("yes", 0, -1, 1.5, HUGE, [])),
    *({"cores": wrong} for wrong in (5, b"/tmp", [], "a\0b", LONE, THING)),
    *({"closed": wrong} for wrong in (None, 1, "0", [3], [-1], ["1"], [None], [1.0], THING)),
    {"unknown": 1},
]


@pytest.mark.parametrize("options", MACHINE, ids=in_words)
def test_machine(options):
    with pytest.raises(MISTAKES) as raised:
        Machine(**options)
    text = one_line(raised.value)
    assert next(iter(options)) in text or "not iterable" in text or "unhashable" in text


RUN = [
    *(
        ((wrong,), {})
        for wrong in (
            None,
            5,
            "ls",
            b"ls",
            [],
            (),
            {},
            [5],
            ["a", None],
            [b"a"],
            ["a\0b"],
            [LONE],
            THING,
            plain,
            generator,
            older_generator,
            no_parameter,
            two_parameters,
            Machine,
            {"a"},
            1.5,
        )
    ),
    *(((main, wrong), {}) for wrong in (1, b"x", None, 1.5, [], "a\0b", LONE, THING)),
    *(
        ((main,), {"env": wrong})
        for wrong in (
            ["A=1"],
            "A=1",
            5,
            {"A": 1},
            {1: "A"},
            {"A": None},
            {"": "x"},
            {"A=B": "x"},
            {"A": "\0"},
            {"A\0": "x"},
            {"A": LONE},
            {b"A": b"x"},
            THING,
        )
    ),
    *(((main,), {"cwd": wrong}) for wrong in (None, 5, b"/", "/\0", LONE, [], THING)),
    *(((main,), {"as_init": wrong}) for wrong in (None, "yes", 1.5, [], THING)),
    ((), {}),
    ((main,), {"unknown": 1}),
]


@pytest.mark.parametrize(("args", "options"), RUN, ids=in_words)
def test_run(args, options):
    machine = Machine(root={"/bin/true": b""})
    with pytest.raises(MISTAKES) as raised:
        machine.run(*args, **options)
    one_line(raised.value)
    # The machine has not been used up by it.
    assert machine.run(main).exit_code == 0


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    """A recording."""
    path = tmp_path_factory.mktemp("trace") / "trace.jsonl"
    machine = Machine()
    with path.open("w") as file:
        TraceWriter(machine, file)
        machine.run(main)
    return path


WRONG = (None, 5, 1.5, b"x", "x", [1], {1: 2}, HUGE, NAN, LONE, THING)
OTHERS = {
    "subscribe": Machine().trace.subscribe,
    "subscribe to": lambda wrong: Machine().trace.subscribe(print, wrong),
    "TraceWriter of": lambda wrong: TraceWriter(wrong, io.StringIO()),
    "TraceWriter to": lambda wrong: TraceWriter(Machine(), wrong),
    "TraceWriter, names": lambda wrong: TraceWriter(Machine(), io.StringIO(), [wrong]),
    "Strace of": lambda wrong: Strace(wrong, io.StringIO()),
    "Strace to": lambda wrong: Strace(Machine(), wrong),
    "ProcessTree": ProcessTree,
    "process_table": process_table,
    "parse_spec": parse_spec,
    "FaultSpec": FaultSpec,
    "FaultSpec, at": lambda wrong: FaultSpec("fork", at=-1 if wrong in (5, HUGE) else wrong),
    "FaultSpec, kinds": lambda wrong: FaultSpec("fork", kinds=(wrong,)),
    "Injector": lambda wrong: Injector(Machine(), wrong),
    "Injector of": lambda wrong: Injector(wrong, parse_spec("fork")),
    "every_failure of": lambda wrong: next(every_failure(Machine, main, wrong)),
    "LinuxError": LinuxError,
    "Errno": lambda wrong: Errno(999 if wrong == 5 else wrong),
    "Sig": lambda wrong: Sig(99 if wrong == 5 else wrong),
    "Sys": lambda wrong: Sys([wrong], []),
}


@pytest.mark.parametrize("wrong", WRONG, ids=in_words)
@pytest.mark.parametrize("name", OTHERS)
def test_what_looks_at_a_machine(name, wrong):
    if (name, wrong) == ("Sys", b"x"):
        pytest.skip("that is right")
    with pytest.raises(MISTAKES) as raised:
        OTHERS[name](wrong)
    one_line(raised.value)


@pytest.mark.parametrize("wrong", WRONG, ids=in_words)
def test_replay(trace, wrong, tmp_path):
    """A file that is not there is the host's error, and one that is no trace a TraceError, which is a ValueError."""
    with pytest.raises((*MISTAKES, FileNotFoundError)) as raised:
        Replay(tmp_path / wrong if wrong == "x" else wrong)
    if wrong != "x":
        one_line(raised.value)
    for options in ({"program": wrong}, {"program": main, "programs": wrong}, {"program": main, "root": wrong}):
        if options in (
            {"program": main, "programs": None},
            {"program": main, "root": None},
            {"program": main, "root": "x"},
        ):
            continue
        with pytest.raises(MISTAKES) as raised:
            Replay(trace, **options)
        one_line(raised.value)
    with Replay(trace, program=main) as replay:
        for go in (replay.until, replay.back_to):
            with pytest.raises(MISTAKES) as raised:
                go(HUGE if wrong == 5 else wrong)
            one_line(raised.value)


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"no trace\n",
        b"\xff\xfe\n",
        b"[]\n",
        b"{}\n",
        b'{"event":"run","format":3}\n',
        b"5\n",
        b'{"event":"run","format":"x"}\n',
        b"\0" * 100,
    ],
)
def test_a_file_that_is_no_trace(tmp_path, contents):
    path = tmp_path / "trace"
    path.write_bytes(contents)
    with pytest.raises(ValueError, match="trace") as raised:
        Replay(path)
    one_line(raised.value)


# The calls of programs.

SURELY_WRONG = (THING, HUGE, -HUGE, NAN, LONE)


def methods():
    """Name -> the parameters that are checked: *args of calls that are not here go nowhere."""
    found = {}
    for cls in Sys.__mro__:
        for name, method in vars(cls).items():
            if inspect.iscoroutinefunction(method) and not name.startswith("_"):
                params = list(inspect.signature(method).parameters.values())[1:]
                found.setdefault(name, [param for param in params if param.kind is param.POSITIONAL_OR_KEYWORD])
    return found


def usual(param):
    """An argument that is no mistake."""
    if param.default is not param.empty:
        return param.default
    if "Words" in param.annotation or "Sequence" in param.annotation:
        return ["x"]
    return "/nowhere" if "str" in param.annotation else 0


@pytest.mark.unchecked
def test_calls_of_programs():
    """Each argument of each call, wrong in five ways."""
    tried = []

    async def main(linux):
        for name, params in methods().items():
            for at, param in enumerate(params):
                for wrong in SURELY_WRONG:
                    if name == "syscall" and wrong in (HUGE, -HUGE, LONE):
                        continue  # there is no such call
                    if wrong in (HUGE, -HUGE) and param.name.endswith(("ns", "seconds")):
                        continue  # 37,000 years
                    args = [usual(one) for one in params]
                    args[at] = wrong
                    with pytest.raises(MISTAKES) as raised:
                        await getattr(linux, name)(*args)
                    one_line(raised.value)
                    tried.append((name, param.name))

    result = Machine().run(main)
    assert result.stderr == b"", (tried[-1:], result.stderr.decode())
    assert len(tried) > 2000


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("write(1, 5)", TypeError),
        ("write(1, None)", TypeError),
        ("write(1, [65])", TypeError),
        ("read(0, -1)", ValueError),
        ("read(0, '5')", TypeError),
        ("waitpid(None)", TypeError),
        ("close(2**64 + 1)", ValueError),
        ("kill(2**70, 3)", ValueError),
        ("nanosleep(0.5)", TypeError),
        ("nanosleep(float('nan'))", TypeError),
        ("sleep('1')", TypeError),
        ("sleep(1e30)", ValueError),
        ("sleep(float('inf'))", ValueError),
        ("setrlimit(1, (1,))", TypeError),
        ("setrlimit(1, 5)", TypeError),
        ("setrlimit(1, (-1, 2))", ValueError),
        ("poll([(1, 2, 3)])", TypeError),
        ("poll(5)", TypeError),
        ("poll([(2**40, 1)])", ValueError),
        ("sched_setaffinity(0, {-1})", ValueError),
        ("sched_setaffinity(0, {64})", ValueError),
        ("setgroups([-1])", ValueError),
        ("setgroups(5)", TypeError),
        ("tcsetpgrp(0, 2**40)", ValueError),
        ("epoll_ctl(1, 1, 1, -1)", ValueError),
        ("sigaction(10, 'handler')", TypeError),
        ("sigaction(10, 5)", TypeError),
        ("sigprocmask(0, ['x'])", TypeError),
        ("sigqueue(17, 10, 2**70)", ValueError),
        ("setitimer(0, 0.5)", TypeError),
        ("syscall(1.5)", TypeError),
        ("kill(17)", TypeError),
        ("syscall('getpid', 1, 2, 3, 4, 5, 6, 7)", TypeError),
        ("syscall('close', '1')", TypeError),
        ("peek(0, -1)", ValueError),
        ("poke(0, 5)", TypeError),
        ("execve('/x', 'x')", TypeError),
        ("execve('/x', ['x', 5])", TypeError),
        ("kill(17, 9, 1)", TypeError),
        ("execve('/x', ['x'], {'A': 5})", TypeError),
        ("execve('/x', ['x'], 5)", TypeError),
        ("open('a\\0b')", ValueError),
        ("open('\\ud800')", ValueError),
        ("print('\\ud800')", ValueError),
        ("clone(5)", TypeError),
        ("run('ls')", TypeError),
        ("run([])", ValueError),
        ("run([5])", TypeError),
        ("run(['x'], stdin='x')", TypeError),
        ("run(['x'], stdin=-2)", ValueError),
        ("run(['x'], stdout=-4)", ValueError),
        ("run(['x'], input=5)", TypeError),
        ("run(['x'], stdin=0, input=b'')", ValueError),
        ("run(['x'], stdout=1, capture_output=True)", ValueError),
        ("run(['x'], timeout=-1)", ValueError),
        ("run(['x'], timeout='1')", TypeError),
        ("run(['x'], timeout=float('nan'))", ValueError),
        ("run(['x'], cwd=5)", TypeError),
        ("run(['x'], env=5)", TypeError),
        ("run(['a\\0b'])", ValueError),
        ("run(['x'], shell=True)", TypeError),
        ("pipeline()", ValueError),
        ("pipeline('ls', 'wc')", TypeError),
        ("pipeline(['ls'], [])", ValueError),
        ("spawn(None)", TypeError),
        ("spawn(['x'], stderr=1.5)", TypeError),
    ],
)
def test_a_call(call, error):
    async def main(linux):
        before = await linux.listdir("/proc/self/fd")
        with pytest.raises(error) as raised:
            await eval(f"linux.{call}")
        one_line(raised.value)
        assert await linux.listdir("/proc/self/fd") == before

    assert Machine().run(main).stderr == b""


def test_what_a_program_raises_is_the_programs():
    """Whatever its text, and it ends with a traceback as in CPython."""
    for error in (ValueError(LONE), KeyError(b"\xff"), OSError(errno.EIO, LONE)):

        async def main(linux, error=error):
            raise error

        result = Machine().run(lambda linux, main=main: main(linux))
        assert result.exit_code == 1
        assert b"Traceback" in result.stderr


def test_nothing_is_left_out():
    """What procession exports is tried above, but for what is only raised, and the build that one picks by name."""
    raised = {
        "Deadlock",
        "KernelBug",
        "KernelPanic",
        "ListenerWarning",
        "NeverAwaitedWarning",
        "ProgramFailed",
        "ReplayError",
        "SleepInterrupted",
    }
    tried = {"Machine", "Kernel", "LinuxError", "Errno", "Sig", "Sys"}
    tried.add("explore")  # in tests/explore
    assert set(procession.__all__) - raised - tried == {"Result", "pick_pure"}
    assert issubclass(ProgramFailed, Exception)
