"""What the host does to the command: signals, readers that leave, full disks, terminals that go away.

The run ends at once and says no more than it should, what was written is whole up to there, the terminal is as it was.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
import pty
import resource
import select
import shlex
import signal
import subprocess
import sys
import termios
import time

import pytest
from tests.hw.elf import elf

COMMAND = [sys.executable, "-m", "procession.cli"]
SH = "/bin/sh"
ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
SECONDS = 60
# write(1, "on\n", 3), then jump to itself.
SPIN = "68 6f6e0a00 4889e6 bf01000000 ba03000000 b801000000 0f05 ebfe"


def start(*arguments, **options):
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*COMMAND, *map(str, arguments)], **{**pipes, **options})


def end(process):
    """Wait; whatever happened, Python has nothing to say."""
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    for word in (b"Traceback", b"Exception ignored", b"Error in sys"):
        assert word not in (err or b""), err.decode()
    return process.returncode, out, err


def whole_trace(path):
    """The lines of a trace, each of them whole."""
    text = path.read_bytes()
    assert not text or text.endswith(b"\n")
    return [json.loads(line) for line in text.splitlines()]


GUESTS = {
    "never leaves its loop": ("--root", "{spin}", "--", "/spin"),
    "a shell's loop": ("--", SH, "-c", "echo on; while :; do :; done"),
    "waits for input": ("--", SH, "-c", "echo on; cat"),
    "sleeps on the host": ("--realtime", "--", SH, "-c", "echo on; sleep 1000"),
    "many": ("--cpus", "2", "--", SH, "-c", "echo on; for i in 1 2 3; do while :; do :; done & done; wait"),
    "forks": ("--", SH, "-c", "echo on; while :; do /bin/true; done"),
}


@pytest.fixture
def silent():
    """An input on which nothing ever comes."""
    reader, writer = os.pipe()
    yield reader
    os.close(reader)
    os.close(writer)


@pytest.fixture
def spin(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "spin").write_bytes(elf(SPIN))
    (root / "spin").chmod(0o755)
    return root


# Signals.


@pytest.mark.parametrize("what", GUESTS)
def test_a_signal_ends_it(what, spin, silent, tmp_path):
    """It dies of the very signal, as its caller can see, without a word; the trace is whole and says why it ends."""
    arguments = [text.replace("{spin}", str(spin)) for text in GUESTS[what]]
    for number in ENDING:
        path = tmp_path / "trace"
        process = start("run", "--trace", path, *arguments, stdin=silent)
        assert process.stdout.readline() == b"on\n"
        process.send_signal(number)
        assert end(process) == (-number, b"", b"")
        *_, last = whole_trace(path)
        assert (last["event"], last["how"], last["why"]) == ("end", "Stopped", signal.Signals(number).name)


def test_a_shell_sees_it():
    """The status is 128 + the signal."""
    command = f"{' '.join(COMMAND)} run -- {SH} -c 'echo on >&2; cat'"
    line = "; ".join([f"{command} & p=$!; read x; kill -{name} $p; wait $p; echo $?" for name in ("TERM", "HUP")])
    process = subprocess.Popen(
        ["bash", "-c", line], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    statuses = []
    for _ in range(2):
        while process.stderr.readline() != b"on\n":
            pass
        process.stdin.write(b"go\n")
        process.stdin.flush()
        statuses.append(process.stdout.readline())
    process.communicate(timeout=SECONDS)
    assert statuses == [b"143\n", b"129\n"]


def test_signals_in_a_row(tmp_path):
    """The second does not disturb the clean-up after the first."""
    for numbers in ((signal.SIGTERM, signal.SIGINT), (signal.SIGINT, signal.SIGINT), (signal.SIGHUP, signal.SIGTERM)):
        path = tmp_path / "trace"
        process = start("run", "--trace", path, "--", SH, "-c", "echo on; while :; do /bin/true; done")
        assert process.stdout.readline() == b"on\n"
        for number in numbers * 3:
            process.send_signal(number)
        code, _, err = end(process)
        assert -code in numbers
        assert err == b""
        assert whole_trace(path)[-1]["event"] == "end"


@pytest.mark.parametrize("number", ENDING)
def test_at_any_moment(number, tmp_path):
    """In the midst of starting, booting, running, shutting down."""
    before = time.monotonic()
    assert end(start("run", "--", SH, "-c", "true | true"))[0] == 0
    took = time.monotonic() - before
    for part in range(10):
        path = tmp_path / f"trace{part}"
        process = start("run", "--trace", path, "--", SH, "-c", "true | true")
        try:
            process.wait(took * (0.25 + part / 12))
        except subprocess.TimeoutExpired:
            process.send_signal(number)
        code, _, err = end(process)
        assert code in (0, -number)
        assert err == b""
        if path.exists():
            whole_trace(path)


@pytest.mark.parametrize("name", ["procession-interrupt", "procession-input"])
def test_a_thread_that_is_just_beginning(name, tmp_path):
    """The signal comes when the thread was asked for and does not run yet: it is waited for all the same."""
    (tmp_path / "command.py").write_text(f"""
