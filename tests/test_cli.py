"""The `procession` command: options, exit statuses, what goes where."""

from __future__ import annotations

import inspect
import io
import json
import os
from pathlib import Path
import re
import shlex
import subprocess
import sys
import tarfile
import tempfile

import pexpect
import pytest
from tests import starter
from tests.packages import zsh_functions
from tests.surroundings import need

from procession.arch.x86.syscall_table import NI_SYSCALLS
from procession.cli import commands
from procession.cli.app import app
from procession.cli.quick import parse
from procession.cli.words import EXAMPLES
from procession.include.linux.syscalls import SYSCALLS
from procession.tools.syscalls import supported

SH = "/bin/sh"


def procession(*arguments, stdin=b""):
    return starter.run(*arguments, input=stdin)


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


def test_env_and_cwd(tmp_path, monkeypatch):
    done = run("--env", "A=1", "-e", "B=x=y", "--cwd", "/etc", "--", SH, "-c", "echo $A $B; pwd")
    assert done.stdout == b"1 x=y\n/etc\n"
    bad = run("--env", "=x", "--", SH)
    assert (bad.returncode, bad.stderr) == (125, b"procession: --env: =x: not NAME=VALUE nor NAME\n")
    monkeypatch.setenv("OUTSIDE", "mine")
    file = tmp_path / "variables"
    file.write_text("# a file\n\nA=1\n  OUTSIDE\nB=#2\nC=3\nNOT_THERE\n")
    script = 'echo "$A $OUTSIDE $B $C ${NOT_THERE-unset}"'
    assert run("--env-file", str(file), "-e", "C=4", SH, "-c", script).stdout == b"1 mine #2 4 unset\n"
    assert run("-e", "NOT_THERE", SH, "-c", "env | grep -c OUTSIDE").stdout == b"0\n"
    missing = run("--env-file", "/no/such", SH)
    assert (missing.returncode, missing.stderr) == (125, b"procession: /no/such: No such file or directory\n")


# The whole table of docs/tools.md: what is done, its status, what is said of it on standard error.
TRACE, OTHER, TEXT = "trace", "another trace", "text"
STATUSES = [
    (["run", "true"], 0, ""),
    (["strace", "-o", "/dev/null", SH, "-c", "exit 3"], 3, ""),
    (["run", SH, "-c", "exit 255"], 255, ""),
    (["run", SH, "-c", "kill -TERM $$"], 143, "Terminated"),
    (["strace", "-o", "/dev/null", SH, "-c", "kill -KILL $$"], 137, "Killed"),
    (["run", "--timeout", "500ms", SH, "-c", "while :; do :; done"], 124, "procession: --timeout 500ms is over: "),
    (["strace", "-o", "/dev/null", "--timeout", "500ms", SH, "-c", "while :; do :; done"], 124, "procession: "),
    (["run"], 125, "procession: Missing argument"),
    (["run", "--no-such", "true"], 125, "procession: No such option: --no-such"),
    (["run", "--cpus", "0", "true"], 125, "procession: Invalid value for '--cpus'"),
    (["run", "--cwd", "/no/such", "true"], 125, "procession: --cwd /no/such: "),
    (["run", "--user", "no such", "true"], 125, "procession: --user"),
    (["run", "--trace", "/no/such/trace", "true"], 125, "procession: /no/such/trace: "),
    (["run", "--root", "/no/such", "true"], 125, "procession: --root /no/such: "),
    (["run", SH, "-c", "kill -STOP $$"], 125, "procession: deadlock: "),
    (["run", "--as-init", "--memory", "32M", "tail", "/dev/zero"], 125, "procession: Kernel panic"),
    (["strace", "-e", "nonsense", "true"], 125, "procession: "),
    (["run", "/etc/passwd"], 126, "procession: /etc/passwd: Permission denied"),
    (["strace", "/etc"], 126, "procession: /etc: Permission denied"),
    (["run", "no-such-program"], 127, "procession: no-such-program: No such file or directory"),
    (["strace", "/no/such"], 127, "procession: /no/such: No such file or directory"),
    (["replay", TRACE], 0, ""),
    (["replay", OTHER], 1, "procession: "),
    (["replay", TEXT], 125, "procession: "),
    (["replay", "/no/such"], 125, "procession: /no/such: "),
    (["replay", "--until", "nonsense", TRACE], 125, "procession: nonsense: "),
    (["replay"], 125, "procession: Missing argument"),
    (["syscalls"], 0, ""),
    (["syscalls", "--no-such"], 125, "procession: No such option"),
    (["--version"], 0, ""),
    (["--help"], 0, ""),
    (["strace", "--help"], 0, ""),
    (["nonsense"], 125, "procession: No such command 'nonsense'"),
]


