"""Machine: what it is made of, what it says of arguments that cannot be, and what it shows."""

from __future__ import annotations

from collections import Counter
import re

import pytest

import procession
from procession import Deadlock, Kernel, KernelBug, Machine, boot
from procession.boot import DEFAULT_ENV
from procession.hw.chooser import Choice
from procession.hw.console import BufferConsole, HostConsole
from procession.include.linux import kernel as linux_kernel
from procession.include.linux.errno import LinuxError
from procession.kernel import exit
from procession.tools.validate import validate_all


async def main(sys):
    if await sys.fork() == 0:
        await sys.exit(3)
    await sys.wait()
    await sys.print("done")


def test_the_older_name_is_the_same():
    assert Kernel is Machine is procession.Machine is boot.Kernel


def test_a_machine_has_a_kernel():
    machine = Machine()
    result = machine.run(main)
    assert result.machine is machine
    assert result.kernel is machine.kernel
    assert type(result.kernel) is linux_kernel.Kernel
    assert not isinstance(machine, linux_kernel.Kernel)


def test_what_a_machine_shows_is_the_kernels():
    machine = Machine(trace=True)
    k = machine.kernel
    result = machine.run(main)
    shown = (machine.tasks, machine.runqueues, machine.init_pid_ns, machine.clock, machine.frames, machine.chooser,
             machine.console, machine.trace, machine.printk_log, machine.unsupported, machine.enosys)
    kept = (k.tasks, k.sched.runqueues, k.init_pid_ns, k.clock, k.frames, k.chooser,
            k.console, k.trace, k.printk_log, k.unsupported, k.enosys)
    assert all(a is b for a, b in zip(shown, kept, strict=True))
    assert machine.current is k.current
    assert machine.core_store is None
    assert result.trace is machine.events
    assert machine.enosys == Counter()


def test_the_baseline_can_be_asked_of_all_three():
    result = Machine().run(main)
    result.check_baseline()
    result.machine.check_baseline()
    result.kernel.check_baseline()
    result.kernel.slab_baseline["task_struct"] += 1
    for one in (result, result.machine, result.kernel):
        with pytest.raises(KernelBug, match="task_struct"):
            one.check_baseline()


def test_no_baseline_before_the_run():
    with pytest.raises(RuntimeError, match="no baseline"):
        Machine().check_baseline()


def test_a_machine_runs_once():
    machine = Machine()
    machine.run(main)
    with pytest.raises(RuntimeError, match="a machine runs once"):
        machine.run(main)


def test_a_mistake_in_the_arguments_does_not_use_the_machine_up():
    machine = Machine()
    with pytest.raises(TypeError):
        machine.run(main, 1)
    assert machine.run(main).output == "done\n"


def test_how_it_ended_is_told():
    told = []
    machine = Machine()
    machine.at_end.append(told.append)
    result = machine.run(main)
    assert told == [result]

    async def waits(sys):
        await sys.pause()

    machine = Machine()
    machine.at_end.append(told.append)
    with pytest.raises(Deadlock) as deadlock:
        machine.run(waits)
    assert told[1:] == [deadlock.value]
    assert validate_all(machine) == validate_all(machine.kernel) == []


# check=


@pytest.mark.unchecked
@pytest.mark.parametrize("check", [True, 1, 1000])
def test_check_finds_what_is_broken(monkeypatch, check):
    monkeypatch.setattr(exit.fork_mm, "mmput", lambda *_: None)
    with pytest.raises(KernelBug, match="mm_struct objects"):
        Machine(check=check).run(main)
    assert Machine(check=False).run(main).output == "done\n"


@pytest.mark.unchecked
def test_check_looks_once_more_at_the_end(monkeypatch):
    """At what no trap is behind."""
    machine = Machine(check=True)
    barrier = boot.rcupdate.rcu_barrier

    def breaks(k):
        barrier(k)
        k.nr_threads += 1

    monkeypatch.setattr(boot.rcupdate, "rcu_barrier", breaks)
    with pytest.raises(KernelBug, match="nr_threads"):
        machine.run(main)


@pytest.mark.unchecked
def test_the_default_is_for_all_machines_made_from_then_on(monkeypatch):
    before = Machine()
    monkeypatch.setattr(boot, "default_check", True)
    assert before.kernel.after_trap is None
    assert Machine().kernel.after_trap is not None
    assert Machine(check=False).kernel.after_trap is None


def test_tests_are_checked():
    assert Machine().kernel.after_trap is not None


# The older keyword.


def test_replay_is_an_older_name_of_choices():
    choices = [Choice(1, "cpu", (0, 1), 1)]
    with pytest.deprecated_call(match="replay= is called choices="):
        machine = Machine(cpus=2, replay=choices)
    assert machine.chooser.choose("cpu", (0, 1)) == 1
    with pytest.deprecated_call(), pytest.raises(TypeError, match="replay: the same as choices"):
        Machine(replay=choices, choices=choices)


# What cannot be.


