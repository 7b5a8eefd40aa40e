"""What came after 3.2 is there for those who ask for it, in traces and replays too, and for nobody else."""

from __future__ import annotations

import json
from pathlib import Path
import shutil
import struct

import pytest
from tests import starter

from procession import Machine
from procession.arch.x86.syscall_table import LATER_CALLS
from procession.include.linux.later import LATER, later_names, release_of
from procession.include.linux.syscalls import LATER_SYSCALLS, SYSCALLS, system_calls
from procession.init import vmlinux  # noqa: F401 -- links every call in
from procession.tools.replay import Replay
from procession.tools.strace_printers import PRINTERS
from procession.tools.tracefile import TraceWriter, read_header

GETRANDOM = 318


async def random(linux):
    """Ask for eight random bytes."""
    data = bytearray(8)
    try:
        await linux.syscall(GETRANDOM, data, 8, 0)
    except OSError as error:
        return error.errno
    await linux.write(1, bytes(data).hex().encode())
    return 0


def test_every_name_is_of_a_call_or_of_a_flag():
    """A call's name is its call's, all declared calls have one, and their numbers are known."""
    assert set(LATER_SYSCALLS) <= set(LATER)
    assert not set(LATER_SYSCALLS) & set(SYSCALLS)
    assert set(LATER_SYSCALLS) <= {name for name, _ in LATER_CALLS.values()}
    arguments = dict(LATER_CALLS.values())
    for name, call in LATER_SYSCALLS.items():
        assert len(call.params) >= arguments[name], name
        assert call.result is not None


def test_strace_has_a_printer_for_every_argument():
    """As for 3.2's calls."""
    kinds = {param.arg.kind for call in LATER_SYSCALLS.values() for param in call.params}
    assert kinds <= set(PRINTERS)


def test_what_names_mean():
    """All, one, several, spaces; what there is not is a mistake."""
    assert later_names("all") == later_names(["all"]) == frozenset(LATER)
    assert later_names("getrandom, statx") == later_names({"getrandom", "statx"}) == {"getrandom", "statx"}
    assert later_names("") == later_names(()) == frozenset()
    for wrong in ("getrandum", ["x"], "getrandom,x", [""]):
        with pytest.raises(ValueError, match="later: nothing later than"):
            Machine(later=wrong)
    for wrong in (1, None, [1], {"getrandom": 1}):
        with pytest.raises(TypeError):
            Machine(later=wrong)


def test_a_release():
    """Three numbers; uname says them."""
    assert release_of("6.18.0") == b"6.18.0"
    for wrong in ("6.18", "6.18.0-rc1", "", "6.1 8.0", "٦.1.1", "1234.0.0"):
        with pytest.raises(ValueError, match="release: three numbers"):
            Machine(release=wrong)
    with pytest.raises(TypeError):
        Machine(release=6)

    async def uname(linux):
        await linux.write(1, (await linux.uname()).release.encode())

    assert Machine(release="6.18.0").run(uname).stdout == b"6.18.0"
    assert Machine(later="all").run(uname).stdout == b"3.2.0"


def test_without_it_nothing_is_there():
    """The table is 3.2's own, and a call is counted as before."""
    assert system_calls(frozenset()) is SYSCALLS
    machine = Machine()
    assert machine.kernel.syscalls is SYSCALLS
    assert machine.run(random).exit_code == 38
    assert machine.enosys == {"getrandom": 1}
    assert Machine(later="statx").run(random).exit_code == 38


@pytest.mark.parametrize(("later", "attribute", "type"), [
    ("", 29, 2), ("IFLA_EXT_MASK", 29, 16), ("IFLA_EXT_MASK", 30, 2),
])
def test_an_interface_is_asked_for_with_a_mask(later, attribute, type):
    """As `ip link show lo` does: an answer, or an error; other attributes stay unknown, and those of addresses."""
    async def main(linux):
        fd = await linux.socket(linux.AF_NETLINK, linux.SOCK_RAW, 0)
        link = struct.pack("<IHHIIBxHiIIHHIHH4s", 48, 18, 1, 7, 0, 0, 0, 0, 0, 0, 8, attribute, 1, 7, 3, b"lo\0")
        address = struct.pack("<IHHIIBBBBiHHI", 32, 20, 5, 8, 0, 2, 8, 0, 0, 1, 8, 29, 1)
        for question in (link, address):
            await linux.send(fd, question, 0)
            answer = await linux.read(fd, 4096)
            await linux.write(1, b"%d " % struct.unpack_from("<H", answer, 4))
        return 0

    result = Machine(later=later).run(main)
    assert (result.output, result.exit_code) == (f"{type} 2 ", 0), result.stderr


