"""Other people's debuggers and tracers run inside, unmodified: strace, gdb, gdbserver, ltrace.

debugged/NAME.gdb is what gdb is told, and NAME.out what it says then on a real Linux 3.2.4, without what differs from
one run to the next. That was gdb 13 and gcc 12; where these are others, what gdb says on the host stands in, if ptrace
is whole there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
import re
import subprocess

import pytest
from tests.conftest import Cache, Compilers, RunInside
from tests.surroundings import environment, need
from tests.test_strace import by_process, normal_line, our_strace

DEBUGGED = Path(__file__).parent / "debugged"
GDB = ("-q", "-nx", "-batch", "-iex", "set debug-file-directory /nonexistent", "-iex", "set width 0")
# What the recordings were made with.
RECORDED = ("GNU gdb (Debian 13.", "gcc (Debian 12.")

Build = Callable[[str], str]


@pytest.fixture(scope="session")
def debugged(cache: Cache, compilers: Compilers) -> Build:
    """Path of a program with all that a debugger wants to know."""

    def build(name: str) -> str:
        compilers.need("dynamic")
        source = DEBUGGED / f"{name}.c"
        command = [*compilers.commands["dynamic"], "-O0", "-g", "-no-pie", str(source)]
        return str(cache.build(name, command, [source], compilers.versions["dynamic"] or ""))

    return build


def decoded(data: bytes) -> str:
    """Return an output as text."""
    return data.decode(errors="backslashreplace")


# --- gdb ---

# Transcript: the program.
TRANSCRIPTS = {
    "steps": "steps", "watch": "steps", "watch_soft": "steps", "change": "steps", "signals": "signals",
    "syscalls": "syscalls", "follow_child": "forks", "follow_parent": "forks", "both": "forks", "catch": "forks",
    "catch_child": "forks", "threads": "threads",
}
# The others would take four times as long with all structures walked.
CHECKED = {"catch"}
# Messages about files that are there or not.
ABOUT_FILES = re.compile(
    r"\[Thread debugging using libthread_db|Using host libthread_db|Reading symbols from |warning: "
    r"|\[Attaching after |Download failed|Make --?enable debuginfod"
)


def transcript(text: str, program: str) -> str:
    """Return what gdb said without addresses, numbers of processes and where things lie."""
    text = text.replace(f"{DEBUGGED}/", "").replace(program, Path(program).name)
    lines = [line.rstrip() for line in text.splitlines() if not ABOUT_FILES.match(line)]
    text = "\n".join(lines) + "\n"
    text = re.sub(r"^(\*? +[\d.]+ +Thread .*\"\w+\") .*", r"\1", text, flags=re.MULTILINE)  # where each thread is
    names: dict[str, str] = {}
    text = re.sub(
        r"\b(process|LWP|pid) (\d+)", lambda m: f"{m[1]} {names.setdefault(m[2], f'PID{len(names) + 1}')}", text
    )
    return re.sub(r" {2,}", " ", re.sub(r"0x[0-9a-f]{6,16}", "ADDRESS", text))     # columns are as wide as numbers


def gdb_command(name: str, program: str, *options: str) -> list[str]:
    """Return how gdb is run with a script of debugged/."""
    return [need("gdb"), *GDB, *options, "-x", str(DEBUGGED / f"{name}.gdb"), program]


def on_the_host(argv: Sequence[str]) -> str:
    """Return what a command says on the host."""
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment(), cwd="/",
        check=False, timeout=120,
    )
    return decoded(done.stdout)


def is_as_recorded() -> bool:
    """Whether gdb and gcc are those of the recordings."""
    versions = (on_the_host([need(name), "--version"]) for name in ("gdb", "gcc"))
    return all(version.startswith(recorded) for version, recorded in zip(versions, RECORDED, strict=True))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in CHECKED else pytest.mark.unchecked) for name in TRANSCRIPTS]
)
def test_gdb_says_what_it_says_on_linux(name: str, debugged: Build, inside: RunInside) -> None:
    program = debugged(TRANSCRIPTS[name])
    argv = gdb_command(name, program)
    if is_as_recorded():
        expected = (DEBUGGED / f"{name}.out").read_text(encoding="utf-8")
    else:
        probe = [*gdb_command("change", debugged("steps"))]
        if "= 49\n" not in on_the_host(probe):
            pytest.skip("the host does not let gdb call a function, and this is another gdb or gcc than recorded")
        expected = transcript(on_the_host(argv), program)
    ours = inside(["/bin/sh", "-c", 'exec "$@" 2>&1', "sh", *argv])
    assert transcript(decoded(ours.stdout), program) == expected


@pytest.mark.unchecked
def test_gdb_attaches_and_detaches(debugged: Build, inside: RunInside) -> None:
    """And what it has changed stays so: the program would wait for ever."""
    gdb = [need("gdb"), *GDB, "-x", str(DEBUGGED / "attach.gdb")]
    script = '"$0" & sleep 0.1; "$@" -p $! 2>&1; wait $!; echo $?'
    ours = inside(["/bin/sh", "-c", script, debugged("attach"), *gdb])
    said = transcript(decoded(ours.stdout), debugged("attach"))
    assert "ADDRESS in clock_nanosleep () from" in said
    assert "$1 = 0\n" in said
    assert "Breakpoint 1, answer () at attach.c:8\n8\t\treturn 40 + go;\n" in said
    assert "#1 ADDRESS in main () at attach.c:15\n" in said
    assert said.endswith("[Inferior 1 (process PID1) detached]\n42\n")


@pytest.mark.unchecked
def test_gdb_at_a_terminal_interrupts_its_program(debugged: Build, inside: RunInside) -> None:
    """A program has a process group of its own, and the foreground while it runs: so what is typed goes there."""
    gdb = [need("gdb"), *(option for option in GDB if option != "-batch"), "-iex", "set style enabled off"]
    ours = inside([need("expect"), str(DEBUGGED / "typed.exp"), *gdb, debugged("attach")])
    assert decoded(ours.stdout) == "interrupted\nits own group: 1\ngdb has the foreground: 1\nstatus 0\n"


@pytest.mark.unchecked
def test_a_core_that_gdb_makes_is_read_outside(debugged: Build, inside: RunInside, tmp_path: Path) -> None:
    program = debugged("steps")
    commands = ("break square if n == 3", "run", "generate-core-file /cores/core", "kill")
    argv = [need("gdb"), *GDB, *(part for command in commands for part in ("-ex", command)), program]
    ours = inside(argv, volumes={"/cores": (tmp_path, "rw")})
    assert "Saved corefile /cores/core" in decoded(ours.stdout)
    said = transcript(on_the_host([*gdb_command("read_core", program), str(tmp_path / "core")]), program)
    assert "Core was generated by `steps'.\nProgram terminated with signal SIGTRAP" in said
    assert said.endswith(
        "#0 square (n=3) at steps.c:9\n#1 ADDRESS in sum (last=3) at steps.c:17\n#2 ADDRESS in main () at steps.c:26\n"
        "$1 = {0, 1, 4, 0}\n$2 = 1\nrip ADDRESS ADDRESS <square+7>\n=> ADDRESS <square+7>:\tmov -0x14(%rbp),%eax\n"
    )


@pytest.mark.unchecked
def test_gdb_controls_gdbserver_over_a_pipe(debugged: Build, inside: RunInside) -> None:
    program = debugged("steps")
    commands = (
        "set sysroot /", f"target remote | exec {need('gdbserver')} --once - {program}", "break square if n == 3",
        "watch numbers[2]", "continue", "continue", "print numbers", "finish", "set var numbers[3] = 50", "delete",
        "continue",
    )
    argv = [need("gdb"), *GDB, *(part for command in commands for part in ("-ex", command)), program]
    said = transcript(decoded(inside(argv).stdout), program)
    assert said[said.index("Hardware watchpoint 2: numbers[2]\n\nOld"):] == (
        "Hardware watchpoint 2: numbers[2]\n\nOld value = 0\nNew value = 4\nsum (last=3) at steps.c:18\n"
        "18\t\t\ttotal += numbers[n];\n\nBreakpoint 1, square (n=3) at steps.c:9\n9\t\tint result = n * n;\n"
        "$1 = {0, 1, 4, 0}\nADDRESS in sum (last=3) at steps.c:17\n17\t\t\tnumbers[n] = square(n);\n"
        "Value returned is $2 = 9\n[Inferior 1 (process PID1) exited normally]\n"
    )


# --- strace ---

STRACED = {
    "pipeline": ["/bin/sh", "-c", "true | true"],
    "exits_killed": ["/bin/sh", "-c", "/bin/true | /bin/true; kill -9 $$"],
    "threads": ["joined"], "stops": ["stops"], "vfork": ["vforks"], "killed": ["killed"],
}


# Of these the arguments are not known to ours, as they are later than 3.2, or strace itself is the answer.
DROPPED = re.compile(r"(getrandom|rseq|clone3|getppid)\(")


def straced(text: str) -> list[str]:
    """Return strace -f's lines by process, without numbers, addresses and when a signal came that nobody awaits."""
    processes = by_process("\n".join(line for line in text.splitlines() if re.match(r"\d+ ", line)))
    names = {pid: f"PID{n}" for n, pid in enumerate(processes, 1)}
    out = []
    for pid, lines in processes.items():
        # Only who is traced is interrupted by a signal that he ignores.
        interrupted = "? ERESTARTSYS (To be restarted if SA_RESTART is set)"
        kept = [line for line in lines if not line.endswith(interrupted) and not DROPPED.match(line)]
        kept = [re.sub(r"(parent_tid=\[|REALTIME, )(\d+)", lambda m: m[1] + names[m[2]], line) for line in kept]
        kept = [normal_line(line, names) for line in kept]
        out += [f"== {names[pid]}", *(line for line in kept if "- SIGCHLD" not in line)]
        out += (line for line in kept if "- SIGCHLD" in line)
    return out


