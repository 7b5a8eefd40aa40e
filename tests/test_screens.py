"""Programs that nobody here wrote, in two windows side by side: the host's and ours show the same after every key."""

from __future__ import annotations

import shlex
import time

import pytest
from tests.sessions import EOF, INTR, PROMPT, SHELLS, SUSP, TAB, UP, environment, inside
from tests.surroundings import need
from tests.test_tmux import SECONDS, Tmux

LARGER, SMALLER = (100, 30), (80, 24)
ESCAPE = "\x1b"


class Pair:
    """The same shell twice, in windows of 80 x 24: on the host, and inside."""

    def __init__(self, name):
        self.windows = {}
        env = [f"{name}={value}" for name, value in {**environment(), "TERM": "screen"}.items()]
        for where, command in (
            ("host", ["env", "-i", *env, *SHELLS["bash"]]),
            ("inside", inside(SHELLS["bash"], "--env", "TERM=screen")),
        ):
            window = self.windows[where] = Tmux(f"{name}-{where}")
            window.at_prompt("host>")
            window.line(f"stty -hupcl; cd /; clear; exec {shlex.join(command)}")
            window.see(PROMPT.strip())
        self.press("clear\r", PROMPT.strip())

    def press(self, keys, text):
        """Press the keys, or change the size, in both; text has to appear in both, and then they are the same."""
        for window in self.windows.values():
            if isinstance(keys, tuple):
                window.tmux("resize-window", "-x", str(keys[0]), "-y", str(keys[1]))
            else:
                window.tmux("send-keys", "-H", *(f"{byte:x}" for byte in keys.encode()))
        end = time.monotonic() + SECONDS
        since, last = time.monotonic(), None
        while True:
            now = time.monotonic()
            host, ours = (window.screen for window in self.windows.values())
            if (host, ours) != last:
                last, since = (host, ours), now
            elif host == ours and text in host and now - since > 0.4:
                return
            assert now < end, f"after {keys!r}, until {text!r}: host:\n{host}\ninside:\n{ours}"
            time.sleep(0.1)

    def close(self):
        for window in self.windows.values():
            window.close()


@pytest.fixture
def pair(tmp_path):
    made = Pair(f"pair-{tmp_path.name}-{time.monotonic_ns()}")
    yield made
    made.close()


def put_aside(again):
    """Ctrl-Z, another size of the window, and back."""
    return [
        (SUSP, "Stopped"), (LARGER, ""), ("stty size; jobs\r", "30 100"), ("fg\r", again), (SMALLER, again),
    ]


def pager(program):
    return [
        (f"{program} poem\r", "line 20 "), (" ", "line 40 "), *put_aside("line 40 "), ("/line 50\r", "line 50 "),
        ("G", "line 199 "), ("q", PROMPT.strip()),
    ]


def editor(program, *more):
    return [
        (f"{program} poem\r", "line 20 "), ("i", ""), ("hello", "helloline 1 "), (ESCAPE, ""),
        *put_aside("helloline 1 "), *more, ("G", "line 199 "), (":q!\r", PROMPT.strip()),
    ]


PROGRAMS = {
    "less": pager("less"),
    "busybox less": pager("busybox less"),
    "vim": editor("vim -nu NONE", (":set number\r", "20 line 20 ")),
    "vim.tiny": editor("vim.tiny -nu NONE", (":set number\r", "20 line 20 ")),
    "busybox vi": [     # to change the size of its window breaks it, on the host as well
        ("busybox vi poem\r", "line 20 "), ("i", ""), ("hello", "helloline 1 "), (ESCAPE, ""), (SUSP, "Stopped"),
        ("fg\r", "helloline 1 "), ("G", "line 199 "), (":q!\r", PROMPT.strip()),
    ],
    "nano": [
        ("nano -I poem\r", "line 10 "), ("hello", "helloline 1 "), ("\x14", ""), *put_aside("helloline 1 "),
        ("\x18", "Save"), ("n", PROMPT.strip()),
    ],
    "zsh": [
        ("zsh -f\r", PROMPT.strip()), ("PS1='z> '\r", "z> "),
        ("echo abc def", "def"), (f"{ESCAPE}[D{ESCAPE}[DX", "dXef"), ("\x01echo ", "echo echo"), (INTR, ""),
        ("echo one\r", "\none"), (UP, ""), (" two\r", "\none two"),
        (f"echo po{TAB}", "echo poem"), ("\r", "\npoem"),
        ("\x12", "bck-i-search"), ("one", "echo one"), ("\r", ""),
        ("sleep 50\r", ""), (SUSP, "suspended"), (LARGER, ""), ("jobs\r", "[1]  + suspended"), ("fg\r", "continued"),
        (INTR, ""), (SMALLER, ""), ("vared -c foo\r", ""), ("abc\r", ""), ("echo $foo\r", "\nabc"),
        ("exit\r", PROMPT.strip()),
    ],
    "script": [
        ("script -q -c 'stty size; read x; echo got $x' /dev/null\r", "24 80"), ("some\r", "got some"),
        ("script -q /dev/null\r", ""), ("echo in $((1+1))\r", "in 2"), ("sleep 100\r", ""), (INTR, "^C"),
        ("exit\r", ""),
    ],
    "expect": [
        ("""expect -c 'spawn sh -c "read x; echo got \\$x"; send "hello\\r"; expect got; interact'\r""", "got hello"),
    ],
    "watch": [
        ("watch -n 100 -t echo hello\r", "hello"), ((60, 20), ""), (SUSP, "Stopped"), ("fg\r", ""), (INTR, ""),
        (SMALLER, ""), ("echo do''ne\r", "\ndone"),
    ],
    "perl": [
        ("perl -de 0\r", "DB<1>"), ("p 6*7\r", "DB<2>"), (SUSP, "Stopped"), ("fg\r", ""), ("p 5*5\r", "\n25\n"),
        ("q\r", PROMPT.strip()),
    ],
    "sh": [
        ("yes | less\r", "y\ny"), (SUSP, "Stopped"), ("fg\r", "y\ny"), ("q", ""),
        ("echo a poem | vim -nu NONE -\r", "a poem\n~"), (":q!\r", PROMPT.strip()),
        ("clear; read -s -p 'secret? ' x; echo; echo $x\r", "secret?"), ("word\r", "\nword"),
        ("read -t 1 x; echo $?\r", "\n142"), ("select x in a b; do echo $x; break; done\r", "#?"), ("2\r", "\nb"),
        ("timeout 1 cat; echo $?\r", "\n124"),
        ("stty -icanon -isig; dd bs=1 count=3 2>/dev/null | od -c; stty sane\r", ""), (f"a{SUSP}{INTR}", "032 003"),
        ("clear; cat\r", ""), ("before\r", "before\nbefore"), ("\x13", ""), ("after\r", ""), ("\x11", "after\nafter"),
        (EOF, ""), ("sleep 2\r", ""), ("echo typed ahead; read x\r", "\ntyped ahead"), ("\r", ""),
        ("printf '\\303'; sleep 1; printf '\\244\\n'\r", "\u00e4"),
    ],
}


# What they start. Perl's debugger is not where perl alone is; prove comes with it.
ALSO = {"perl": ["prove"], "sh": ["less", "vim"]}


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_same_screens(pair, tmp_path, program):
    need(program.split()[0], *ALSO.get(program, ()))
    (tmp_path / "poem").write_text("".join(f"line {number} of it\n" for number in range(1, 200)))
    pair.press(f"cd {tmp_path}; clear\r", PROMPT.strip())
    for keys, text in PROGRAMS[program]:
        pair.press(keys, text)
