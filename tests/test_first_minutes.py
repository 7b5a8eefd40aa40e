"""A new user's first five minutes: all that README.md and docs/ tell to type, in each shell, and what goes wrong there.

tests/first_minutes.sh and .fish are those minutes as a script; here they are run, with a terminal and without.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
import pty
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time

import pexpect
import pytest
from tests.surroundings import KEPT, need, wait_for_the_command

TESTS = Path(__file__).parent
HOME = TESTS.parent
SH = "/bin/sh"
SECONDS = 60
WORDS_OF_A_BUG = ("Traceback", "Exception ignored", "Error in sys", "Internal error", "Warning:")


@pytest.fixture(scope="session")
def commands(tmp_path_factory):
    """A directory with the commands `procession` and `python3`, as an installation would have them."""
    directory = tmp_path_factory.mktemp("commands")
    directory.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if KEPT.fullmatch(name)}
    kept = {name: value for name, value in kept.items() if not name.startswith("PYTEST_")}
    given = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in kept.items())
    for name, words in (("procession", "-m procession.cli"), ("python3", "")):
        path = directory / name
        path.write_text(f'#!/bin/sh\n{given}exec {shlex.quote(sys.executable)} {words} "$@"\n', encoding="utf-8")
        path.chmod(0o755)
    return directory


@pytest.fixture
def new_user(commands, tmp_path):
    """The environment of somebody whose home is empty."""
    home = tmp_path / "home"
    home.mkdir()
    path = f"{commands}:{os.environ['PATH']}"
    return {"HOME": str(home), "PATH": path, "TERM": "xterm", "LANG": "C.UTF-8"}


def script(shell):
    return [need(shell), str(TESTS / ("first_minutes.fish" if shell == "fish" else "first_minutes.sh"))]


def all_is_well(text):
    for word in WORDS_OF_A_BUG:
        assert word not in text, text
    assert text.rstrip().endswith("all is well"), text


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_the_first_minutes(shell, new_user, tmp_path):
    done = subprocess.run(
        script(shell), env={**new_user, "TMPDIR": str(tmp_path)}, cwd=tmp_path, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=5 * SECONDS,
    )
    all_is_well(done.stdout)
    assert done.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_first_minutes_at_a_terminal(shell, new_user, tmp_path):
    text, status = pexpect.run(
        shlex.join(script(shell)), env={**new_user, "TMPDIR": str(tmp_path)}, cwd=str(tmp_path), encoding="utf-8",
        timeout=5 * SECONDS, withexitstatus=True,
    )
    all_is_well(text)
    assert status == 0
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


# Each command that the documents show.

COMMAND = re.compile(r"(?:^|[;|&] *|\bdo +)procession (?!: )")
LONG = 1 << 16
FILLED = {  # what stands for something of the reader's own, and what is taken for it
    "PROGRAM ARGS…": "sh -c 'true | cat'", "PROGRAM [ARGS]…": "sh -c 'true | cat'", "PROGRAM…": "sh -c 'true | cat'",
    "[OPTIONS] ": "", "seq 50": "seq 2", "write,says=[1]' ./tsh": "write,says=[1]' sh -c 'true | cat'",
    "TOKEN": "$(procession explore --deviations 0 true | grep -o 'px1[^ ]*')",
}
STATUSES = {  # else 0: what the program does when it is refused something
    "--fail %fork:2": 2, "--fail execve:page:7": None, "--never 'signal_deliver": 1,
}
TYPED = {
    "-it /bin/bash": ["echo in''side", "exit"],
    "-it gdb": ["starti", 'print "in" "side"', "kill", "y", "quit"],
}
NOT_RUN = {
    "--install-completion": "in test_completion_is_installed", "procession grade": "in test_grading.py",
    "fuzz/served/": "in test_servers.py and fuzz/servers.py",
}


def documented():
    """Every line of a block that tells what to type: where, and the line without its remark."""
    found = {}
    for path in (HOME / "README.md", HOME / "SECURITY.md", *sorted((HOME / "docs").glob("*.md"))):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith("    ") and COMMAND.search(line.strip()):
                found.setdefault(re.sub(r"\s{2,}#.*", "", line.strip()), f"{path.name}:{number}")
    return [pytest.param(line, id=where) for line, where in found.items()]


def reason(line):
    return next((why for part, why in NOT_RUN.items() if part in line), None)


def as_typed(line):
    for part, text in FILLED.items():
        line = line.replace(part, text)
    return line


@pytest.fixture(scope="session")
def belongings(commands, tmp_path_factory):
    """What the documents take to be there: a small root, a recorded run, directories, a makefile."""
    directory = tmp_path_factory.mktemp("belongings")
    with tarfile.open(directory / "alpine.tar.gz", "w:gz") as tar:
        tar.add(need("busybox"), "bin/sh")
    recorded = "sleep 9 & kill -9 $!; wait; true | cat"
    subprocess.run(
        [commands / "procession", "run", "--trace", directory / "events.jsonl", SH, "-c", recorded], check=True,
    )
    for name in ("data", "out"):
        (directory / name).mkdir()
    (directory / "model.py").write_text("async def main(linux):\n    pass\n")
    (directory / "Makefile").write_text("all:\n\t@echo made\n")
    return directory


def test_the_documents_show_commands():
    lines = [param.values[0] for param in documented()]
    assert len(lines) > 30
    assert {part for part in FILLED if not any(part in line for line in lines)} == set()
    assert {part for part in (*NOT_RUN, *STATUSES, *TYPED) if not any(part in line for line in lines)} == set()


@pytest.mark.parametrize("line", documented())
def test_what_the_documents_tell_to_type(line, new_user, belongings):
    if reason(line):
        return      # elsewhere
    home = Path(new_user["HOME"])
    shutil.copytree(belongings, home, dirs_exist_ok=True)
    for program in ("make", "gdb", "strace"):
        if re.search(rf"(?<!procession ){program} ", line):
            need(program)
    typed = next((keys for part, keys in TYPED.items() if part in line), None)
    wanted = next((status for part, status in STATUSES.items() if part in line), 0)
    if typed is not None:
        text, status = at_terminal(as_typed(line), typed, new_user, home)
    else:
        done = subprocess.run(      # a shell that stays, as where one types: completion looks which one it is
            ["bash", "-c", f"{as_typed(line)}\nexit $?"], env=new_user, cwd=home, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=SECONDS,
        )
        text, status = done.stdout + done.stderr, done.returncode
    for word in WORDS_OF_A_BUG:
        assert word not in text
    assert wanted is None or status == wanted, text
    assert "…" not in as_typed(line)


def at_terminal(line, typed, env, cwd):
    child = pexpect.spawn("bash", ["-c", line], env=env, cwd=str(cwd), encoding="utf-8", timeout=SECONDS)
    child.logfile_read = text = io.StringIO()
    for keys in typed:
        child.expect([r"[#$] ", r"\(gdb\) ", r"\(y or n\) "])
        child.send(f"{keys}\r")
    child.expect(pexpect.EOF)
    child.close()
    assert "inside" in text.getvalue()
    return text.getvalue(), child.exitstatus


def test_completion_is_installed(new_user):
    """And what it puts into files of the shell's own does no harm there."""
    done = subprocess.run(
        ["bash", "-c", "procession --install-completion && bash -ic 'complete -p procession'"], env=new_user,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=SECONDS,
    )
    assert done.returncode == 0
    assert "complete -o default -F _procession_completion procession" in done.stdout