@pytest.mark.parametrize("name", STRACED)
def test_strace_says_what_ours_says(name: str, debugged: Build, inside: RunInside, tmp_path: Path) -> None:
    argv = STRACED[name]
    if not argv[0].startswith("/"):
        argv = [debugged(argv[0])]
    theirs = inside([need("strace"), "-f", "-o", "/dev/stderr", *argv])
    ours = our_strace(argv, "-f", output=tmp_path / "ours")
    assert straced(decoded(theirs.stderr)) == straced(ours)


def test_strace_attaches_and_detaches(inside: RunInside) -> None:
    """As on a real 3.2.4, where PTRACE_SEIZE is not what strace takes it for, so that it attaches by a SIGSTOP."""
    script = """
        sleep 10 & job=$!; sleep 0.5
        "$0" -o /dev/stdout -p $job & sleep 0.5
        kill -STOP $job; sleep 0.1; kill -CONT $job; sleep 0.1
        kill -INT $!; wait $!; echo $?
        kill -USR1 $job; wait $job 2>&-; echo $?
    """
    ours = inside(["/bin/bash", "-c", script, need("strace")])
    assert re.sub(r"si_pid=\d+", "si_pid=N", decoded(ours.stdout)) == """\
restart_syscall(<... resuming interrupted clock_nanosleep ...>) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)
--- SIGSTOP {si_signo=SIGSTOP, si_code=SI_USER, si_pid=N, si_uid=0} ---
--- stopped by SIGSTOP ---
restart_syscall(<... resuming interrupted restart_syscall ...>) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)
--- SIGCONT {si_signo=SIGCONT, si_code=SI_USER, si_pid=N, si_uid=0} ---
restart_syscall(<... resuming interrupted restart_syscall ...> <detached ...>
130
138
"""
    said = re.findall(r"Process \d+ (\w+)", decoded(ours.stderr))
    assert said == ["attached", "detached"]


