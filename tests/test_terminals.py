"""Real programs at a terminal: shells with job control, full-screen programs, programs that make ptys of their own."""

from __future__ import annotations

import os
import re
import threading
import tty

import pytest
from tests.surroundings import environment, need

from procession import Machine
from procession.hw.console import HostConsole

ENV = environment(TERM="xterm", PS1="$ ")
CSI = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\([B0]|[=>78])")


class Typist:
    """Somebody at the keyboard, who types each text once the screen shows what it waits for.

    script: (what to wait for on the screen since the last typing, what to type), in order.
    """

    def __init__(self, *script):
        self.script = [(wanted.encode(), text.encode()) for wanted, text in script]
        self.screen = bytearray()
        self.seen = 0
        self.patience = 20_000

    @property
    def stdout(self):
        return bytes(self.screen)

    @property
    def stderr(self):
        return b""

    def write(self, fd, data):
        self.screen += data

    def _ready(self):
        if not self.script:
            return True
        wanted, _ = self.script[0]
        self.patience -= 1
        if not self.patience:
            raise AssertionError(f"never seen: {wanted} on {self.screen.decode(errors='replace')}")
        return self.screen.find(wanted, self.seen) >= 0

    def read(self, n):
        if not self.script:
            return b""
        if not self._ready():
            return None
        wanted, text = self.script[0]
        if len(text) > n:
            self.script[0] = (wanted, text[n:])
            return text[:n]
        self.seen = self.screen.find(wanted, self.seen) + len(wanted)
        self.script.pop(0)
        return text or None

    def wait(self, timeout_ns):
        return self._ready()

    def winsize(self):
        return None


@pytest.fixture
def at_terminal():
    """Run argv at the console's terminal while somebody types; returns (screen without escapes, result)."""

    def run(argv, *script, **options):
        need(argv[0])
        typist = Typist(*script)
        result = Machine(root="/", tty=True, console=typist, **options).run(argv, env=ENV)
        result.kernel.check_baseline()
        assert not typist.script, f"never seen: {typist.script[0][0]} on {typist.screen.decode(errors='replace')}"
        return CSI.sub("", typist.screen.decode()).replace("\r\n", "\n"), result

    return run


def test_dash_does_job_control(at_terminal):
    screen, result = at_terminal(
        ["/bin/dash", "-i"],
        ("$ ", "tty\n"),
        ("hvc0", "sleep 100\n"),
        ("sleep 100\r\n", "\x1a"),
        ("Stopped", "jobs\n"),
        ("Stopped", "fg\n"),
        ("sleep 100", "\x03"),
        ("$ ", "echo status $?\n"),
        ("status 130", "cat & sleep 1\n"),
        ("$ ", "jobs\n"),
        ("(tty input)", "kill -CONT %1; kill %1; wait; echo none left: $(jobs)\n"),
        ("none left: ", "while :; do :; done\n"),
        ("done\r\n", "\x03"),
        ("$ ", "exit 3\n"),
    )
    assert "[1] + Stopped                    sleep 100" in screen
    assert "^C" in screen
    assert result.exit_code == 3


def test_bash_does_job_control(at_terminal):
    screen, result = at_terminal(
        ["/bin/bash", "--norc", "-i"],
        ("$ ", "sleep 100\n"),
        ("sleep 100\r\n", "\x1a"),
        ("Stopped", "bg\n"),
        ("sleep 100 &", "jobs\n"),
        ("Running", "fg\n"),
        ("sleep 100\r\n", "\x03"),
        ("$ ", "sleep 50 | cat | cat &\n"),
        ("[1]", "ps -o pgid,sid,tty,stat,comm\n"),
        ("ps\r\n", "kill %1; wait; echo over\n"),
        ("over\r\n", "cat & sleep 1; jobs\n"),
        ("Stopped", "fg\n"),
        ("cat\r\n", "one line\n"),
        ("one line\r\none line", "\x04"),
        ("$ ", "exit 3\n"),
    )
    rows = [line.split() for line in screen.splitlines() if "hvc0" in line]
    groups = {row[4]: row[:4] for row in rows}
    assert groups["sleep"][0] == groups["cat"][0] != groups["bash"][0]
    assert groups["bash"][3] == "Ss"
    assert groups["ps"][3] == "R+"
    assert groups["sleep"][3] == "S"
    assert len({row[1] for row in rows}) == 1
    assert result.exit_code == 3