@pytest.fixture(scope="session")
def traces(tmp_path_factory):
    """A trace, one of a run that cannot be again, and what is none."""
    found = {name: tmp_path_factory.mktemp("traces") / name for name in (TRACE, OTHER, TEXT)}
    assert run("--trace", found[TRACE], SH, "-c", "exit 4").returncode == 4
    found[OTHER].write_text(found[TRACE].read_text().replace("exit 4", "exit 5", 1))
    found[TEXT].write_text("some text\n")
    return found


@pytest.mark.parametrize(("arguments", "status", "line"), STATUSES)
def test_every_exit_status(arguments, status, line, traces):
    done = procession(*[traces.get(word, word) for word in arguments])
    assert done.returncode == status
    text = done.stderr.decode()
    assert text.startswith(line)
    assert bool(text) == bool(line)
    if line.startswith("procession: ") and arguments[0] != "replay":
        assert text.count("\n") == 1


def test_the_table_of_exit_statuses_is_that_of_the_page():
    """Those of signals to the command itself, and of readers who leave, are in test_host_side.py."""
    page = (Path(__file__).parents[1] / "docs" / "tools.md").read_text(encoding="utf-8")
    table = page.partition("## Exit statuses\n")[2].partition("\n\nA program may")[0]
    named = {row.split("|")[1].strip() for row in table.splitlines() if row.startswith("|")} - {"", "---"}
    tested = {str(status) for _, status, _ in STATUSES if status in {0, 1, 124, 125, 126, 127}}
    assert named == tested | {"0 to 255", "128 + n", "129, 130, 143", "141"}


def test_no_arguments_are_help_and_a_mistake():
    done = procession()
    assert done.returncode == 125
    assert (done.stdout + done.stderr).startswith(b"Usage: procession ")


# The shell's Tab key.


def complete(shell, *words):
    """What the shell is told about the last word."""
    line = " ".join(("procession", *words))
    given = {
        "bash": {"COMP_WORDS": line, "COMP_CWORD": str(len(words))},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    return starter.run(env={**os.environ, "_PROCESSION_COMPLETE": f"complete_{shell}", **given}, text=True).stdout


@pytest.mark.parametrize(("words", "found"), [
    (("ru",), "run"), (("run", "--ti"), "--timeout"), (("run", "--seed", "1", "--as"), "--as-init"),
    (("run", "enviro"), ""), (("run", "readlin"), "readlink"), (("run", "--", "readlin"), "readlink"),
    (("strace", "--user", "0", "readlin"), "readlink"),
    (("run", "/bin/readlin"), ""), (("run", "ls", "--se"), ""), (("run", "ls", "readlin"), ""),
    (("run", "--root", "/et"), ""),
])
def test_completion(words, found):
    """Nothing means that the shell completes names of files, as for any command."""
    assert complete("bash", *words).split() == found.split()
    assert (f'"{found}"' in complete("zsh", *words)) if found else complete("zsh", *words).strip() == "_files"
    assert [line.partition("\t")[0] for line in complete("fish", *words).split("\n") if line] == found.split()


@pytest.mark.parametrize("command", ["run", "strace", "replay"])
def test_completion_says_of_each_option_a_line(command):
    """fish takes each line for an option."""
    lines = complete("fish", command, "--").splitlines()
    assert len(lines) > 2
    assert all(line.startswith("--") and line.count("\t") == 1 for line in lines)


@pytest.mark.parametrize(("shell", "line"), [
    ("bash", "complete -o default -F _procession_completion procession"),
    ("zsh", "compdef _procession_completion procession"), ("fish", "complete --command procession "),
])
def test_completion_has_a_script_for_each_shell(shell, line):
    script = "import sys; sys.argv = ['procession']; from procession.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "_PROCESSION_COMPLETE": f"source_{shell}"},
        capture_output=True, text=True, check=False,
    )
    assert done.returncode == 0
    assert line in done.stdout