# Somebody who types in a shell.

ENDLESS = 'echo o""n; while :; do :; done'

SHELLS = {
    "bash": (["--norc", "--noprofile", "-i"], "PS1='READY''> '; PS2="),
    "zsh": (["-fi", "+Z", "+o", "promptsp"], "PROMPT='READY''> '"),
    "fish": (["--no-config", "-i"], "function fish_prompt; echo -n 'READY''> '; end"),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_typed_at_a_terminal(shell, new_user):
    """A shell inside, Ctrl-C, Ctrl-Z and fg of a run; the terminal is the outer shell's again each time."""
    options, prompt = SHELLS[shell]
    status = "$status" if shell == "fish" else "$?"
    child = pexpect.spawn(
        need(shell), options, env={**new_user, "TERM": "dumb"}, cwd=new_user["HOME"], encoding="utf-8",
        timeout=SECONDS, dimensions=(24, 200),
    )
    child.sendline(prompt)
    child.expect("READY> ")
    for line, up, keys, ended in (
        ("procession run -it sh", "# ", ["tty\r", "exit 5\r"], 5),
        (f"procession run sh -c '{ENDLESS}'", "on\r", ["\x03"], 130),
        ("procession run -it sh -c 'echo o\"\"n; read x; exit 6'", "on\r", ["\r"], 6),
    ):
        child.sendline(line)
        child.expect(up)
        for key in keys:
            child.send(key)
        child.expect("READY> ")
        child.sendline(f"echo ended=''{status}; stty -a")
        child.expect(f"ended={ended}\r")
        child.expect("[^-]icanon")
        child.expect("READY> ")
    child.sendline(f"procession run sh -c '{ENDLESS}'")
    child.expect("on\r")
    child.send("\x1a")
    child.expect("(?i)(stopped|suspended)")
    child.sendline("fg")
    child.expect("procession")
    time.sleep(0.5)
    child.send("\x03")
    child.expect("READY> ")
    child.sendline("exit")
    child.expect(pexpect.EOF)
    child.close()
    assert left_of(child.pid) == []


def left_of(session):
    """The processes of a session that are still there, a moment after it has ended."""
    limit = time.monotonic() + 5
    while True:
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, _, rest = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")
            except OSError:
                continue
            if int(rest.split()[3]) == session:
                found.append(name)
        if not found or time.monotonic() > limit:
            return found
        time.sleep(0.1)


# All that can be mistaken. {dir}: an empty directory; {file}, {empty}, {binary}, {trace} …: files beside it.

WRONG = {
    "a misspelt command": (["rum", "ls"], 125, "No such command 'rum'"),
    "a misspelt option": (["run", "--tres", "x", "ls"], 125, "No such option: --tres"),
    "a misspelt letter": (["run", "-x", "ls"], 125, "No such option: -x; see procession run --help"),
    "an option without its value": (
        ["run", "--trace"], 125, "Option '--trace' requires an argument; see procession run --help"),
    "the same of replay": (["replay", "--until"], 125, "Option '--until' requires an argument; see procession replay "),
    "a word too many": (["replay", "{trace}", "b"], 125, "Got unexpected extra argument"),
    "no program": (["strace"], 125, "Missing argument 'PROGRAM [ARGS]...'; see procession strace --help"),
    "an empty program": (["run", ""], 127, "'': No such file or directory\n"),
    "a directory as program": (["run", "{dir}"], 126, "{dir}: Permission denied\n"),
    "a file that is none": (["run", "{file}"], 126, "{file}: Permission denied\n"),
    "a binary that is none": (["run", "{runnable}"], 126, "{runnable}: Exec format error\n"),
    "an empty root": (["run", "--root", "", "ls"], 125, "Invalid value for '--root': the name of a file or directory"),
    "an empty trace": (["run", "--trace=", "ls"], 125, "Invalid value for '--trace': the name of a file or directory"),
    "an empty core": (["run", "--core", "", "ls"], 125, "Invalid value for '--core': the name of a file or directory"),
    "an empty env-file": (["run", "--env-file", "", "ls"], 125, "Invalid value for '--env-file': the name of a file"),
    "an empty cwd": (["run", "--cwd", "", "ls"], 125, "--cwd '': the name of a directory expected\n"),
    "an empty replay": (["replay", ""], 125, "Invalid value for 'TRACE|TOKEN': the name of a file or directory"),
    "an empty -o": (["strace", "-o", "", "ls"], 125, "strace -o '': the name of a file expected\n"),
    "a file as root": (["run", "--root", "{file}", "ls"], 125, "{file}: not a tar archive that can be read"),
    "a directory as trace": (["run", "--trace", "{dir}", "ls"], 125, "{dir}: Is a directory\n"),
    "a directory as variables": (["run", "--env-file", "{dir}", "ls"], 125, "{dir}: Is a directory\n"),
    "a directory replayed": (["replay", "{dir}"], 125, "{dir}: Is a directory\n"),
    "nothing replayed": (["replay", "{empty}"], 125, "{empty}: not a trace: it has no whole line\n"),
    "a binary replayed": (["replay", "{binary}"], 125, "{binary}: line 1 is not a line of a trace\n"),
    "a report of a directory": (["bug-report", "--trace", "{dir}"], 125, "{dir}: Is a directory\n"),
    "no such seed": (["run", "--seed", "-1", "ls"], 125, "--seed: 0 to 18446744073709551615, not -1\n"),
    "too little memory": (["run", "--memory", "1K", "ls"], 125, "--memory: at least "),
    "half a CPU": (["run", "--cpus", "0.5", "ls"], 125, "Invalid value for '--cpus': "),
    "no date": (["run", "--boot-time", "yesterday", "ls"], 125, "--boot-time yesterday: now, or a date like "),
    "no lines": (["bug-report", "--lines", "0"], 125, "Invalid value for '--lines': "),
    "no such call": (["syscalls", "frok"], 125, "frok: no system call of Linux 3.2\n"),
    "a volume that is none": (["run", "-v", "{dir}", "ls"], 125, "-v {dir}: not HOST:GUEST, HOST:GUEST:ro or "),
    "a volume that is not there": (["run", "-v", "{dir}/no:/x", "ls"], 125, "-v {dir}/no:/x: No such file "),
}


@pytest.fixture(scope="session")
def mistaken(commands, tmp_path_factory):
    """The directory of WRONG, and the names of what is in there."""
    directory = tmp_path_factory.mktemp("mistaken")
    names = {name: str(directory / name) for name in ("dir", "file", "empty", "binary", "runnable", "trace", "cut")}
    (directory / "dir").mkdir()
    (directory / "file").write_text("some text\n")
    (directory / "empty").touch()
    for name in ("binary", "runnable"):
        (directory / name).write_bytes(b"\0\1\2\377 no program\n" * 100)
    (directory / "runnable").chmod(0o755)
    subprocess.run([commands / "procession", "run", "--trace", names["trace"], SH, "-c", "exit 0"], check=True)
    whole = (directory / "trace").read_bytes()
    (directory / "cut").write_bytes(whole[:len(whole) // 2])
    return names


def one_line(done, status, line):
    assert done.returncode == status, done.stderr
    assert done.stderr.startswith(f"procession: {line}"), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stdout == ""


def procession(commands, *arguments, **options):
    given = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": SECONDS, **options}
    return subprocess.run([commands / "procession", *arguments], check=False, **given)


@pytest.mark.parametrize("case", WRONG)
def test_one_clear_line(case, commands, mistaken):
    words, status, line = WRONG[case]
    directory = Path(mistaken["dir"])
    before = sorted(directory.parent.iterdir())
    done = procession(commands, *(word.format(**mistaken) for word in words), cwd=mistaken["dir"])
    one_line(done, status, line.format(**mistaken))
    assert list(directory.iterdir()) == []
    assert sorted(directory.parent.iterdir()) == before


def test_half_a_command_is_told_the_rest(commands):
    done = procession(commands, "cache")
    assert done.returncode == 125
    assert done.stderr.startswith("Usage: procession cache [OPTIONS] COMMAND [ARGS]...\n")


def test_a_trace_that_was_cut_off_is_replayed_so_far(commands, mistaken):
    done = procession(commands, "replay", mistaken["cut"])
    assert (done.returncode, done.stderr) == (0, "")
    assert "cut off" in done.stdout


@pytest.mark.parametrize("words", [
    ["--timeout", "soon", "ls"], ["--env", "=x", "ls"], ["--env-file", "/no/such", "ls"], ["--memory", "lots", "ls"],
    ["--fail", "nonsense", "ls"], ["--hostname", "", "ls"], ["-v", "/no/such:/x", "ls"], ["--seed", "-1", "ls"],
    ["--user", "a:b:c", "ls"], ["-i", "ls"], ["--root", "/no/such", "ls"],
], ids=" ".join)
def test_a_mistake_costs_no_file(words, commands, tmp_path):
    """An older trace is as it was, and no directory is made."""
    old = tmp_path / "old"
    old.write_text("older\n")
    done = procession(commands, "run", "--trace", old, "--core", tmp_path / "cores", *words)
    assert (done.returncode, done.stderr.count("\n")) == (125, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert old.read_text() == "older\n"


def test_a_mistake_of_straces_costs_no_file(commands, tmp_path):
    old = tmp_path / "old"
    old.write_text("older\n")
    assert procession(commands, "strace", "-o", old, "--timeout", "soon", "ls").returncode == 125
    assert old.read_text() == "older\n"


@pytest.mark.parametrize("words", [["run", "--trace"], ["strace", "-f", "-o"]], ids=" ".join)
def test_two_runs_on_one_file(words, commands, tmp_path):
    """The second says so; the first is whole. On the next file there is nothing to disagree about."""
    path = tmp_path / "file"
    first = subprocess.Popen(
        [commands / "procession", *words, path, SH, "-c", "echo on; cat"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )
    assert first.stdout.readline() == "on\n"
    for options in ([], ["-A"] if words[0] == "strace" else []):
        second = procession(commands, *words, path, *options, "ls")
        one_line(second, 125, f"{path}: another run is writing to it\n")
    first.communicate("")
    assert first.returncode == 0
    if words[0] == "run":
        assert procession(commands, "replay", path).returncode == 0
    else:
        assert path.read_text().endswith("+++ exited with 0 +++\n")
    assert procession(commands, *words, path, "true").returncode == 0


def test_two_runs_on_a_file_that_keeps_nothing(commands):
    words = [commands / "procession", "run", "--trace", "/dev/null", SH, "-c", "echo on; cat"]
    first = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert first.stdout.readline() == "on\n"
    assert procession(commands, *words[1:]).returncode == 0
    first.communicate("")
    assert first.returncode == 0


# Without the rights. Root may look and write everywhere unless it has given that up.

NO_RIGHTS = "--bounding-set=-dac_override,-dac_read_search"


@pytest.mark.parametrize(("words", "line"), [
    (["--trace", "{sealed}/trace", "true"], "{sealed}/trace: Permission denied\n"),
    (["--core", "{sealed}/cores", "true"], "{sealed}/cores: Permission denied\n"),
    (["--root", "{sealed}", "true"], "{sealed}: Permission denied\n"),
    (["-v", "{sealed}:/x", "ls", "/x"], "-v {sealed}:/x: Permission denied\n"),
    (["-v", "{sealed}/none:/x", "ls"], "-v {sealed}/none:/x: Permission denied\n"),
    (["--env-file", "{sealed}/file", "true"], "{sealed}/file: Permission denied\n"),
    (["--root", "{sealed}/none", "true"], "{sealed}/none: Permission denied\n"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_without_the_rights(words, line, commands, tmp_path):
    sealed = tmp_path / "sealed"
    sealed.mkdir(0)
    words = [word.format(sealed=sealed) for word in words]
    as_root = [need("setpriv"), NO_RIGHTS] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*as_root, commands / "procession", "run", *words], capture_output=True, text=True, check=False,
        timeout=SECONDS, cwd="/", stdin=subprocess.DEVNULL,
    )
    one_line(done, done.returncode, line.format(sealed=sealed))
    assert done.returncode >= 125
    sealed.chmod(0o700)
    assert list(sealed.iterdir()) == []


# Surroundings.

ODD = {
    "no such TERM": {"TERM": "no-such"}, "TERM empty": {"TERM": ""}, "no columns": {"COLUMNS": "0"},
    "fewer columns": {"COLUMNS": "-1"}, "columns of letters": {"COLUMNS": "x"}, "columns": {"COLUMNS": "9" * 30},
    "no such language": {"LANG": "xx_YY.UTF-8", "LC_ALL": "xx"},
    "plain C": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "no home": {"HOME": None}, "a home that is not there": {"HOME": "/no/such"}, "a home that is none": {"HOME": "x"},
    "a home that takes nothing": {"HOME": "/proc"}, "no PATH": {"PATH": None}, "PATH empty": {"PATH": ""},
    "no time zone": {"TZ": "no/such"}, "nothing": dict.fromkeys(("HOME", "PATH", "TERM", "LANG")),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_surroundings(case, commands, new_user):
    env = {name: value for name, value in {**new_user, **ODD[case]}.items() if value is not None}
    lines = ["run --tree echo ä", "syscalls fork", "run --help", *(["bug-report"] if "home" in case else [])]
    script = " && ".join(f"{commands}/procession {line}" for line in lines)
    master, slave = pty.openpty()
    at_terminal = "TERM" in case or "columns" in case or case == "nothing"
    out = slave if at_terminal else subprocess.PIPE
    process = subprocess.Popen([SH, "-c", script], env=env, stdin=slave, stdout=out, stderr=subprocess.STDOUT)
    os.close(slave)
    text = everything_from(master) if at_terminal else process.communicate(timeout=SECONDS)[0]
    os.close(master)
    assert process.wait(SECONDS) == 0, text
    assert text.decode().startswith("ä")
    for word in WORDS_OF_A_BUG:
        assert word.encode() not in text


def everything_from(master):
    """What is written to a terminal until nobody has it any more."""
    text = b""
    while True:
        try:
            text += os.read(master, LONG)
        except OSError:
            return text


def test_completion_where_it_cannot_be_installed(commands, new_user):
    done = subprocess.run(
        ["bash", "-c", f"{commands}/procession --install-completion; exit $?"], env={**new_user, "HOME": "/proc"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=SECONDS,
    )
    one_line(done, 125, "/proc/")


def test_input_that_nobody_sends(commands):
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours:
        done = procession(commands, "run", "cat", stdin=ours)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# Ctrl-C, at each stage of each command.

STAGES = {
    "a program that prints": ["run", "yes"], "strace that prints": ["strace", "-f", "yes"],
    "a replay": ["replay", "--show", "{trace}"], "tables": ["syscalls"], "a report": ["bug-report"],
    "help": ["run", "--help"], "completion": ["--show-completion"],
}


@pytest.mark.parametrize("case", STAGES)
def test_ctrl_c_at_each_stage(case, commands, mistaken):
    """It dies of it, without a word, and with all that it has started."""
    words = [word.format(**mistaken) for word in STAGES[case]]
    for part in range(5):
        process = subprocess.Popen(
            [commands / "procession", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True,
        )
        wait_for_the_command(process.pid)
        time.sleep(part * 0.08)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)
        assert process.returncode in (0, -signal.SIGINT)
        assert left_of(process.pid) == []
        if "strace" in case:
            assert not any(word.encode() in err for word in WORDS_OF_A_BUG)
        else:
            assert err == b""