def test_bash_edits_lines(at_terminal):
    screen, _ = at_terminal(
        ["/bin/bash", "--norc", "-i"],
        ("$ ", "echo wrld\x1b[D\x1b[D\x1b[Do\n"),        # three to the left
        ("world\r\n", "\x1b[A\x17there\n"),                # the last command, without its last word
        ("there\r\n", "mkdir /tmp/bin; ln -s /bin/echo /tmp/bin/say_it; PATH=/tmp/bin\n"),     # and nothing else
        ("$ ", "say\t'a tab completed it'\n"),
        ("it\r\n", "exit\n"),
    )
    assert "\n\rworld\n" in screen
    assert "\n\rthere\n" in screen
    assert "\n\ra tab completed it\n" in screen


def test_a_busy_loop_is_suspended_and_interrupted(at_terminal):
    _, result = at_terminal(
        ["/bin/bash", "--norc", "-i"],
        ("$ ", "dash -c 'while :; do :; done'\n"),
        ("done'\r\n", "\x1a"),
        ("Stopped", "fg\n"),
        ("done'\r\n", "\x03"),
        ("$ ", "echo status $?\n"),
        ("status 130", "exit 4\n"),
    )
    assert result.exit_code == 4


def test_hangup_of_a_shell_with_jobs(at_terminal):
    """A shell that hears SIGHUP passes it on to its jobs, stopped ones included."""
    screen, result = at_terminal(
        ["/bin/dash", "-i"],
        ("$ ", "bash --norc -i\n"),
        ("$ ", "(trap 'echo heard > /tmp/heard; exit' HUP; sleep 500 & wait) & sh -c 'echo go; sleep 100'\n"),
        ("\ngo\r\n", "\x1a"),
        ("Stopped", "kill -HUP $$\n"),
        ("$ ", "sleep 2; cat /tmp/heard; ps -o comm\n"),
        ("ps\r\n", "exit 5\n"),
    )
    after = screen[screen.index("cat /tmp/heard"):]
    assert "\nheard\n" in after
    assert after.count("sleep") == 0
    assert result.exit_code == 5


def test_the_line_hangs_up_when_the_input_ends(at_terminal):
    _, result = at_terminal(["/bin/dash", "-i"], ("$ ", "sleep 1000\n"))
    assert result.exit_code == 128 + 1


def test_window_size(at_terminal):
    screen, result = at_terminal(["/bin/dash", "-i"], ("$ ", "stty size\n"), ("30 100", "exit\n"), winsize=(30, 100))
    assert "30 100" in screen
    assert result.exit_code == 0


def test_stty(at_terminal):
    screen, _ = at_terminal(
        ["/bin/dash", "-i"],
        ("$ ", "stty -a\n"),
        ("extproc", "stty intr ^B -echoctl; cat\n"),
        ("cat\r\n", "\x02"),
        ("$ ", "stty sane; exit\n"),
    )
    assert "speed 38400 baud; rows 24; columns 80; line = 0;" in screen
    assert "intr = ^C; quit = ^\\; erase = ^?; kill = ^U; eof = ^D; eol = <undef>;" in screen
    assert "isig icanon iexten echo echoe echok -echonl -noflsh -xcase -tostop -echoprt" in screen