import os, signal, threading
from procession.cli import main
class Thread(threading.Thread):
    def start(self):
        if self.name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)
            sum(range(1000))
        super().start()
threading.Thread = Thread
main()
""")
    master, slave = pty.openpty()
    command = [sys.executable, tmp_path / "command.py", "run", "--tty", "--", "/bin/true"]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=subprocess.PIPE)
    assert end(process) == (-signal.SIGINT, None, b"")
    os.close(slave)
    os.close(master)


@pytest.mark.parametrize("place", ["hash", "class"])
def test_in_the_midst_of_an_import(place, tmp_path):
    """Neither what forgets exceptions keeps it back, nor a class that is being made makes something else of it."""
    (tmp_path / "module.py").write_text(f"""
import os, signal
def strike(*_):
    os.kill(os.getpid(), signal.SIGINT)
    return 0
class Hash:
    __hash__ = strike
class Name:
    __set_name__ = strike
if {place == "hash"}:
    try:
        hash(Hash())
    except BaseException:
        pass
else:
    class Named:
        name = Name()
""")
    (tmp_path / "command.py").write_text("""
from procession.cli.host import SIGNALS, Stopped, die_of
try:
    with SIGNALS.caught():
        import module
        while True:
            pass
except Stopped as stopped:
    die_of(stopped.signum)
""")
    command = [sys.executable, tmp_path / "command.py"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert end(process) == (-signal.SIGINT, b"", b"")


def test_strace_ends_its_last_line(silent, tmp_path):
    path = tmp_path / "out"
    process = start("strace", "-f", "-o", path, "--", SH, "-c", "echo on; cat", stdin=silent)
    assert process.stdout.readline() == b"on\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    assert end(process)[0] == -signal.SIGTERM
    assert path.read_text().endswith(" <unfinished ...>\n")


def test_what_was_ignored_stays_ignored():
    """As nohup(1) and a shell's background jobs want it."""
    process = start(
        "run", "--", SH, "-c", "echo on; read x; echo off", stdin=subprocess.PIPE,
        preexec_fn=lambda: (signal.signal(signal.SIGHUP, signal.SIG_IGN), signal.signal(signal.SIGINT, signal.SIG_IGN)),
    )
    assert process.stdout.readline() == b"on\n"
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGINT)
    process.stdin.write(b"\n")
    assert end(process) == (0, b"off\n", b"")


def test_quit_is_left_alone():
    process = start("run", "--", SH, "-c", "echo on; while :; do :; done")
    assert process.stdout.readline() == b"on\n"
    process.send_signal(signal.SIGQUIT)
    assert end(process)[0] == -signal.SIGQUIT


