"""Interactive sessions: somebody types at a shell in a terminal, on the host and inside, and sees the same."""

from __future__ import annotations

from collections.abc import Sequence
import os
import re
import shutil
import sys
import time

import pexpect
from tests import surroundings

PROMPT = "READY> "
SECONDS = 30
INTR, QUIT, SUSP, EOF, KILL, ERASE = "\x03", "\x1c", "\x1a", "\x04", "\x15", "\x7f"
TAB, UP, LEFT = "\t", "\x1b[A", "\x1b[D"
UP_IT_IS = "up\r\n"
# zsh's own line editor redraws as fast as keys come (see test_screens.py); its mark for half a line says who is root.
SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "dash": ["dash", "-i"],
    "busybox": ["busybox", "sh", "-i"],
    "zsh": ["zsh", "-fi", "+Z", "+o", "promptsp"],
}


def environment() -> dict[str, str]:
    """What both worlds see."""
    return surroundings.environment(TERM="vt100", SHELL="/bin/sh", PS1=PROMPT, HISTFILE="", ENV="/dev/null")


def inside(argv: Sequence[str], *options: str) -> list[str]:
    """Return the command that runs argv in a terminal inside."""
    env = [part for name, value in environment().items() for part in ("--env", f"{name}={value}")]
    program = shutil.which(argv[0]) or argv[0]
    return [sys.executable, "-m", "procession.cli", "run", "-it", *env, *options, "--", program, *argv[1:]]


class Session:
    """A command in a terminal of its own, and somebody who types."""

    def __init__(self, argv: Sequence[str], *, rows: int = 24, cols: int = 80) -> None:
        program = shutil.which(argv[0])
        assert program is not None, argv
        # Echo is the line discipline's business, so it is not waited for.
        self.child = pexpect.spawn(
            program, list(argv[1:]), env={**os.environ, **environment()}, dimensions=(rows, cols), timeout=SECONDS,
            encoding="utf-8", codec_errors="backslashreplace",
        )
        self.child.delaybeforesend = 0.05
        self.seen: list[str] = []

    def until(self, text: str = PROMPT) -> str:
        """Return what appears up to text, which has to come."""
        self.child.expect_exact(text)
        part = self.child.before + text
        self.seen.append(part)
        return part

    def type(self, keys: str, then: str | None = PROMPT) -> None:
        """Press these keys; wait until text appears behind what they do, None: do not wait."""
        self.child.send(keys)
        if then is not None:
            self.until(then)

    def line(self, text: str, then: str | None = PROMPT) -> None:
        """Type a line."""
        self.type(f"{text}\r", then)

    def job(self, command: str) -> None:
        """Start a command that runs until something is typed, and wait until it is there."""
        self.line(f"sh -c 'echo up; exec {command}'", UP_IT_IS)
        self.pause()

    def pause(self, seconds: float = 0.3) -> None:
        """Let what was typed take effect where nothing shows that it has."""
        time.sleep(seconds)

    def end(self) -> int:
        """Wait for its end; returns the exit status as a shell gives it."""
        self.child.expect(pexpect.EOF)
        self.seen.append(self.child.before)
        self.child.close()
        if self.child.exitstatus is not None:
            return int(self.child.exitstatus)
        return 128 + int(self.child.signalstatus)

    @property
    def transcript(self) -> str:
        """All that was on the screen; numbers of processes are named in the order they appear."""
        names: dict[str, str] = {}

        def name(match: re.Match[str]) -> str:
            return match[1] + names.setdefault(match[2], f"PID{len(names)}")

        text = "".join(self.seen)
        text = re.sub(r"(\[\d+\][-+ ]? ?)(\d+)\b", name, text)
        return re.sub(r"(pid )(\d+)\b", name, text)