def test_strace_counts(debugged: Build, inside: RunInside) -> None:
    ours = inside([need("strace"), "-c", "-f", debugged("vforks")])
    calls = {line.split()[-1]: line.split()[3:-1] for line in decoded(ours.stderr).splitlines()[3:]}
    assert calls["execve"] == ["3", "1"]
    assert calls["vfork"] == calls["wait4"] == ["1"]


def test_strace_shows_stacks(debugged: Build, inside: RunInside) -> None:
    ours = inside([need("strace"), "-k", "-e", "trace=write", debugged("joined")])
    lines = decoded(ours.stderr).splitlines()
    if "not supported by this build" in lines[0]:
        pytest.skip("this strace was built without stacks")
    assert lines[0].startswith('write(1, "6\\n", 2)')
    assert "__write+0x" in lines[1]
    assert f"{debugged('joined')}(_start+0x" in lines[-2]


# What is injected into "echo $PPID; echo x", what that writes, its exit status, the lines that say so.
INJECTED = [
    ("getppid:retval=42", "42\nx\n", 0, ["getppid() = 42 (INJECTED)"]),
    ("write:error=ENOSPC:when=1", "x\n", 0, ['write(1, "17\\n", 3) = -1 ENOSPC (No space left on device) (INJECTED)']),
    ("write:poke_enter=@arg2=7a:when=2", "17\nz\n", 0, ['write(1, "z\\n", 2) = 2 (INJECTED: args)']),
    ("write:delay_enter=1000000:when=2", "17\nx\n", 0, ['write(1, "x\\n", 2) = 2 (DELAYED)']),
    ("write:signal=USR1:when=1", "17\n", 138, ["--- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_KERNEL} ---"]),
]