@pytest.mark.parametrize(("shell", "load"), [
    (["bash", "--norc", "--noprofile", "-i"], "source <(_PROCESSION_COMPLETE=source_bash procession)"),
    (["zsh", "-f", "-i"],
     "autoload -U compinit; compinit -u -D; source <(_PROCESSION_COMPLETE=source_zsh procession)"),
], ids=lambda value: value[0] if isinstance(value, list) else "")
def test_the_tab_key(shell, load, tmp_path):
    """An option, a command and a file, as somebody types them."""
    (tmp_path / "procession").write_text(f'#!/bin/sh\nexec {sys.executable} -m procession.cli "$@"\n')
    (tmp_path / "procession").chmod(0o755)
    (tmp_path / "a-file-of-that-name").touch()
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "TERM": "dumb"}
    if functions := zsh_functions():
        env["FPATH"] = functions
    child = pexpect.spawn(
        need(shell[0]), shell[1:], env=env, cwd=str(tmp_path), encoding="utf-8", timeout=60, dimensions=(24, 200),
    )
    child.sendline(f"{load}; echo REA''DY")
    child.expect("READY")
    child.send("procession run --timeo\t")
    child.expect("--timeout ")
    child.send("1s readlin\t")
    child.expect("readlink ")
    child.send("a-fi\t")
    child.expect("a-file-of-that-name ")
    child.close(force=True)


@pytest.mark.parametrize("command", ["run", "strace"])
def test_help_is_in_groups_with_an_example_each_that_works(command):
    text = procession(command, "--help").stdout.decode()
    examples = re.findall(rf"^  Example: (procession {command} .*)$", text, re.MULTILINE)
    titles = [title for title in EXAMPLES if f"\n{title}:\n" in text]
    assert len(titles) == len(examples) >= 2
    for example in examples:
        arguments = shlex.split(example)[1:]
        given = given_to(arguments)
        assert given["program"] == arguments[-len(given["program"]):]


def given_to(arguments):
    """What typer makes of a command's arguments."""
    given = {}
    function = getattr(commands, arguments[0])
    signature = inspect.signature(function)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            commands, arguments[0], lambda *values, **named: given.update(signature.bind(*values, **named).arguments),
        )
        app(arguments, standalone_mode=False)
    return given


@pytest.mark.parametrize("command", ["run", "strace"])
def test_options_come_before_the_program_and_all_behind_it_is_its_own(command):
    for dashes in ([], ["--"]):
        done = procession(command, *dashes, "echo", "-n", "--version", "--", "--seed", "x", "-h")
        assert (done.returncode, done.stdout) == (0, b"--version -- --seed x -h")
    assert procession(command, "--seed", "1", "sh", "-c", "exit 3").returncode == 3


def test_the_directory_is_the_hosts_where_the_root_is(tiny, tmp_path):
    (tmp_path / "script.sh").write_text("echo $0 in $(pwd); cd sub; pwd")
    (tmp_path / "sub").mkdir()
    for options, words in (((), ["sh", "script.sh"]), (("--cwd", "sub"), ["sh", "../script.sh"])):
        done = subprocess.run(
            [sys.executable, "-m", "procession.cli", "run", *options, *words],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )
        assert done.stdout.startswith(f"{words[1]} in {tmp_path}{'/sub' if options else ''}\n")
    (tmp_path / "tiny").write_bytes(tiny.read_bytes())
    (tmp_path / "tiny").chmod(0o755)
    (tmp_path / "sub" / "greeting").write_text("not this one\n")
    (tmp_path / "greeting").write_text("hello\n")
    done = subprocess.run(
        [sys.executable, "-m", "procession.cli", "run", "--root", tmp_path, "./tiny"],
        cwd=tmp_path / "sub", capture_output=True, check=False,
    )
    assert (done.returncode, done.stdout) == (3, b"hello\n")


def test_a_directory_that_is_not_inside_is_said():
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        command = [sys.executable, "-m", "procession.cli", "run"]
        hidden = subprocess.run([*command, "true"], cwd=name, capture_output=True, text=True, check=False)
        elsewhere = subprocess.run([*command, "-w", "/", "pwd"], cwd=name, capture_output=True, text=True, check=False)
    assert (hidden.returncode, hidden.stderr) == (125, (
        f"procession: {name}: the current directory is not to be had inside: No such file or directory; "
        "--cwd DIR names another\n"
    ))
    assert elsewhere.stdout == "/\n"
    gone = subprocess.run(
        ["sh", "-c", 'd=$(mktemp -d); cd $d; rmdir $d; "$@"', "sh", *command, "true"],
        capture_output=True, text=True, check=False,
    )
    assert (gone.returncode, gone.stderr.count("\n")) == (125, 1)
    assert "the current directory is not there any more" in gone.stderr


PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@pytest.mark.parametrize(("options", "variables"), [
    ((), {"HOME": "/home/me", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/own"}),
    (("--user", "one"), {"HOME": "/one", "USER": "one", "LOGNAME": "one", "SHELL": "/bin/sh"}),
    (("--user", "1001"), {"HOME": "/one", "USER": "one", "LOGNAME": "one", "SHELL": "/bin/sh"}),
    (("--user", "77"), {"HOME": "/"}),
    (("-u", "one", "-e", "HOME=/x", "-e", "USER="), {"HOME": "/x", "USER": "", "LOGNAME": "one", "SHELL": "/bin/sh"}),
    (("-t", "--user", "77"), {"HOME": "/", "TERM": "vt100"}),
])
def test_variables_are_those_of_docker_and_sudo(options, variables, users, monkeypatch):
    """PATH is docker's, HOME, USER, LOGNAME and SHELL are those of the user inside; TERM is ours, at a terminal."""
    monkeypatch.setenv("TERM", "vt100")
    monkeypatch.setenv("HOME", "/outside")
    done = run("--root", str(users), *options, "/who", "env")
    found = dict(line.split("=", 1) for line in done.stdout.decode().split())
    assert found == {"PATH": PATH, **variables}


def test_at_a_terminal_without_a_name_it_is_dockers(users, monkeypatch):
    monkeypatch.delenv("TERM", raising=False)
    assert b"TERM=xterm" in run("--root", str(users), "-t", "/who", "env").stdout


@pytest.fixture(scope="session")
def users(cache, tmp_path_factory):
    """A root with users, and a static program that says as whom it runs, or in what environment."""
    source = tmp_path_factory.mktemp("who") / "who.c"
    source.write_text(
        "#include <stdio.h>\n#include <string.h>\n#include <fcntl.h>\n#include <unistd.h>\n"
        "int main(int n, char **v, char **e) { gid_t g[99]; char name[99];\n"
        'if (n > 1 && !strcmp(v[1], "env")) { while (*e) puts(*e++); return 0; }\n'
        "uid_t r, u, s; gid_t a, b, c; getresuid(&r, &u, &s); getresgid(&a, &b, &c);\n"
        "gethostname(name, sizeof name); int count = getgroups(99, g);\n"
        'printf("%u %u %u %u %u %u on %s, groups", r, u, s, a, b, c, name);\n'
        'for (int i = 0; i < count; i++) printf(" %u", g[i]);\n'
        'printf("; 1 %s\\n", open("/proc/self/fd/1", O_WRONLY) < 0 ? "closed" : "open");\n'
        "return setuid(0) ? 0 : 4; }\n",
    )
    root = tmp_path_factory.mktemp("users")
    root.chmod(0o755)
    program = cache.build("who", ["gcc", "-O1", "-static", str(source)], [source], "")
    (root / "who").write_bytes(program.read_bytes())
    (root / "who").chmod(0o755)
    (root / "etc").mkdir()
    (root / "etc" / "passwd").write_text(
        "# no user\nroot:x:0:0:root:/home/me:/bin/own\none:x:1001:1002:One,,,:/one:\nbroken:x:y:z\n55:x:9:9::/:\n",
    )
    (root / "etc" / "group").write_text("root:x:0:\none:x:1002:\nmany:x:50:two,one\nmore:x:7:one\n4:x:8:\n")
    return root


@pytest.mark.parametrize(("user", "ids"), [
    ("root", (0, 0, [])), ("0", (0, 0, [])), ("one", (1001, 1002, [7, 50])), ("1001", (1001, 1002, [7, 50])),
    ("one:many", (1001, 50, [])), ("one:99", (1001, 99, [])), ("1234", (1234, 0, [])), ("1234:5678", (1234, 5678, [])),
    ("1234:more", (1234, 7, [])), ("55", (9, 9, [])), ("0:4", (0, 8, [])), ("2147483647", (2147483647, 0, [])),
])
def test_user_is_whom_docker_would_take(user, ids, users):
    """docker-run(1), --user: names and numbers, of the root's own files."""
    uid, gid, groups = ids
    for options in ((), ("--as-init",), ("--tty",)):
        done = run("--root", str(users), "--hostname", "box", "--user", user, *options, "/who")
        shown = "".join(f" {group}" for group in groups)
        text = f"{uid} {uid} {uid} {gid} {gid} {gid} on box, groups{shown}; 1 open\n"
        assert done.stdout.decode().replace("\r", "") == text
        assert done.returncode == (0 if uid else 4)


@pytest.mark.parametrize(("options", "line"), [
    (("--user", "nosuch"), "--user nosuch: no user nosuch in the root's /etc/passwd"),
    (("--user", "broken"), "--user broken: no user broken in the root's /etc/passwd"),
    (("--user", "one:nosuch"), "--user one:nosuch: no group nosuch in the root's /etc/group"),
    (("--user", ""), "--user: NAME, UID, or one of them with :GROUP or :GID behind it, not ''"),
    (("--user", "one:"), "--user: NAME, UID, or one of them with :GROUP or :GID behind it, not 'one:'"),
    (("--user", "2147483648"), "--user: numbers from 0 to 2147483647, not 2147483648"),
    (("--user", "0:-1"), "--user: numbers from 0 to 2147483647, not -1"),
    (("--hostname", ""), "--hostname: 1 to 64 bytes, not 0"),
    (("--hostname", "x" * 65), "--hostname: 1 to 64 bytes, not 65"),
    (("--timeout", "soon"), "--timeout soon: not a time like 500ms, 10s, 2m or 1h"),
    (("--timeout", "-1s"), "--timeout -1s: not a time like 500ms, 10s, 2m or 1h"),
])
def test_nobody_no_name_and_no_time(options, line, users):
    done = run("--root", str(users), *options, "/who")
    assert (done.returncode, done.stdout, done.stderr.decode()) == (125, b"", f"procession: {line}\n")


def test_user_and_hostname_are_in_the_trace(users, tmp_path):
    trace = tmp_path / "trace"
    run("--root", str(users), "--user", "one", "--hostname", "box", "--trace", str(trace), "/who")
    header = json.loads(trace.read_text().partition("\n")[0])
    assert (header["user"], header["hostname"]) == ("one", "box")
    done = procession("replay", "--show", str(trace))
    assert done.returncode == 0
    assert done.stdout.startswith(b"1001 1001 1001 1002 1002 1002 on box, groups 7 50; 1 open\nidentical: ")


# The end of patience.


@pytest.mark.parametrize(("options", "script", "ran"), [
    ((), "while :; do :; done", "sh:17 running"),
    (("--realtime",), "sleep 100 & wait", "sh:17 in rt_sigsuspend, sleep:18 in clock_nanosleep"),
    (("--as-init", "--realtime"), "exec sleep 100", "sleep:1 in clock_nanosleep"),
])
def test_timeout_ends_a_run_and_says_what_ran(options, script, ran, tmp_path):
    done = run(*options, "--timeout", "1500ms", SH, "-c", script)
    assert (done.returncode, done.stderr.decode()) == (124, f"procession: --timeout 1500ms is over: {ran}\n")
    trace = tmp_path / "trace"
    assert run(*options, "--timeout", "1.5s", "--trace", str(trace), SH, "-c", script).returncode == 124
    assert json.loads(trace.read_text().splitlines()[-1])["how"] == "Stopped"
    assert procession("replay", str(trace)).returncode == 0


def test_timeout_of_strace():
    done = procession("strace", "-o", "/dev/null", "--timeout", "1s", SH, "-c", "while :; do :; done")
    assert (done.returncode, done.stderr) == (124, b"procession: --timeout 1s is over: sh:17 running\n")


def test_a_timeout_that_is_not_reached_is_as_none():
    """It is the host's time: a guest's hour takes none."""
    assert run("--timeout", "1h", SH, "-c", "exit 5").returncode == 5
    done = run("--timeout", "20s", SH, "-c", "sleep 3600; echo done")
    assert (done.returncode, done.stdout) == (0, b"done\n")
    assert run("--timeout", "0", "true").returncode == 0


def test_timeout_names_a_few_of_many():
    script = "for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & done; kill -STOP $$"
    done = run("--realtime", "--timeout", "1500ms", SH, "-c", script)
    assert done.returncode == 124
    assert done.stderr.startswith(b"procession: --timeout 1500ms is over: sh:17 stopped, sleep:18 in clock_nanosleep, ")
    assert done.stderr.endswith(b"sleep:24 in clock_nanosleep, 2 more\n")


def test_a_missing_cwd_is_said():
    done = run("--cwd", "/no/such", "--", "/bin/true")
    assert (done.returncode, done.stderr) == (125, b"procession: --cwd /no/such: No such file or directory\n")
    file = run("--cwd", "/etc/passwd", "--", "/bin/true")
    assert (file.returncode, file.stderr) == (125, b"procession: --cwd /etc/passwd: Not a directory\n")


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
    assert run("--root", str(tmp_path / "none"), "--", "/x").returncode == 125
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
    assert bad.returncode == 125
    assert b"/no/such/place" in bad.stderr
    assert b"Traceback" not in bad.stderr


def test_unsupported_lists_what_was_asked_for_in_vain():
    text = run("--unsupported", "--", "/bin/cat", "/etc/passwd").stderr.decode()
    assert re.search(r"^not in Linux 3\.2 \(ENOSYS\): rseq \(\d+\)$", text, re.MULTILINE)


@pytest.fixture(scope="session")
def asks(cache, tmp_path_factory):
    """A static program that asks for what its letters say, in turn; a digit ends it, and f a child at its digit."""
    source = tmp_path_factory.mktemp("asks") / "asks.c"
    source.write_text(
        "#include <signal.h>\n#include <sys/wait.h>\n#include <unistd.h>\n#include <sys/prctl.h>\n"
        "int main(int n, char **v) { for (char *s = v[1]; *s; s++) switch (*s) {\n"
        "case 'm': syscall(319, \"\", 0); break;\n"  # memfd_create
        "case 'i': syscall(425, 1, 0); break;\n"  # io_uring_setup
        "case 'r': syscall(334, 0, 0, 0, 0); break;\n"  # rseq
        "case 'x': syscall(332, 0, 0, 0, 0, 0); break;\n"  # statx
        "case 'c': prctl(PR_SET_NAME, \"renamed\"); break;\n"
        "case 'k': raise(SIGSEGV); break;\n"
        "case 'f': if (fork()) { wait(0); while (*s < '0' || *s > '9') s++; } break;\n"
        "default: return *s - '0'; } return 0; }\n",
    )
    return cache.build("asks", ["gcc", "-O1", "-static", str(source)], [source], "")


@pytest.mark.parametrize(("letters", "line"), [
    ("m1", "asks:17 asked in vain for memfd_create"),
    ("mi1", "asks:17 asked in vain for io_uring_setup (1 more)"),
    ("imim1", "asks:17 asked in vain for memfd_create (1 more)"),
    ("cmk", "renamed:17 asked in vain for memfd_create"),
    ("fm12", "asks:18 asked in vain for memfd_create"),     # the child failed, too
    ("fm1fi12", "asks:19 asked in vain for io_uring_setup (1 more)"),
    ("mi0", None),          # it ended well
    ("fm02", None),         # who asked did
    ("fm10", None),         # nobody minds that the child failed
    ("rx1", None),          # routine
    ("rxm1", "asks:17 asked in vain for memfd_create"),
    ("1", None),
])
def test_who_failed_after_asking_in_vain_is_named(letters, line, asks):
    stderr = run(asks, letters).stderr.decode().splitlines()
    said = [text for text in stderr if "in vain" in text]
    assert said == ([] if line is None else [f"procession: {line}; see --unsupported"])
    assert stderr[-1:] == said or not said
    if line is not None:
        assert "in vain" not in run("--unsupported", asks, letters).stderr.decode()
        traced = procession("strace", "-o", "/dev/null", asks, letters).stderr.decode().splitlines()
        assert traced[-1] == f"procession: {line}; see procession run --unsupported"


def test_pid_1_that_failed_after_asking_in_vain_is_named(asks):
    assert run("--as-init", asks, "m3").stderr == (
        b"procession: asks:1 asked in vain for memfd_create; see --unsupported\n"
    )


@pytest.mark.parametrize("words", [
    ["false"], [SH, "-c", "exit 1"], [SH, "-c", "ls /no/such; true | false"], ["bash", "-c", "exit 1"],
    ["bash", "-c", "ls -l /no/such; [ -x /no/such ]"], ["ls", "-l", "/no/such"], ["stat", "/no/such"],
    ["mv", "/no/such", "/x"], ["cp", "/etc/passwd", "/no/such/x"], ["grep", "nothing", "/dev/null"],
    ["python3", "-c", "import subprocess, sys, threading; threading.Thread().start(); subprocess.run('true'); 1 / 0"],
    ["python3", "-c", "import os; os.kill(os.getpid(), 9)"],
], ids=" ".join)
def test_what_everybody_asks_for_is_not_worth_a_line(words):
    done = run(*words)
    assert done.returncode
    assert b"in vain" not in done.stderr


def test_strace_command_writes_to_a_file_and_fails_on_nonsense(tmp_path):
    out = tmp_path / "out"
    done = procession("strace", "-f", "-e", "trace=write", "-o", str(out), "--", SH, "-c", "echo x; exit 6")
    assert (done.returncode, done.stdout, done.stderr) == (6, b"x\n", b"")
    assert out.read_text().splitlines() == [
        '17    write(1, "x\\n", 2)                = 2', "17    +++ exited with 6 +++",
    ]
    bad = procession("strace", "-e", "trace=nonsense", "--", "/bin/true")
    assert (bad.returncode, bad.stderr) == (125, b"procession: -e trace=nonsense: invalid system call 'nonsense'\n")


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
    assert "cmd: F_DUPFD" in supported("fcntl")
    assert "not:" not in supported("fcntl")
    assert "MS_MOVE" in supported("mount")
    assert "not:" not in supported("mount")
    assert supported("mbind") == "no (refused, counted)"
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
    assert done.returncode == 125
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


def test_syscalls_prints_the_rows_of_those_named():
    every = procession("syscalls").stdout.decode().splitlines()
    done = procession("syscalls", "fork", "ioctl")
    title, ioctl, fork = done.stdout.decode().splitlines()
    assert title.split() == every[0].split()
    for line in (ioctl, fork):
        assert line.split() in [row.split() for row in every]
    assert (ioctl.split()[1], fork.split()[1]) == ("ioctl", "fork")
    assert len(every) == 313
    for name, words in (("nope", b"nope: no system call of Linux 3.2\n"), ("statx", b"came later\n")):
        bad = procession("syscalls", "fork", name)
        assert bad.returncode == 125
        assert bad.stdout == b""
        assert bad.stderr.startswith(b"procession: ")
        assert bad.stderr.endswith(words)


def test_nothing_prints_help_and_unknown_options_are_mistakes():
    assert b"Usage" in procession().stdout + procession().stderr
    assert run("--nonsense").returncode == 125
    assert run().returncode == 125


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
        assert done.returncode == 125
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


def test_a_run_imports_only_what_it_needs():
    """What prints help and reads unusual options takes longer to import than many a guest takes to run."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "procession.cli", "run", "--seed", "1", "--", "/bin/true"],
        capture_output=True, text=True, check=True,
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "procession" in imported
    assert imported.isdisjoint({"typer", "click", "rich", "numpy", "dataclasses", "argparse", "platform"})


PLAIN = [
    ["run", "--", "/bin/true"],
    ["run", "/bin/echo", "a", "b"],
    ["run", "-t", "--strace", "--tree", "--check", "--unsupported", "--as-init", "--realtime", "--", "x", "-y"],
    ["run", "-it", "--", "x"],
    ["run", "--root", "/tmp", "--trace=t", "--core", "c", "--fail", "fork:2", "--cwd", "/x", "--", "x"],
    ["run", "--env", "A=1", "--env=B=2", "--seed", "7", "--cpus", "3", "--memory", "64M", "--", "x"],
    ["run", "ls", "-l"], ["run", "x", "--strace", "--", "-t"], ["run", "--", "x", "--", "--help"],
    ["run", "-t", "x", "-it"],
    ["run", "-e", "A=1", "-e", "B", "-w", "d", "-u", "1:2", "--hostname", "h", "--timeout", "1s", "--env-file=f", "x"],
    ["run", "-v", "/a:/b", "--volume", "c:/d:rw", "--volume=/e:/f:ro", "--", "x"],
]
NOT_PLAIN = [
    [], ["--help"], ["run"], ["run", "--help"], ["run", "--"], ["run", "-eA=1", "x"], ["run", "-w=/", "x"],
    ["strace", "--", "x"],
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
        for name in ("env", "publish", "volume"):
            bound.arguments[name] = list(bound.arguments[name])
    assert given[0].arguments == given[1].arguments


@pytest.mark.parametrize("arguments", NOT_PLAIN, ids=" ".join)
def test_what_is_not_plain_is_typers(arguments):
    assert parse(arguments) is None