def test_a_clean_up_that_hangs_can_be_ended(tmp_path):
    """Nobody reads from the FIFO: a signal that comes later than a second after the first ends it."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = start("run", "--trace", fifo, "--", SH, "-c", "echo on; while :; do /bin/true; done")
    reader = os.open(fifo, os.O_RDONLY)
    while int.from_bytes(fcntl.ioctl(reader, termios.FIONREAD, b"    "), "little") < 60_000:
        time.sleep(0.05)        # until it is full
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.5)
    process.send_signal(signal.SIGTERM)
    assert end(process)[0] == -signal.SIGTERM
    os.close(reader)


def go(process):
    """Let it begin to sleep: it says so just before."""
    process.stdin.write(b"\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"on\n"
    time.sleep(1)


def test_while_it_is_stopped_the_hosts_clock_goes_on():
    """What was due meanwhile is due at once afterwards, and what was asked for is not waited for anew."""
    process, other = (start("run", "--realtime", "--", SH, "-c", "read x; echo on; sleep 4; echo off",
                            stdin=subprocess.PIPE) for _ in range(2))
    go(process)
    process.send_signal(signal.SIGSTOP)
    time.sleep(4.2)
    go(other)
    process.send_signal(signal.SIGCONT)
    assert process.stdout.readline() == b"off\n"
    assert select.select([other.stdout], [], [], 0)[0] == [], "it has slept as long as the other one, which began now"
    assert end(process)[0] == end(other)[0] == 0


def test_other_signals_disturb_nothing(tmp_path):
    """A handler that returns, called a thousand times a second: the same trace."""
    code = (
        "import signal, sys; from procession import Kernel; from procession.tools.tracefile import trace_hash\n"
        "if len(sys.argv) > 1: signal.signal(signal.SIGALRM, lambda *_: None), "
        "signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\n"
        "k = Kernel(root='/', trace=True, cpus=2)\n"
        f"k.run([{SH!r}, '-c', 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done & seq 1 999 | sort -R | wc; wait'])\n"
        "signal.setitimer(signal.ITIMER_REAL, 0)\n"
        "print(trace_hash(k.events), k.clock.now_ns)\n"
    )
    plain, disturbed = (
        subprocess.run([sys.executable, "-c", code, *extra], capture_output=True, timeout=SECONDS, check=True).stdout
        for extra in ([], ["x"])
    )
    assert plain == disturbed


# Readers that leave.


def test_nobody_reads_what_it_prints():
    """141 and not a word, as after SIGPIPE."""
    for arguments, gone in ((("run", "--", "yes"), "stdout"), (("run", "--strace", "--", SH, "-c", "exit"), "stderr")):
        reader, writer = os.pipe()
        os.close(reader)
        process = start(*arguments, **{gone: writer})
        os.close(writer)
        code, out, err = end(process)
        assert (code, out or b"", err or b"") == (141, b"", b"")
    for command in (["syscalls"], ["--help"]):
        reader, writer = os.pipe()
        os.close(reader)
        process = start(*command, stdout=writer)
        os.close(writer)
        assert end(process) == (141, None, b"")


@pytest.mark.parametrize("arguments", [("run", "--trace"), ("strace", "-f", "-o")], ids=["trace", "strace"])
def test_a_fifo_whose_reader_leaves(arguments, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = start(*arguments, fifo, "--", SH, "-c", "while :; do /bin/true; done")
    with fifo.open("rb") as file:
        assert file.readline().endswith(b"\n")
    assert end(process) == (141, b"", b"")


def test_a_fifo_gets_everything_once(tmp_path):
    """Also what a slow reader takes after the signal."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = start("run", "--trace", fifo, "--", SH, "-c", "echo on; while :; do /bin/true; done")
    with fifo.open("rb") as file:
        assert process.stdout.readline() == b"on\n"
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        lines = file.read().splitlines()
    assert end(process)[0] == -signal.SIGINT
    first, *middle, last = map(json.loads, lines)
    assert (first["event"], last["event"]) == ("run", "end")
    assert sum("time_ns" in found and next(iter(found)) == "time_ns" for found in middle) == last["events"]
    copy = tmp_path / "copy"
    copy.write_bytes(b"\n".join(lines) + b"\n")
    assert end(start("replay", copy))[0] == 0