def test_script_records_a_terminal_of_its_own(at_terminal):
    need("script")
    screen, _ = at_terminal(
        ["/bin/dash", "-i"],
        ("$ ", "script -q -c 'tty; stty size; test -t 0 && echo a terminal' /tmp/typescript\n"),
        ("\r\na terminal", ""),
        ("$ ", "tail -n +2 /tmp/typescript | head -3 | od -c | head; exit\n"),
    )
    assert "\n/dev/pts/0\n24 80\na terminal\n" in screen
    assert r"p   t   s   /   0  \r  \n" in screen


def test_pythons_pty_module(at_terminal):
    need("python3")
    screen, _ = at_terminal(["/usr/bin/python3", "-c", "import pty; pty.spawn(['/bin/sh', '-c', 'tty; echo $?'])"])
    assert screen == "/dev/pts/0\n0\n"


def test_less(at_terminal):
    need("less")
    screen, _ = at_terminal(
        ["/bin/dash", "-i"],
        ("$ ", "i=0; while [ $i -lt 60 ]; do i=$((i + 1)); echo line $i; done > /tmp/lines; less /tmp/lines\n"),
        ("line 23\r\n", " "),
        ("line 46", "/line 59\n"),
        ("59", "q"),
        ("$ ", "exit\n"),
    )
    assert "line 24" in screen


def test_busybox_vi(at_terminal):
    need("busybox")
    screen, _ = at_terminal(
        ["/bin/dash", "-i"],
        ("$ ", "busybox vi /tmp/text\n"),
        ("- /tmp/text", "ione\ntwo\nthree"),
        ("three", "\x1b"),
        ("- /tmp/text", "kdd:wq\n"),
        ("$ ", "cat /tmp/text; exit\n"),
    )
    assert screen.endswith("one\nthree\n")


def test_top(at_terminal):
    need("top")
    screen, _ = at_terminal(
        ["/bin/dash", "-i"], ("$ ", "top -b -n 1\n"), ("dash", "top\n"), ("COMMAND", "q"), ("$ ", "exit\n"),
    )
    assert "Tasks:  18 total,   1 running,  17 sleeping,   0 stopped,   0 zombie" in screen


def test_tmux(at_terminal):
    need("tmux")
    screen, result = at_terminal(
        ["/bin/dash", "-i"],
        ("$ ", "tmux new-session 'tty; sleep 1; stty size; sleep 1'\n"),
        ("23 80", ""),
        ("[exited]", "exit\n"),
    )
    assert "/dev/pts/0" in screen
    assert result.exit_code == 0


@pytest.mark.parametrize("cpus", [2, 4])
def test_several_cpus(at_terminal, cpus):
    _, result = at_terminal(
        ["/bin/bash", "--norc", "-i"],
        ("$ ", "yes | head -c 100000 | wc -c\n"),
        ("100000", "sleep 100 & sleep 100\n"),
        ("\r\n", "\x1a"),
        ("Stopped", "kill %1 %2; wait; exit 6\n"),
        cpus=cpus,
    )
    assert result.exit_code == 6


def test_twice_the_same():
    def run():
        typist = Typist(("$ ", "ls -l /dev/pts | head -3; script -q -c tty /dev/null\n"), ("pts/0", "exit\n"))
        kernel = Machine(root="/", tty=True, console=typist, trace=True)
        result = kernel.run(["/bin/dash", "-i"], env=ENV)
        return bytes(typist.screen), [repr(event) for event in result.trace]

    assert run() == run()


def test_a_live_console_cuts_in_on_a_program_that_makes_no_calls():
    master, slave = os.openpty()
    try:
        tty.setraw(slave)
        kernel = Machine(root="/", tty=True, console=HostConsole(slave, slave, slave))
        typing = threading.Timer(1, os.write, (master, b"typed ahead\r\x1c"))
        typing.start()
        result = kernel.run(["/bin/dash", "-c", "while :; do :; done"], env=ENV)
        typing.join()
    finally:
        os.close(master)
        os.close(slave)
    assert result.exit_code == 128 + 3
    result.kernel.check_baseline()
