"""The status line of a run that takes long: where it is to be seen, and that it disturbs nothing."""

import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time

import pytest
from tests import starter

from procession.boot import Machine
from procession.cli.status import StatusLine

SH = "/bin/sh"
LINE = re.compile(r"procession: (\d+\.\d{3}) s of virtual time, (\d+) processes, [\d,]+ calls a second")
ENDLESS = "while :; do :; done"
# With the line from the first moment on, however fast the host is.
EARLY = "from procession.cli import status; status._FIRST_SECONDS = status._AGAIN_SECONDS = 0.01"
# A line now and then, and one in two parts; for seconds on any host.
TALKS = 'i=0; while :; do i=$((i+1)); [ $((i % 5000)) = 0 ] && { echo line $i; printf half; echo " $i"; }; done'


def on_terminal(*arguments, seconds=10, stop=0, columns=80, before="", stderr=None, env=None):
    """What a terminal is sent, and how the command ends; stop: a signal after so long."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, columns))
    files = [slave, slave, slave if stderr is None else stderr]
    env = {**os.environ, "TERM": "xterm", **(env or {})}
    with starter.started(*arguments, files=files, env=env, terminal=True, before=before) as process:
        os.close(slave)
        pieces, began = [], time.monotonic()
        while time.monotonic() - began < 60:
            try:
                piece = os.read(master, 1 << 16)
            except OSError:
                break
            pieces.append(piece)
            if stop and time.monotonic() - began > seconds:
                os.kill(process.pid, stop)
                stop = 0
        os.close(master)
        return b"".join(pieces).decode(), process.wait()


def screen(text):
    """The lines that stand on a terminal in the end."""
    lines, column = [""], 0
    for part in re.findall(r"\r|\n|\x1b\[K|[^\r\n\x1b]+", text):
        if part == "\r":
            column = 0
        elif part == "\n":
            lines.append("")
        elif part == "\x1b[K":
            lines[-1] = lines[-1][:column]
        else:
            lines[-1] = lines[-1][:column].ljust(column) + part + lines[-1][column + len(part):]
            column += len(part)
    return lines


@pytest.mark.parametrize("arguments", [("run",), ("strace", "-o", "/dev/null")])
def test_a_long_run_shows_a_line_that_is_gone_at_its_end(arguments):
    """As a user sees it, two seconds after the start and every half a second then."""
    text, status = on_terminal(*arguments, "--timeout", "4s", SH, "-c", ENDLESS)
    shown = LINE.findall(text)
    assert status == 124
    assert len(shown) >= 2
    assert float(shown[-1][0]) > float(shown[0][0]) >= 0
    assert {many for _, many in shown} == {"3"}     # with init and kthreadd
    assert screen(text) == ["procession: --timeout 4s is over: sh:17 running", ""]


def test_what_the_program_prints_stands_as_it_was_printed():
    text, status = on_terminal("run", "--timeout", "3s", SH, "-c", TALKS, before=EARLY)
    assert status == 124
    assert LINE.search(text)
    *lines, last, nothing = screen(text)
    assert last.startswith("procession: --timeout 3s is over: ")
    assert nothing == ""
    assert len(lines) >= 4
    numbers = [5_000 * (1 + at // 2) for at in range(len(lines))]
    assert lines == [f"{'half' if at % 2 else 'line'} {number}" for at, number in enumerate(numbers)]


def test_a_half_line_is_left_alone():
    text, _ = on_terminal("run", "--timeout", "1s", SH, "-c", f"printf 'Password: '; {ENDLESS}", before=EARLY)
    assert "virtual time" not in text.partition("Password: ")[2]
    assert text.endswith("Password: procession: --timeout 1s is over: sh:17 running\r\n")


def test_it_is_cut_to_the_window():
    text, _ = on_terminal("run", "--timeout", "1s", SH, "-c", ENDLESS, columns=20, before=EARLY)
    assert "\r\x1b[Kprocession: " in text
    assert not LINE.search(text)
    assert all(len(part) < 20 for part in re.findall(r"\x1b\[K(procession: \d[^\r]*)", text))


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_takes_it_away(signum):
    text, status = on_terminal("run", SH, "-c", ENDLESS, seconds=1, stop=signum, before=EARLY)
    assert status == -signum
    assert LINE.search(text)
    assert screen(text) == [""]


@pytest.mark.parametrize("case", ["pipe", "tty", "dumb", "no TERM", "strace", "short"])
def test_where_there_is_none(case, tmp_path):
    arguments, options = ("run", "--timeout", "1s", SH, "-c", ENDLESS), {"before": EARLY}
    if case == "pipe":
        options["stderr"] = os.open(os.devnull, os.O_WRONLY)
    elif case == "tty":
        arguments = ("run", "-it", *arguments[1:])
    elif case == "dumb":
        options["env"] = {"TERM": "dumb"}
    elif case == "no TERM":
        options["env"] = {"TERM": ""}
    elif case == "strace":
        arguments = ("strace", *arguments[1:])
    else:
        arguments, options = ("run", SH, "-c", "sleep 1000"), {}
    text, status = on_terminal(*arguments, **options)
    assert status == (0 if case == "short" else 124)
    assert "virtual time" not in text


def test_none_while_somebody_may_type():
    """What is typed is echoed there."""
    text, status = on_terminal("run", "--timeout", "4s", "cat")
    assert status == 124
    assert not LINE.search(text)


def test_the_run_is_the_same(tmp_path):
    """A trace of so many events tells of the first difference; where it was cut off depends on the host."""
    watched, alone = tmp_path / "watched", tmp_path / "alone"
    script = "i=0; while [ $i -lt 100 ]; do i=$((i+1)); /bin/true; [ $((i % 25)) = 0 ] && echo $i; done"
    arguments = ("--boot-time", "2012-01-05", SH, "-c", script)
    text, status = on_terminal("run", "--trace", str(watched), *arguments, before=EARLY)
    assert status == 0
    assert LINE.search(text)
    assert screen(text) == [str(number) for number in range(25, 101, 25)] + [""]
    done = starter.run("run", "--trace", alone, *arguments)
    assert done.returncode == 0
    assert watched.read_bytes() == alone.read_bytes()


def test_a_terminal_that_goes_away_takes_the_line_along():
    machine = Machine()
    reader, writer = os.pipe()      # no terminal: nothing can be drawn there
    line = StatusLine(machine, machine.console, writer)
    with line._lock, pytest.raises(OSError, match="ioctl"):
        line._draw()
    line.write(1, b"text")
    line.close()
    assert machine.console.stdout == b"text"
    os.close(writer)
    assert os.read(reader, 10) == b""
    os.close(reader)


def test_it_is_imported_only_at_a_terminal():
    code = (
        "import sys; from procession.cli import main; sys.argv = ['procession', 'run', '/bin/true']\n"
        "try: main()\n"
        "finally: sys.stdout.write(str('procession.cli.status' in sys.modules)); sys.stdout.flush()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "False"
