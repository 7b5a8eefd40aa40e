"""A session in a real terminal multiplexer: what a person sees on the screen, and the terminal as it was afterwards."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time

import pytest
from tests.surroundings import PATH, need

SECONDS = 60


class Tmux:
    """One window of 80 x 24 with a plain shell of the host in it."""

    def __init__(self, name):
        self.base = [need("tmux"), "-L", name, "-f", "/dev/null"]
        self.tmux("new-session", "-d", "-x", "80", "-y", "24", "env PS1='host> ' /bin/sh -i")

    def tmux(self, *words):
        return subprocess.run([*self.base, *words], check=True, capture_output=True, text=True, timeout=20).stdout

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def line(self, text):
        self.tmux("send-keys", "-l", text)
        self.keys("Enter")

    @property
    def screen(self):
        return self.tmux("capture-pane", "-p")

    def wait(self, condition, what):
        """Look at the screen until it is as it should be."""
        end = time.monotonic() + SECONDS
        while not condition(self.screen):
            assert time.monotonic() < end, f"{what}:\n{self.screen}"
            time.sleep(0.1)

    def see(self, text, times=1):
        self.wait(lambda screen: screen.count(text) >= times, f"no {text!r}")

    def at_prompt(self, prompt):
        """The cursor stands behind a prompt on the last line that has text."""
        self.wait(lambda screen: screen.rstrip().endswith(prompt.rstrip()), f"not at {prompt!r}")

    def close(self):
        subprocess.run([*self.base, "kill-server"], check=False, capture_output=True)


@pytest.fixture
def window(tmp_path):
    made = Tmux(f"procession-{tmp_path.name}-{time.monotonic_ns()}")
    yield made
    made.close()


def start(window, tmp_path, *argv):
    """Note how the terminal is, and start a program inside."""
    window.line(f"cd {shlex.quote(str(tmp_path))}; stty -a > before; clear")
    window.at_prompt("host>")
    env = ["--env", "PS1=guest> ", "--env", f"PATH={PATH}"]
    run = [sys.executable, "-m", "procession.cli", "run", "-it", *env, "--", *argv]
    script = tmp_path / "start"
    script.write_text(f"echo $$ > pid; exec {shlex.join(run)}\n")
    window.line("sh start")
    window.at_prompt("guest>")


def unchanged(window, tmp_path):
    """Whether the terminal is as it was: modes by stty, the screen by what is echoed."""
    window.at_prompt("host>")
    window.line("stty -a > after; clear; echo vis''ible")     # the command itself must not look like its output
    window.see("visible\n")
    assert (tmp_path / "after").read_text() == (tmp_path / "before").read_text()


def test_a_person_at_work(window, tmp_path):
    """Jobs, an editor, a pager, and the end."""
    start(window, tmp_path, "bash", "--norc", "--noprofile")
    window.line("sleep 100")
    window.see("sleep 100")
    time.sleep(0.5)
    window.keys("C-z")
    window.see("Stopped")
    window.line("bg")
    window.see("sleep 100 &")
    window.line("jobs")
    window.see("Running")
    window.line("fg")
    time.sleep(0.5)
    window.keys("C-c")
    window.see("^C")
    window.at_prompt("guest>")

    window.line("clear; vim.tiny -nu NONE /tmp/poem")
    window.see("~\n", 15)
    window.keys("i")
    for number in range(1, 41):
        window.line(f"line {number}")
    window.keys("Escape")
    window.line(":wq")
    window.at_prompt("guest>")
    window.line("clear; wc -l < /tmp/poem")
    window.see("41\nguest>")

    window.line("less /tmp/poem")
    window.see("line 20\n")
    window.keys("G")
    window.see("line 40\n")
    window.keys("q")
    window.at_prompt("guest>")
    window.line("exit")
    unchanged(window, tmp_path)


def test_the_size_of_the_window(window, tmp_path):
    """It is handed on, and so is a change: SIGWINCH to who is in front."""
    start(window, tmp_path, "bash", "--norc", "--noprofile")
    window.line("stty size; trap 'echo resized: $(stty size)' WINCH")
    window.see("24 80")
    window.tmux("resize-window", "-x", "100", "-y", "30")
    window.line("")
    window.see("resized: 30 100")
    window.line("exit")
    window.at_prompt("host>")


@pytest.mark.parametrize("how", ["exit", "kill", "crash"])
def test_the_terminal_is_restored(window, tmp_path, how):
    """However the run ends."""
    start(window, tmp_path, "/bin/sh", "-i")
    if how == "exit":
        window.line("stty raw -echo; exit 3")
    elif how == "crash":
        window.line("kill -SEGV $$")
    else:
        subprocess.run(["kill", "-TERM", (tmp_path / "pid").read_text().strip()], check=True)
    unchanged(window, tmp_path)


def test_top_draws(window, tmp_path):
    """A full-screen program of the host, full screen."""
    need("top")
    start(window, tmp_path, "/bin/sh", "-i")
    window.line("top -d 1")
    window.see("PID USER")
    window.see("load average")
    window.keys("q")
    window.at_prompt("guest>")
    window.line("exit")
    unchanged(window, tmp_path)
