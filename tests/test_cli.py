"""The `procession` command: options, exit statuses, what goes where."""

from __future__ import annotations

import inspect
import io
import json
import re
import subprocess
import sys
import tarfile

import pytest

from procession.arch.x86.syscall_table import NI_SYSCALLS
from procession.cli import commands
from procession.cli.app import app
from procession.cli.quick import parse
from procession.include.linux.syscalls import SYSCALLS
from procession.tools.syscalls import supported

SH = "/bin/sh"


def procession(*arguments, stdin=b""):
    return subprocess.run(
        [sys.executable, "-m", "procession.cli", *arguments], input=stdin, capture_output=True, check=False,
    )


def run(*arguments, **options):
    return procession("run", *arguments, **options)


@pytest.fixture(scope="session")
def tiny(cache, tmp_path_factory):
    """A static program that prints its arguments and the file /greeting."""
    source = tmp_path_factory.mktemp("tiny") / "tiny.c"
    source.write_text(
        "#include <stdio.h>\n"
        "int main(int n, char **v) { char s[99]; for (int i = 1; i < n; i++) puts(v[i]);\n"
        'FILE *f = fopen("/greeting", "r"); if (!f || !fgets(s, 99, f)) return 9;\n'
        "fputs(s, stdout); return 3; }\n",
    )
    return cache.build("tiny", ["gcc", "-O1", "-static", str(source)], [source], "")


# Exit statuses and what is said of them.


@pytest.mark.parametrize(
    ("script", "status"), [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 143), ("kill -9 $$", 137)],
)
def test_the_exit_status_is_the_programs(script, status):
    assert run("--", SH, "-c", script).returncode == status


def test_a_missing_program_is_127_and_one_that_cannot_be_executed_126():
    missing = run("--", "/no/such/program")
    assert (missing.returncode, missing.stdout) == (127, b"")
    assert missing.stderr == b"procession: /no/such/program: No such file or directory\n"
    denied = run("--", "/etc/passwd")
    assert (denied.returncode, denied.stderr) == (126, b"procession: /etc/passwd: Permission denied\n")
    assert run("--", "/etc").returncode == 126


@pytest.mark.parametrize(("signal", "text"), [
    ("TERM", "Terminated\n"), ("KILL", "Killed\n"), ("HUP", "Hangup\n"), ("INT", ""), ("PIPE", ""),
    ("SEGV", "Segmentation fault"),
])
def test_a_signal_is_named_as_a_shell_names_it(signal, text):
    stderr = run("--", SH, "-c", f"kill -{signal} $$").stderr.decode()
    assert stderr.startswith(text)
    assert bool(stderr) == bool(text)


def test_output_input_and_errors_are_the_programs():
    done = run("--", SH, "-c", "cat; echo error >&2", stdin=b"some input\n")
    assert (done.stdout, done.stderr) == (b"some input\n", b"error\n")


# Where and with what it runs.


def test_env_and_cwd():
    done = run("--env", "A=1", "--env", "B=x=y", "--cwd", "/etc", "--", SH, "-c", "echo $A $B $HOME; pwd")
    assert done.stdout == b"1 x=y /\n/etc\n"
    assert run("--env", "nothing", "--", SH).stderr == b"procession: --env nothing: not NAME=VALUE\n"
    assert run("--env", "nothing", "--", SH).returncode == 2


def test_a_missing_cwd_is_said():
    done = run("--cwd", "/no/such", "--", "/bin/true")
    assert done.returncode in (126, 127)
    assert b"/no/such" in done.stderr
    assert b"Traceback" not in done.stderr
    file = run("--cwd", "/etc/passwd", "--", "/bin/true")
    assert (file.returncode, file.stderr) == (126, b"procession: /etc/passwd: Not a directory\n")


def test_as_init_is_pid_1():
    assert run("--as-init", "--", SH, "-c", "echo $$; exit 4").stdout == b"1\n"
    assert run("--as-init", "--", SH, "-c", "exit 4").returncode == 4


def test_a_panic_is_not_the_end_of_pid_1():
    """It used up all memory, and nobody else can be killed."""
    result = run("--as-init", "--memory", "32M", "--", "tail", "/dev/zero")
    assert (result.returncode, result.stdout) == (125, b"")
    assert b"Kernel panic - not syncing: Out of memory and no killable processes..." in result.stderr
    assert run("--", SH, "-c", "echo $$ $PPID").stdout == b"17 1\n"