def in_words(value):
    """Name a test by its arguments: a function without its address, which differs from worker to worker."""
    return re.sub(r" at 0x\w+", "", str(value))


@pytest.mark.parametrize(("options", "error"), [
    ({"stdin": "abc"}, TypeError("stdin: bytes or bytearray or memoryview expected, not str ('abc')")),
    ({"memory": 1.5}, TypeError("memory: int expected, not float (1.5)")),
    ({"memory": 4096}, ValueError("memory: at least 4 MiB")),
    ({"memory": 1 << 40}, ValueError("memory: at most 64 GiB")),
    ({"cpus": 0}, ValueError("cpus: 1 to 64, not 0")),
    ({"cpus": "2"}, TypeError("cpus: int expected, not str ('2')")),
    ({"seed": "x"}, TypeError("seed: int expected, not str ('x')")),
    ({"boot_time_ns": 1.0}, TypeError("boot_time_ns: int expected, not float (1.0)")),
    ({"console": "x"}, TypeError("console: a console of procession.hw.console expected, not 'x'")),
    ({"console": HostConsole}, TypeError("console: a console of procession.hw.console expected, not <class")),
    ({"closed": [3]}, ValueError("closed: 0 to 2, not 3")),
    ({"closed": ["1"]}, TypeError("closed: int expected, not str ('1')")),
    ({"hostname": ""}, ValueError("hostname: 1 to 64 bytes, not 0")),
    ({"hostname": "\N{EURO SIGN}" * 22}, ValueError("hostname: 1 to 64 bytes, not 66")),
    ({"hostname": b"box"}, TypeError("hostname: str expected, not bytes (b'box')")),
    ({"hostname": "a\0b"}, ValueError("hostname: a NUL character in 'a\\x00b'")),
    ({"winsize": 80}, TypeError("winsize: (rows, columns) expected, not 80")),
    ({"winsize": (24, 80, 1)}, TypeError("winsize: (rows, columns) expected, not (24, 80, 1)")),
    ({"winsize": (24, -1)}, ValueError("winsize: 0 to 65535, not -1")),
    ({"programs": [main]}, TypeError("programs: Mapping or NoneType expected, not list")),
    ({"programs": {"/bin/x": "x"}}, TypeError("programs: /bin/x: `async def main(linux)` expected, not 'x'")),
    ({"programs": {1: main}}, TypeError("programs: a path: str expected, not int (1)")),
    ({"root": 5}, TypeError("root: str or Path or Mapping expected, not int (5)")),
    ({"root": {"/x": 5}}, TypeError("root: /x: bytes or str expected, not int (5)")),
    ({"root": {b"/x": b""}}, TypeError("root: a path: str expected, not bytes (b'/x')")),
    ({"trace": "sys_enter"}, TypeError("trace: True or a list of events expected, not 'sys_enter'")),
    ({"trace": ["sys_entry"]}, ValueError("trace: no event sys_entry")),
    ({"trace": 1.5}, TypeError("trace: True or a list of events expected, not 1.5")),
    ({"check": "yes"}, TypeError("check: int expected, not str ('yes')")),
    ({"check": 0}, ValueError("check: 1 to ")),
    ({"seed": -1}, ValueError("seed: 0 to 18446744073709551615, not -1")),
    ({"seed": 1 << 64}, ValueError("seed: 0 to 18446744073709551615, not 18446744073709551616")),
    ({"choices": [1]}, TypeError("choices: those of a chooser.record expected, not 1")),
    ({"choices": [(1, "cpu", (0, 1), 1)]}, TypeError("choices: those of a chooser.record expected, not (1, ")),
    ({"choices": [Choice(1, "cpu", (0, 1), 2)]}, ValueError("choices: no run makes Choice(number=1, ")),
    ({"choices": [Choice(1, "cpu", (0, 1), 1)] * 2}, ValueError("choices: no run makes Choice(number=1, ")),
    ({"cores": 3}, TypeError("cores: str or Path expected, not int (3)")),
], ids=in_words)
def test_arguments_that_cannot_be(options, error):
    with pytest.raises(type(error), match=f"^{re.escape(str(error))}") as raised:
        Machine(**options)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("program", "args", "options", "error"), [
    (main, (1,), {}, TypeError("program: an argument: str expected, not int (1)")),
    (["echo", 1], (), {}, TypeError("program: an argument: str expected, not int (1)")),
    (["echo", b"x"], (), {}, TypeError("program: an argument: str expected, not bytes (b'x')")),
    (["echo", "a\0b"], (), {}, ValueError("program: an argument: a NUL character in 'a\\x00b'")),
    ("echo hi", (), {}, TypeError("program: `async def main(linux)` or a list of strings expected, not 'echo hi'")),
    (None, (), {}, TypeError("program: `async def main(linux)` or a list of strings expected, not None")),
    ([], (), {}, ValueError("program: an empty argv")),
    (main, (), {"env": ["A=b"]}, TypeError("env: Mapping expected, not list")),
    (main, (), {"env": {"A": 1}}, TypeError("env: A: str expected, not int (1)")),
    (main, (), {"env": {"A=b": "c"}}, ValueError("env: 'A=b' is no name of a variable")),
    (main, (), {"env": {"A": "\0"}}, ValueError("env: A: a NUL character")),
    (main, (), {"cwd": b"/"}, TypeError("cwd: str expected, not bytes (b'/')")),
    (main, (), {"cwd": "/\0"}, ValueError("cwd: a NUL character")),
    (main, (), {"user": 1.5}, TypeError("user: str or int expected, not float (1.5)")),
    (main, (), {"user": b"me"}, TypeError("user: str or int expected, not bytes (b'me')")),
    (main, (), {"user": ""}, ValueError("user: NAME, UID, or one of them with :GROUP or :GID behind it, not ''")),
    (main, (), {"user": "a:b:c"}, ValueError("user: NAME, UID, or one of them with :GROUP or :GID behind it, not")),
    (main, (), {"user": "a\0"}, ValueError("user: a NUL character in 'a\\x00'")),
    (main, (), {"user": -1}, ValueError("user: numbers from 0 to 2147483647, not -1")),
    (main, (), {"user": 1 << 31}, ValueError("user: numbers from 0 to 2147483647, not 2147483648")),
    (main, (), {"user": "0:\N{ARABIC-INDIC DIGIT THREE}"}, ValueError("user: numbers from 0 to 2147483647, not")),
], ids=in_words)
def test_programs_that_cannot_be(program, args, options, error):
    with pytest.raises(type(error), match=f"^{re.escape(str(error))}") as raised:
        Machine().run(program, *args, **options)
    assert "\n" not in str(raised.value)