def test_output_that_does_not_block():
    """O_NONBLOCK that somebody else has set loses nothing."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    process = start("run", "--strace", "--", "seq", "1", "60000", stdout=writer, stderr=writer)
    os.close(writer)
    time.sleep(1.5)      # until the pipe is full
    with os.fdopen(reader, "rb") as file:
        text = file.read()
    assert end(process)[0] == 0
    numbers = [line for line in text.splitlines() if line.isdigit()]
    assert len(numbers) > 50000
    assert text.count(b"+++ exited with 0 +++") == 1
    assert text.count(b"write(1, ") >= 70


def test_input_that_does_not_block():
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    process = start("run", "--", SH, "-c", "echo on; cat", stdin=reader)
    assert process.stdout.readline() == b"on\n"
    os.write(writer, b"late\n")
    os.close(writer)
    assert end(process) == (0, b"late\n", b"")
    os.close(reader)


# Full disks.


def limited():
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))


@pytest.mark.parametrize("arguments", [("run", "--trace"), ("strace", "-f", "-o")], ids=["trace", "strace"])
def test_a_file_that_may_not_grow(arguments, tmp_path):
    """One line that says so, and whole lines up to there."""
    path = tmp_path / "out"
    script = "true | true; true | true; ls -lR /etc > /dev/null"
    process = start(*arguments, path, "--", SH, "-c", script, preexec_fn=limited)
    code, _, err = end(process)
    assert (code, err.count(b"\n")) == (125, 1)
    assert err.startswith(b"procession: ")
    assert b"File too large" in err
    assert 1000 < path.stat().st_size <= 5000
    assert path.read_bytes().endswith(b"\n")


def test_output_into_a_file_that_may_not_grow(tmp_path):
    path = tmp_path / "out"
    with path.open("wb") as file:
        process = start("run", "--", SH, "-c", "seq 1 9999; echo $? >&2", stdout=file, preexec_fn=limited)
        code, _, err = end(process)
    assert code == 0
    assert b"File too large" in err
    assert path.stat().st_size == 5000


@pytest.mark.parametrize("arguments", [
    ("run", "--tree", "--", "/bin/true"), ("run", "--fail", "fork", "--", "/bin/true"), ("run", "--cpus", "0", "x"),
    ("run", "--", SH, "-c", "kill -TERM $$"), ("nonsense",), ("run", "--timeout", "soon", "x"), ("replay", "/no/such"),
], ids=" ".join)
def test_a_full_or_abandoned_standard_error(arguments):
    """What cannot be said leaves a status at least: that of a full disk, or of a reader who has gone."""
    with Path("/dev/full").open("wb") as full:
        assert end(start(*arguments, stderr=full))[0] == 125
    reader, writer = os.pipe()
    os.close(reader)
    assert end(start(*arguments, stderr=writer))[0] == 141
    os.close(writer)


@pytest.mark.parametrize("how", ["", ">&-", "<&-", "2>&-", "<&- >&-", "<&- >&- 2>&-", ">/dev/full", "</dev/null >&0"])
def test_standard_files_as_outside(how, tmp_path):
    """What is closed, full or not for writing is so inside as well: the program says what it says outside."""
    script = "cat && echo hi && ls /proc/self/fd >&2 && echo there >&2"
    command = " ".join(map(shlex.quote, [*COMMAND, "run", "--"]))
    ways = {"outside": "", "inside": command}
    said = {}
    for name, prefix in ways.items():
        line = f"exec {prefix} {SH} -c {shlex.quote(script)} {how}"
        done = subprocess.run([SH, "-c", line], capture_output=True, input=b"", check=False, timeout=SECONDS)
        said[name] = done.returncode, done.stdout, done.stderr
    assert said["inside"] == said["outside"]


def test_a_closed_standard_file_is_recorded(tmp_path):
    path = tmp_path / "trace"
    line = " ".join(map(shlex.quote, [*COMMAND, "run", "--trace", str(path), "--", SH, "-c", "echo hi"])) + " >&-"
    assert subprocess.run([SH, "-c", line], capture_output=True, check=False, timeout=SECONDS).returncode == 1
    assert end(start("replay", str(path)))[0] == 0


# Terminals.


class Line:
    """A process with a pseudo-terminal of its own that it is the leader of."""

    def __init__(self, *command):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)

        self.process = subprocess.Popen(
            command, stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 -- there are no other threads
        )
        self.text = b""

    def expect(self, word):
        """Read up to a word."""
        limit = time.monotonic() + SECONDS
        while word not in self.text:
            ready, _, _ = select.select([self.master], [], [], max(0, limit - time.monotonic()))
            assert ready, self.text
            self.text += os.read(self.master, 4096)
        self.text = self.text.partition(word)[2]

    def close(self):
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)
        self.master = self.slave = -1


def test_ctrl_c_on_a_terminal():
    line = Line(*COMMAND, "run", "--", SH, "-c", "echo on; while :; do :; done")
    line.expect(b"on")
    os.write(line.master, b"\x03")
    assert line.process.wait(SECONDS) == -signal.SIGINT
    assert termios.tcgetattr(line.slave) == line.before
    line.close()


@pytest.mark.parametrize("program", ["cat", "while :; do :; done", "while :; do echo x; done", "trap '' HUP; cat"])
def test_a_terminal_that_goes_away(program):
    """SIGHUP, or the end of the input."""
    line = Line(*COMMAND, "run", "--", SH, "-c", f"echo on; {program}")
    line.expect(b"on")
    line.close()
    assert line.process.wait(SECONDS) == -signal.SIGHUP


def test_a_terminal_that_goes_away_from_somebody_else():
    """No SIGHUP: reading from it is the end of the input, writing to it an error of the guest's."""
    master, slave = pty.openpty()
    process = start("run", "--", SH, "-c", "echo on >&2; cat; echo x; echo $? >&2", stdin=slave, stdout=slave)
    assert process.stderr.readline() == b"on\n"
    os.close(slave)
    os.close(master)
    code, _, err = end(process)
    assert code == 0
    assert b"I/O error" in err
    assert err.endswith(b"\n1\n")