def test_random_bytes_are_those_of_the_seed():
    """The same for the same seed."""
    first, again, other = (Machine(later="getrandom", seed=seed).run(random).stdout for seed in (1, 1, 2))
    assert len(first) == 16
    assert first == again != other


def test_a_trace_says_what_was_on_and_a_replay_has_it(tmp_path):
    """Nothing is said of it where nothing was."""
    for options in ({}, {"later": "getrandom,statx", "release": "6.18.0"}):
        path = tmp_path / "trace"
        machine = Machine(**options)
        with path.open("w", encoding="utf-8") as out:
            TraceWriter(machine, out)
            machine.run(random)
        header = json.loads(path.read_text(encoding="utf-8").partition("\n")[0])
        said = {name: header[name] for name in ("later", "release") if name in header}
        assert said == ({"later": ["getrandom", "statx"], "release": "6.18.0"} if options else {})
        read = read_header(path)
        assert (read["later"], read["release"]) == (said.get("later", []), said.get("release"))
        with Replay(path, program=random) as replay:
            assert replay.finish().how["status"] == (0 if options else 38 << 8)
            assert replay.kernel.later == set(said.get("later", []))


def procession(*words):
    return starter.run(*words, text=True)


def test_the_command():
    """help lists all; a name that there is not is one line; quick and typer read the same."""
    listed = procession("run", "--later", "help")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == list(LATER)
    assert procession("strace", "--later=help").stdout == listed.stdout
    wrong = procession("run", "--later", "getrandum", "true")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (125, 1)
    assert wrong.stderr.startswith("procession: --later: nothing later than 3.2 is called 'getrandum' here")
    wrong = procession("run", "--release", "6.18", "true")
    assert wrong.stderr == "procession: --release: three numbers like 5.10.0 expected, not '6.18'\n"
    assert wrong.returncode == 125
    for command in (("run", "--later", "getrandom"), ("strace", "-o/dev/null", "--later=getrandom")):
        ran = procession(*command, "--release=5.10.0", "uname", "-r")
        assert ran.stdout == "5.10.0\n"


def test_a_sequence_hears_of_each_cpu(compilers, inside):
    """The program that compares with the host runs on two CPUs here."""
    program = compilers.compile("later_rseq", "musl")
    result = inside([str(program)], later="all", cpus=2)
    expected = (Path(__file__).parent / "programs/expected/later_rseq.out").read_text(encoding="utf-8")
    assert f"{result.stdout.decode()}[exit {result.exit_code}]\n" == expected


PYTHON = """
import os, signal, select
assert os.uname().release == "6.18.0" and len(os.getrandom(8)) == 8
fd = os.memfd_create("x"); os.write(fd, b"abc")
out = os.memfd_create("y"); assert os.copy_file_range(fd, out, 3, 0) == 3
pid = os.fork()
if not pid:
    signal.pause()
pidfd = os.pidfd_open(pid)
signal.pidfd_send_signal(pidfd, signal.SIGTERM)
assert select.select([pidfd], [], [], 5)[0] == [pidfd]
assert os.waitid(os.P_PIDFD, pidfd, os.WEXITED).si_status == signal.SIGTERM
print("python")
"""
NODE = """
const { execSync } = require('child_process');
require('fs').copyFileSync('/etc/passwd', '/tmp/copy-of-passwd');
console.log(require('crypto').randomBytes(8).length, execSync('echo node').toString().trim());
"""


@pytest.mark.parametrize(("program", "option", "script", "says"), [
    ("/usr/bin/python3", "-c", PYTHON, b"python\n"),
    ("/usr/bin/node", "-e", NODE, b"8 node\n"),
])
def test_programs_of_today(program, option, script, says):
    """They find what they ask for, but for what they do without."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not here")
    machine = Machine(root="/", later="all", release="6.18.0")
    result = machine.run([program, option, script])
    assert (result.stdout, result.exit_code) == (says, 0), result.stderr.decode()
    assert set(machine.enosys) <= {"pkey_alloc", "io_uring_setup"}
    machine.check_baseline()