def test_a_coroutine_is_no_program():
    """It has begun already, and could not be begun again for a fork."""
    coro = main(None)
    with pytest.raises(TypeError, match=r"^program: `async def main\(linux\)` or a list of strings expected"):
        Machine().run(coro)
    coro.close()


USERS = {
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\nme:x:7:8::/home/me:/bin/mine\n",
    "/etc/group": "more:x:9:me\nmany:x:6:x,me\n",
}


@pytest.mark.parametrize(("user", "env", "ids", "variables"), [
    (None, None, (0, 0, ()), {"HOME": "/"}),
    ("me", None, (7, 8, (6, 9)), {"HOME": "/home/me", "USER": "me", "LOGNAME": "me", "SHELL": "/bin/mine"}),
    (7, {"USER": "x"}, (7, 8, (6, 9)), {"USER": "x", "HOME": "/home/me", "LOGNAME": "me", "SHELL": "/bin/mine"}),
    ("0:more", {}, (0, 9, ()), {"HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/sh"}),
    (5, {}, (5, 0, ()), {"HOME": "/"}),
])
def test_user_and_hostname(user, env, ids, variables):
    """And nothing is left behind by looking them up."""
    async def main(linux):
        await linux.print((await linux.uname()).nodename, await linux.getresuid(), await linux.getresgid())
        await linux.print(await linux.getgroups(), sorted(linux.environ.items()))

    result = Machine(root=USERS, hostname="b\N{LATIN SMALL LETTER O WITH DIAERESIS}x").run(main, user=user, env=env)
    result.check_baseline()
    uid, gid, groups = ids
    rest = {"PATH": DEFAULT_ENV["PATH"], "TERM": "linux"} if env is None else {}
    assert result.output == (
        f"b\N{LATIN SMALL LETTER O WITH DIAERESIS}x {(uid,) * 3} {(gid,) * 3}\n"
        f"{list(groups)} {sorted((variables | rest).items())}\n"
    )


@pytest.mark.parametrize("root", [
    None, {"/etc/passwd/": ""}, {"/etc/passwd": ""}, {"/etc/passwd": "me:x:7:8:::\nme:x:7:8::/:/bin/sh:more\nme\n"},
    {"/etc/passwd": b"\xff\0\n" * 1000},
], ids=["none", "directory", "empty", "damaged", "bytes"])
def test_nobody_is_there_to_be(root):
    machine = Machine(root=root)
    user = "me" if root != {"/etc/passwd": "me:x:7:8:::\nme:x:7:8::/:/bin/sh:more\nme\n"} else "you"
    with pytest.raises(LinuxError, match=f"ENOENT .*: no user {user} in the root's /etc/passwd"):
        machine.run(main, user=user)


def test_a_console_of_ones_own():
    """Anything with its methods will do."""
    console = BufferConsole()
    assert Machine(console=console).run(main).stdout == console.stdout == b"done\n"
    assert Machine(stdin=bytearray(b"x")).run(main).output == "done\n"


def test_a_field_of_the_kernel_is_not_set_on_the_machine():
    """It would be without effect."""
    machine = Machine()
    with pytest.raises(AttributeError):
        machine.pid_max = 400
    machine.kernel.pid_max = 400