def test_a_directory_as_the_root(tiny, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tiny").write_bytes(tiny.read_bytes())
    (tmp_path / "bin" / "tiny").chmod(0o755)
    (tmp_path / "greeting").write_text("from a directory\n")
    done = run("--root", str(tmp_path), "--", "tiny", "one")
    assert (done.returncode, done.stdout) == (3, b"one\nfrom a directory\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "greeting"]


@pytest.mark.parametrize("name", ["dev", "proc"])
def test_a_root_in_which_dev_or_proc_is_a_file(tiny, tmp_path, name):
    (tmp_path / "tiny").write_bytes(tiny.read_bytes())
    (tmp_path / "tiny").chmod(0o755)
    (tmp_path / "greeting").write_text("hello\n")
    (tmp_path / name).write_text("")
    done = run("--root", str(tmp_path), "--check", "--", "/tiny")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"hello\n", b"")


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_an_archive_as_the_root(tiny, tmp_path, kind):
    archive = tmp_path / f"root.{kind}"
    with tarfile.open(archive, "w:gz" if kind.endswith("gz") else "w") as tar:
        tar.add(tiny, "bin/tiny")
        info = tarfile.TarInfo("greeting")
        info.size = 16
        tar.addfile(info, io.BytesIO(b"from an archive\n"))
    done = run("--root", str(archive), "--", "/bin/tiny")
    assert (done.returncode, done.stdout) == (3, b"from an archive\n")


def test_a_bad_root_and_a_bad_size_are_mistakes_of_the_user(tmp_path):
    assert run("--root", str(tmp_path / "none"), "--", "/x").stderr.endswith(b": no such file or directory\n")
    assert run("--root", str(tmp_path / "none"), "--", "/x").returncode == 2
    assert run("--memory", "lots", "--", "/bin/true").stderr == b"procession: --memory lots: not a size\n"


def test_the_seed_is_all_the_randomness_there_is():
    script = "od -An -tx1 -N16 /dev/urandom; od -An -v -tx1 /proc/self/auxv; cat /proc/self/maps"
    outputs = {seed: run("--seed", seed, "--", SH, "-c", script).stdout for seed in ("0", "1")}
    assert outputs["0"] != outputs["1"]
    assert run("--seed", "1", "--", SH, "-c", script).stdout == outputs["1"]
    random = [output.split(b"\n")[0] for output in outputs.values()]
    assert len(random[0]) == 48
    assert random[0] != random[1]


# Looking on.


def test_strace_option_prints_every_call():
    done = run("--strace", "--", SH, "-c", "echo hello")
    assert done.stdout == b"hello\n"
    assert b'write(1, "hello\\n", 6)' in done.stderr
    assert done.stderr.endswith(b"+++ exited with 0 +++\n")


def test_tree_tells_every_life():
    done = run("--tree", "--", SH, "-c", "true | cat; sleep 1 & wait")
    text = done.stderr.decode()
    assert done.stdout == b""
    assert re.search(r"^0 swapper", text)
    assert "1 init" in text
    assert "2 kthreadd" in text
    assert re.search(r"17 sh\n.*born\n.*exec /bin/sh\n(.*\n)*.*exited with 0\n.*reaped by 1", text)
    assert re.search(r"cat\n.*born\n.*exec /usr/bin/cat", text)
    # The second that sleep slept.
    assert re.search(r"1\.\d{6} exited with 0", text)


def test_tree_marks_threads(compilers):
    program = compilers.compile("exec_from_thread_takes_leader_pid", "glibc")
    text = run("--tree", "--", str(program)).stderr.decode()
    assert re.search(r"\d+ \S+, thread of 18\n", text)
    assert re.search(r"became 18, exec /", text)


def test_trace_writes_json_lines(tmp_path):
    path = tmp_path / "events.jsonl"
    assert run("--trace", str(path), "--", "/bin/true").returncode == 0
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert {"sched_switch", "sched_process_exec", "sys_enter", "sys_exit"} <= {event["event"] for event in events}
    bad = run("--trace", "/no/such/place", "--", "/bin/true")
    assert bad.returncode == 2
    assert b"/no/such/place" in bad.stderr
    assert b"Traceback" not in bad.stderr


def test_unsupported_lists_what_was_asked_for_in_vain():
    text = run("--unsupported", "--", "/bin/cat", "/etc/passwd").stderr.decode()
    assert re.search(r"^not in Linux 3\.2 \(ENOSYS\): rseq \(\d+\)$", text, re.MULTILINE)


def test_strace_command_writes_to_a_file_and_fails_on_nonsense(tmp_path):
    out = tmp_path / "out"
    done = procession("strace", "-f", "-e", "trace=write", "-o", str(out), "--", SH, "-c", "echo x; exit 6")
    assert (done.returncode, done.stdout, done.stderr) == (6, b"x\n", b"")
    assert out.read_text().splitlines() == [
        '17    write(1, "x\\n", 2)                = 2', "17    +++ exited with 6 +++",
    ]
    bad = procession("strace", "-e", "trace=nonsense", "--", "/bin/true")
    assert (bad.returncode, bad.stderr) == (2, b"procession: -e trace=nonsense: invalid system call 'nonsense'\n")


# Tables and help.


def test_syscalls_says_what_is_supported():
    text = procession("syscalls").stdout.decode()
    lines = {line.split()[1]: line for line in text.splitlines()[1:]}
    assert len(lines) == 312
    assert re.match(r"\s*56\s+clone\s+clone_flags, newsp", lines["clone"])
    assert "CLONE_VM CLONE_FS" in lines["clone"]
    assert lines["tuxcall"].rstrip().endswith("not in 3.2")
    assert "MAP_ANONYMOUS" in lines["mmap"]


def test_what_is_refused_is_not_called_supported():
    assert supported("mmap").endswith("flags not: MAP_HUGETLB")
    assert "not: MS_MOVE" in supported("mount")
    assert supported("splice") == "no (refused, counted)"
    assert supported("unlinkat") == "yes; flag: AT_REMOVEDIR"
    assert supported("timerfd_create") == (
        "yes; clockid: CLOCK_REALTIME CLOCK_MONOTONIC; flags: TFD_CLOEXEC TFD_NONBLOCK"
    )
    assert all(supported(name) == "not in 3.2" for name in NI_SYSCALLS)
    assert not NI_SYSCALLS & set(SYSCALLS)


@pytest.mark.parametrize(("spec", "report"), [
    ("%fork:2", "%fork:2: refused sh:17 slab cred_jar in prepare_creds < copy_creds < copy_process < do_fork < sys_"),
    ("%fork:pid", "%fork:pid:1: refused sh:17 pid in alloc_pidmap < alloc_pid < copy_process < do_fork < sys_"),
    ("%fork:99", "%fork:99: nothing refused: %fork made only "),
    ("%fork@2", "%fork@2:1: nothing refused: %fork was reached only 1 times\n"),
    ("waitid", "waitid:1: nothing refused: waitid was never reached\n"),
    ("exit:usercopy", "exit:usercopy:1: "),
])
def test_fail_refuses_a_request_and_says_which(spec, report):
    done = run("--fail", spec, "--", SH, "-c", "/bin/true; echo $?")
    assert done.stderr.decode().splitlines()[-1].startswith(f"procession: --fail {report}".rstrip("\n"))
    assert done.stdout == (b"0\n" if "nothing" in report or "exit" in report else b"")
    assert (done.returncode == 0) == bool(done.stdout)


@pytest.mark.parametrize("spec", [
    "", ":", "x", "fork:", "fork@", "fork@0", "fork@x", "fork:0", "fork:-1", "fork:x", "fork:page:x", "fork:1:2",
    "fork:page:1:2", "fork:page+x", "fork@2:each", "fork:\N{SUPERSCRIPT TWO}", "forks",
])
def test_a_bad_fail_spec_is_one_line(spec):
    done = run("--fail", spec, "--", SH)
    assert done.returncode == 2
    assert done.stderr.startswith(b"procession: --fail ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(("command", "words"), [
    ((), ["run", "strace", "syscalls"]),
    (("run",), ["--strace", "--tree", "--trace", "--unsupported", "--fail", "--as-init", "--root", "--memory"]),
    (("strace",), ["-f", "-e", "-o", "-s", "--root"]),
    (("syscalls",), ["supported"]),
])
def test_help_names_everything(command, words):
    done = procession(*command, "--help")
    assert done.returncode == 0
    for word in words:
        assert word in done.stdout.decode()


