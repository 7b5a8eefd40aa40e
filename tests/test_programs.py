"""Behaviour by programs: each C file of programs/ says the same inside and on a host that plays 3.2.

Comments in a program speak to this file:
    // needs: root              the oracle must be real root; otherwise the recording counts
    // needs: pty               the host must have /dev/ptmx
    // needs: tiocsti           the host must allow TIOCSTI
    // needs: core pattern ...  cores must go to plain files on the host
    // needs: glibc             only compiled with that C library
    // needs: i386              a program of 32 bits
    // later: NAME,…            what of after 3.2 it needs: Machine(later=…), and the host as it is
    // order: why               the output depends on the order, so on the seed (fuzz/seeds.py leaves it out)
    // differs: why             later kernels answer otherwise; programs/differs/NAME.out is what 3.2 says
    // a real 3.2.4: what       one that runs under qemu prints otherwise, which is no fault here; nothing reads this
"""

from __future__ import annotations

from pathlib import Path
import platform
import re

import pytest
from tests.conftest import PURE
from tests.traces import said

PROGRAMS = Path(__file__).parent / "programs"
NAMES = sorted(path.stem for path in PROGRAMS.glob("*.c"))
HOST_TIMES = 3

# Also linked dynamically: the loader maps, protects and relocates before main() runs.
DYNAMIC = {
    "atexit_order",
    "cow_many_generations",
    "exec_argv_env",
    "exec_dash_c_shell",
    "exec_from_thread_takes_leader_pid",
    "fork_from_thread",
    "fork_inherits",
    "fork_tree",
    "posix_spawn",
    "proc_self",
    "pthread_mutex_cond",
    "signal_restart",
    "stdio_buffer_doubled_by_fork",
    "vfork_shares_memory",
}


def marks(name, kind):
    text = (PROGRAMS / f"{name}.c").read_text(encoding="utf-8")
    return re.findall(rf"^// {kind}: (.*)$", text, flags=re.MULTILINE)


# Also as programs of 32 bits: what goes by structures, registers and frames of its own there.
SHORT = {
    "exec_argv_env",
    "fork_tree",
    "pthread_mutex_cond",
    "robust_list",
    "robust_mutex_between_processes",
    "signal_altstack",
    "signal_restart",
    "signal_storm",
    "stack_growth",
    "vfork_shares_memory",
}


def libraries(name):
    """The C libraries with which the program is linked."""
    needs = marks(name, "needs")
    if "i386" in needs:
        return ["i386"]
    static = ["glibc"] if "glibc" in needs else ["musl", "glibc"]
    return static + ["dynamic"] * (name in DYNAMIC) + ["i386"] * (name in SHORT)


CASES = [(name, libc) for name in NAMES for libc in libraries(name)]


# What the host has to be at least, so that its answers about what came after 3.2 hold.
RECORDED_ON = (6, 18)


def host_release():
    """The first two numbers of the host's kernel."""
    return tuple(int(number) for number in re.findall(r"\d+", platform.release())[:2])


def host_can_run(name, oracle):
    """None, or why the recording has to stand in for the host."""
    if not oracle.command:
        return f"the host cannot play 3.2: {oracle.why_not}"
    needs = marks(name, "needs")
    if "root" in needs and not oracle.root:
        return "the host lets us be root in a user namespace only"
    if marks(name, "later") and host_release() < RECORDED_ON:
        return "the host's kernel is older than what is recorded"
    if "pty" in needs and not Path("/dev/ptmx").exists():
        return "the host has no /dev/ptmx"
    sysctl = Path("/proc/sys/dev/tty/legacy_tiocsti")
    if "tiocsti" in needs and sysctl.exists() and sysctl.read_text(encoding="ascii").strip() == "0":
        return "the host has turned TIOCSTI off"
    if any(need.startswith("core pattern") for need in needs) and not oracle.dumps_core():
        return "the host pipes its cores to a program"
    return None


def expectation(name, program, oracle, request, *, foreign=False):
    """What 3.2 prints.

    A busy host can let a sleep last so long that a program shows another order than it was written for; it is asked
    again then. Where it keeps to its answer, that holds, whatever is on file.
    """
    differs = PROGRAMS / "differs" / f"{name}.out"
    if differs.exists():
        return differs.read_text(encoding="utf-8")
    recording = PROGRAMS / "expected" / f"{name}.out"
    why = "the host does not run such programs" if foreign else host_can_run(name, oracle)
    if why is None:
        recorded = recording.read_text(encoding="utf-8") if recording.exists() else None
        for _ in range(HOST_TIMES):
            text = oracle.run([str(program)], later=bool(marks(name, "later"))).text
            if text == recorded:
                break
        if request.config.getoption("--record"):
            recording.write_text(text, encoding="utf-8")
        return text
    if not recording.exists():
        pytest.skip(f"{name}: {why}, and there is no recording of it")
    return recording.read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "libc"), CASES, ids=["-".join(case) for case in CASES])
def test_program(name, libc, compilers, oracle, traces, request):
    """The program prints inside what it prints on 3.2; what its trace was the compiled build is asked about."""
    program = compilers.compile(name, libc)
    expected = expectation(name, program, oracle, request, foreign=not compilers.host_runs(libc))
    if request.config.getoption("--host-only"):
        assert "FAILED" not in expected
        if not (PROGRAMS / "differs" / f"{name}.out").exists() and host_can_run(name, oracle) is None:
            recording = (PROGRAMS / "expected" / f"{name}.out").read_text(encoding="utf-8")
            later = bool(marks(name, "later"))
            assert [oracle.run([str(program)], later=later).text for _ in range(2)] == [expected] * 2
            assert expected == recording, "it depends on the C library, the compiler, or this host"
        return
    inside = request.getfixturevalue("inside")
    later = ",".join(marks(name, "later"))
    noted = PURE and libc == libraries(name)[0]
    result = inside([str(program)], later=later, trace=noted)
    if noted:
        traces.note(program, later, said(result))
    out = result.stdout.decode(errors="backslashreplace")
    newline = "" if not out or out.endswith("\n") else "\n[no newline]\n"
    assert f"{out}{newline}[exit {result.exit_code}]\n" == expected, result.stderr.decode(errors="replace")


@pytest.mark.parametrize("name", NAMES)
def test_program_is_documented_and_recorded(name):
    """Each program says what it shows, has an expectation on file, and names its reason where it differs."""
    text = (PROGRAMS / f"{name}.c").read_text(encoding="utf-8")
    assert text.startswith("/* ")
    differs = (PROGRAMS / "differs" / f"{name}.out").exists()
    assert differs == bool(marks(name, "differs"))
    assert differs != (PROGRAMS / "expected" / f"{name}.out").exists()


def test_no_expectation_without_a_program():
    """Recordings go away with their programs."""
    files = [path for kind in ("expected", "differs") for path in (PROGRAMS / kind).glob("*.out")]
    assert {path.stem for path in files} <= set(NAMES)