@pytest.mark.parametrize(("what", "written", "status", "lines"), INJECTED, ids=[what[0] for what in INJECTED])
def test_strace_injects(what: str, written: str, status: int, lines: list[str], inside: RunInside) -> None:
    options = ["-a", "1", "-o", "/dev/stderr", "-e", f"inject={what}", "-e", "trace=getppid,write"]
    ours = inside([need("strace"), *options, "/bin/dash", "-c", "echo $PPID; echo x"])
    assert (decoded(ours.stdout), ours.exit_code) == (written, status)
    assert set(lines) <= set(decoded(ours.stderr).splitlines())


# --- others ---


def test_ltrace_says_which_functions_are_called(debugged: Build, inside: RunInside) -> None:
    """Breakpoints in three threads, and the step over each while the others stand."""
    ours = inside([need("ltrace"), "-f", debugged("joined")])
    lines = [re.sub(r"0x[0-9a-f]+|\(.*\)|\[pid \d+\] ", "", line) for line in decoded(ours.stderr).splitlines()]
    said = [re.match(r"(<\.\.\. )?(\w+|\+\+\+ exited)", line) for line in lines if line]
    calls = [match[2] for match in said if match and not match[1]]
    thread = ["pthread_create", "pthread_join", "pthread_mutex_lock", "pthread_mutex_unlock", "+++ exited"]
    assert sorted(calls) == sorted([*thread * 3, "printf", "+++ exited"])
    assert decoded(ours.stdout) == "6\n"


@pytest.mark.unchecked
def test_gdb_in_valgrind(debugged: Build, inside: RunInside) -> None:
    program = debugged("steps")
    need("vgdb")
    script = """
        "$1" --tool=none --vgdb=yes --vgdb-error=0 -q "$0" >/dev/null 2>&1 & shift; sleep 1
        exec "$@" -ex "target remote | vgdb" -ex "break square if n == 3" -ex continue -ex backtrace -ex kill "$0"
    """
    ours = inside(["/bin/sh", "-c", script, program, need("valgrind"), need("gdb"), *GDB])
    said = transcript(decoded(ours.stdout), program)
    assert "#0 square (n=3) at steps.c:9\n#1 ADDRESS in sum (last=3) at steps.c:17\n" in said


@pytest.mark.unchecked
def test_python_tells_its_tracer_where_it_fails(inside: RunInside) -> None:
    """A handler of SIGSEGV that ends by the same signal again (faulthandler)."""
    code = "import ctypes, faulthandler; faulthandler.enable(); ctypes.string_at(0)"
    argv = [need("strace"), "-e", "trace=none", "/usr/bin/python3", "-c", code]
    ours = inside(argv)
    lines = [line for line in decoded(ours.stderr).splitlines() if line[:3] in {"---", "+++", "Fat"}]
    assert [re.sub(r"si_pid=\d+", "si_pid=N", line) for line in lines] == [
        "--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL} ---",
        "Fatal Python error: Segmentation fault",
        "--- SIGSEGV {si_signo=SIGSEGV, si_code=SI_TKILL, si_pid=N, si_uid=0} ---",
        "+++ killed by SIGSEGV +++",
    ]