def test_nothing_prints_help_and_unknown_options_are_mistakes():
    assert b"Usage" in procession().stdout + procession().stderr
    assert run("--nonsense").returncode == 2
    assert run().returncode == 2


def test_core_files_go_to_a_directory(tmp_path):
    cores = tmp_path / "cores"
    done = run("--core", str(cores), "--", "/bin/sh", "-c", "kill -QUIT $$")
    assert done.returncode == 131
    assert done.stderr == b"Quit (core dumped)\n"
    (core,) = cores.iterdir()
    assert core.name.startswith("core.")
    assert core.read_bytes()[:4] == b"\x7fELF"


def test_a_bad_directory_for_core_files_is_a_mistake_of_the_user(tmp_path):
    (tmp_path / "file").touch()
    for path, text in ((tmp_path / "file", "not a directory"), ("/proc/none", "No such file or directory")):
        done = run("--core", str(path), "--", "/bin/true")
        assert done.returncode == 2
        assert done.stderr.count(b"\n") == 1
        assert text.encode() in done.stderr


def test_an_observer_that_fails_is_no_bug_of_the_kernel():
    """The run goes on, and at its end a warning tells what it was."""
    code = (
        "import sys; from procession.tools.tree import ProcessTree; from procession.cli import main\n"
        "ProcessTree._on_fork = lambda self, event: 1 // 0\n"
        "sys.argv = ['procession', 'run', '--tree', '--', '/bin/sh', '-c', 'true | true; echo done']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert "ListenerWarning" in done.stderr
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert "bug of Procession" not in done.stderr


@pytest.mark.no_cover
def test_a_run_imports_only_what_it_needs():
    """What prints help and reads unusual options takes longer to import than many a guest takes to run."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "procession.cli", "run", "--seed", "1", "--", "/bin/true"],
        capture_output=True, text=True, check=True,
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "procession" in imported
    assert imported.isdisjoint({"typer", "click", "rich", "numpy", "dataclasses", "argparse"})


PLAIN = [
    ["run", "--", "/bin/true"],
    ["run", "/bin/echo", "a", "b"],
    ["run", "-t", "--strace", "--tree", "--check", "--unsupported", "--as-init", "--realtime", "--", "x", "-y"],
    ["run", "-it", "--", "x"],
    ["run", "--root", "/tmp", "--trace=t", "--core", "c", "--fail", "fork:2", "--cwd", "/x", "--", "x"],
    ["run", "--env", "A=1", "--env=B=2", "--seed", "7", "--cpus", "3", "--memory", "64M", "--", "x"],
    ["run", "-v", "/a:/b", "--volume", "c:/d:rw", "--volume=/e:/f:ro", "--", "x"],
]
NOT_PLAIN = [
    [], ["--help"], ["run"], ["run", "--help"], ["run", "--"], ["run", "x", "--strace"], ["strace", "--", "x"],
    ["run", "--cpus", "65", "--", "x"], ["run", "--cpus", "0", "--", "x"], ["run", "--seed", "x", "--", "x"],
    ["run", "--seed"], ["run", "--no-such", "--", "x"], ["run", "--strac", "--", "x"], ["syscalls"],
]


@pytest.mark.parametrize("arguments", PLAIN, ids=" ".join)
def test_plain_arguments_mean_what_typer_makes_of_them(arguments, monkeypatch):
    given = []
    signature = inspect.signature(commands.run)
    monkeypatch.setattr(commands, "run", lambda *values, **named: given.append(signature.bind(*values, **named)))
    app(arguments, standalone_mode=False)
    commands.run(**parse(arguments))
    for bound in given:
        bound.apply_defaults()
        for name in ("env", "volume"):
            bound.arguments[name] = list(bound.arguments[name])
    assert given[0].arguments == given[1].arguments


@pytest.mark.parametrize("arguments", NOT_PLAIN, ids=" ".join)
def test_what_is_not_plain_is_typers(arguments):
    assert parse(arguments) is None