RAW = """
import os, signal, sys, time
from procession.cli.host import SIGNALS, Stopped, die_of
from procession.hw.terminal import HostTerminal
try:
    with SIGNALS.caught(), HostTerminal(0) as terminal:
        terminal.raw()
        os.write(1, b"raw\\n")
        how = sys.argv[1]
        if how == "error":
            raise ValueError
        if how == "exit":
            raise SystemExit(3)
        while (got := os.read(0, 1)) != b"q":
            os.write(1, b"<%d>" % got[0])
except Stopped as stopped:
    die_of(stopped.signum)
except ValueError:
    raise SystemExit(5)
"""


@pytest.fixture
def raw():
    lines = []

    def make(how):
        line = Line(sys.executable, "-c", RAW, how)
        lines.append(line)
        line.expect(b"raw")
        return line

    yield make
    for line in lines:
        line.process.kill()
        line.process.wait()
        line.close()


def test_a_raw_terminal(raw):
    """Every key arrives as it is, Ctrl-C as well."""
    line = raw("wait")
    assert not termios.tcgetattr(line.slave)[3] & (termios.ECHO | termios.ICANON | termios.ISIG)
    os.write(line.master, b"a\r\x03\x1a")
    line.expect(b"<97><13><3><26>")
    os.write(line.master, b"q")
    assert line.process.wait(SECONDS) == 0
    assert termios.tcgetattr(line.slave) == line.before


@pytest.mark.parametrize(("how", "status"), [
    ("error", 5), ("exit", 3), (signal.SIGINT, -2), (signal.SIGTERM, -15), (signal.SIGHUP, -1), (signal.SIGQUIT, -3),
])
def test_the_terminal_is_set_as_it_was(raw, how, status):
    line = raw(how if isinstance(how, str) else "wait")
    if not isinstance(how, str):
        line.process.send_signal(how)
    assert line.process.wait(SECONDS) == status
    assert termios.tcgetattr(line.slave) == line.before


def restored(line, *, before=None):
    """The terminal is as it was, at the latest a moment later."""
    limit = time.monotonic() + SECONDS
    while termios.tcgetattr(line.slave) != (before or line.before):
        assert time.monotonic() < limit, termios.tcgetattr(line.slave)
        time.sleep(0.05)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_the_terminal_after_what_nobody_can_catch(raw, how):
    line = raw("wait")
    line.process.send_signal(how)
    assert line.process.wait(SECONDS) == -how
    restored(line)


