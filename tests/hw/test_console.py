"""The host's terminal as a console: its size, the way out of it, its end."""

from __future__ import annotations

import os
import signal
import termios

import pytest

from procession.hw.console import HostConsole, TerminalConsole

CTRL = b"\x1d"


@pytest.fixture
def terminal():
    """Both ends of one: whoever sits there, and the console."""
    master, slave = os.openpty()
    attributes = termios.tcgetattr(slave)
    attributes[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    yield master, slave
    for fd in (master, slave):
        try:
            os.close(fd)
        except OSError:
            pass    # a test has done it


def resize(fd, rows, columns):
    termios.tcsetwinsize(fd, (rows, columns))
    os.kill(os.getpid(), signal.SIGWINCH)


def test_another_size_is_told_once(terminal):
    master, slave = terminal
    console = TerminalConsole(slave, slave)
    before = signal.getsignal(signal.SIGWINCH)
    with console.attended(lambda: None):
        assert (console.winsize(), console.wait(0)) == (None, False)
        resize(master, 33, 99)
        resize(master, 34, 98)
        assert console.wait(0)
        assert (console.winsize(), console.winsize()) == ((34, 98), None)
        assert not console.wait(0)
    assert signal.getsignal(signal.SIGWINCH) == before


def test_three_of_a_key_in_a_row_call_who_waits_for_them(terminal):
    master, slave = terminal
    console = TerminalConsole(slave, slave)
    called = []
    with console.attended(lambda: called.append(1)):
        for typed, count in ((CTRL * 2, 0), (b"a" + CTRL, 0), (CTRL, 0), (CTRL, 1)):
            os.write(master, typed)
            assert console.read(10) == typed
            assert len(called) == count
    os.write(master, CTRL * 3)
    assert console.read(10) == CTRL * 3
    assert len(called) == 1


def test_a_file_has_no_size(tmp_path):
    with (tmp_path / "file").open("w") as file:
        assert TerminalConsole(0, file.fileno()).size() is None


def test_a_terminal_that_goes_away_ends_the_input(terminal):
    master, slave = terminal
    os.close(master)
    assert HostConsole(slave).read(5) == b""


def test_input_that_somebody_else_took_is_no_end(monkeypatch):
    end, other = os.pipe()
    os.set_blocking(end, False)
    console = HostConsole(end)
    monkeypatch.setattr("procession.hw.console._wait", lambda *_: True)
    assert console.read(5) is None
    os.close(other)
    os.close(end)
    with pytest.raises(OSError, match="Bad file"):
        console.read(5)