def test_a_terminal_that_somebody_else_has_set_meanwhile(raw):
    """It is theirs: a shell that edits lines has its own settings."""
    line = raw("wait")
    theirs = termios.tcgetattr(line.slave)
    theirs[3] |= termios.ECHO
    termios.tcsetattr(line.slave, termios.TCSANOW, theirs)
    line.process.kill()
    line.process.wait(SECONDS)
    time.sleep(0.5)
    assert termios.tcgetattr(line.slave) == theirs


def test_a_run_that_begins_in_the_background():
    """It is stopped as one that would set the terminal, and raw when it is in front."""
    line = Line("bash", "--norc", "--noprofile", "-i")
    script = r"echo be''gun; stty -echo; read x; exit \$x"
    os.write(line.master, f'{" ".join(COMMAND)} run -it -- sh -c "{script}" &\n'.encode())
    line.expect(b"[1]")
    limit = time.monotonic() + SECONDS
    while b"Stopped" not in line.text:
        assert time.monotonic() < limit, line.text
        os.write(line.master, b"\n")
        time.sleep(0.5)
        line.text += os.read(line.master, 4096)
    os.write(line.master, b"fg\n")
    line.expect(b"begun")
    assert not termios.tcgetattr(line.slave)[3] & termios.ISIG
    os.write(line.master, b"7\r")
    line.expect(b"# " if os.getuid() == 0 else b"$ ")
    os.write(line.master, b"echo status=$?.; exit\n")
    line.expect(b"status=7.")
    line.process.wait(SECONDS)
    line.close()


def test_an_oops_in_a_raw_terminal():
    """All of it begins at the left edge, and the terminal is as it was."""
    broken = (
        "from procession.kernel import exit\nfrom procession.include.linux.bug import bug\n"
        "exit.do_exit = lambda *arguments: bug('broken on purpose', arguments[0].pid, 1)\n"
        "from procession.cli.main import main\nmain()\n"
    )
    line = Line(sys.executable, "-c", broken, "run", "-it", "--strace", "--", SH, "-c", "echo on")
    line.expect(b"on\r\n")
    line.expect(b"exit_group(0)")
    line.expect(b"broken on purpose")
    assert line.process.wait(SECONDS) == 125
    while select.select([line.master], [], [], 0)[0]:
        line.text += os.read(line.master, 4096)
    assert line.text.count(b"\n") > 3
    assert line.text.count(b"\n") == line.text.count(b"\r\n")
    restored(line)
    line.close()


def test_the_terminal_while_the_command_is_stopped():
    """It is the shell's again, and raw again afterwards."""
    control = (
        "import os, sys, signal, subprocess, termios\n"
        "signal.signal(signal.SIGTTOU, signal.SIG_IGN)\n"
        "flags = lambda: bool(termios.tcgetattr(0)[3] & termios.ICANON)\n"
        "r, w = os.pipe()\n"
        "p = subprocess.Popen([sys.executable, '-c', sys.argv[1], 'wait'], process_group=0, stdout=w,\n"
        "                     preexec_fn=lambda: (signal.signal(signal.SIGTTOU, signal.SIG_IGN),\n"
        "                                         os.tcsetpgrp(0, os.getpid()),\n"
        "                                         signal.signal(signal.SIGTTOU, signal.SIG_DFL)))\n"
        "assert os.read(r, 9) == b'raw\\n'; print('at first', flags())\n"
        "os.kill(p.pid, signal.SIGTSTP); _, s = os.waitpid(p.pid, os.WUNTRACED)\n"
        "print('stopped', os.WIFSTOPPED(s) and os.WSTOPSIG(s) == signal.SIGTSTP, flags())\n"
        "os.kill(p.pid, signal.SIGCONT)\n"
        "while flags(): pass\n"
        "print('again', flags())\n"
        "os.kill(p.pid, signal.SIGTERM); _, s = os.waitpid(p.pid, 0); print('ended', s, flags())\n"
    )
    line = Line(sys.executable, "-c", control, RAW)
    for word in (b"at first False", b"stopped True True", b"again False", b"ended 15 True"):
        line.expect(word)
    assert line.process.wait(SECONDS) == 0
    line.close()


def test_it_is_no_terminal():
    done = subprocess.run(
        [sys.executable, "-c", RAW, "wait"], input=b"aq", capture_output=True, timeout=SECONDS, check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"raw\n<97>")
