"""Labs of the kernel's history: what is broken shows as the lab says, what is mended shows nothing."""

from __future__ import annotations

from pathlib import Path
import re
import subprocess
import sys

import pytest
from tests import starter

from procession import Machine
from procession.kernel import pid, posix_timers
from procession.labs import LABS, Patch
from procession.labs.patch import patched

DOCS = Path(__file__).parents[1] / "docs" / "labs.md"
# What goes wrong, a piece of it.
WRONG = {
    "autoreap-traced": "its tracer was told nothing",
    "both-close": "nobody was left to write",
    "clear-tid-exec": "written into the new program's memory",
    "clone-parent": "killed root's service with signal 9",
    "cpu-timer-gone": "a process that is gone",
    "dirty-cow": "has written to root's file",
    "dumpable-2": "traces a program that it may not read",
    "exec-chown": "runs as root",
    "exec-id-wrap": "killed root's service with signal 9",
    "exec-itimer": "oopses",
    "exec-oom": "was not to blame",
    "exit-signal-setuid": "killed root's service with signal 9",
    "forged-sender": "lets it say",
    "fork-abort": "escaped its parent's SIGKILL",
    "fork-failed": "a bystander was killed",
    "fork-in-thread": "futex_wait_queue_me",
    "fork-restarts": "has made no child",
    "fork-unchecked": "paid 2 times",
    "futex-requeue-self": "leaves its stack in the tree",
    "kill-escape": "a thread lives on",
    "namespace-init": "outlived the namespace's init",
    "no-wait": "fails after 3 children",
    "nobody-closes": "pipe_wait",
    "orphan-unreapable": "zombie for ever",
    "pdeath-setuid": "has killed root's program",
    "pid-reuse": "given out again at once",
    "proc-mem": "runs attacker's code",
    "ptrace-self": "traces the leader",
    "restorer-exec": "0x7f00deadb000",
    "setregs-kill": "has not stopped",
    "setuid-nproc": "done by root",
    "sibling-signal": "killed root's service with signal 9",
    "signal-thread": "interrupted the other thread",
    "signalfd-epoll": "oopses",
    "sleep-under-lock": "sleeping function called from invalid context: holding: 'tasklist_lock'",
    "stale-reaper": "oopses",
    "start-time": "has begun before",
    "task-without-reference": "a task that was freed",
    "timer-signal-exec": "old program's timer",
    "vfork-signals": "deadlock",
    "vfork-unkillable": "does not end a parent",
    "wait-echild": "told that it has no child",
}


def test_each_lab_is_here():
    assert list(WRONG) == sorted(LABS)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_broken_is_found(name):
    lab = LABS[name]
    found = lab.search(broken=True)
    assert WRONG[name] in found.wrong
    assert found.schedules < 100
    # The token leads there again, and what goes wrong is in the drawing's head.
    outcome = lab.replay(found.token, broken=True)
    assert outcome.how in ("deadlock", "oops") or found.wrong in outcome.stdout.decode()
    assert found.text.startswith(found.wrong)
    assert found.text.rstrip().endswith(f"procession lab {name} --replay {found.token}")


@pytest.mark.parametrize("name", WRONG)
def test_what_is_mended_is_silent(name):
    found = LABS[name].search(broken=False, deviations=1)
    assert (found.wrong, bool(found.right), found.complete) == ("", True, True)


def test_a_kernel_is_as_before_when_a_lab_is_over():
    before = posix_timers._is_reaped.__code__
    with LABS["cpu-timer-gone"].kernel(broken=True):
        assert posix_timers._is_reaped.__code__ is not before
    assert posix_timers._is_reaped.__code__ is before
    with LABS["cpu-timer-gone"].kernel(broken=False):
        assert posix_timers._is_reaped.__code__ is before


@pytest.mark.parametrize(("where", "old", "why"), [
    ("kernel.pid:pid_nr", "no such line", "0 times"),
    ("kernel.pid:PIDTYPE_PID", "", "no function"),
])
def test_lines_that_are_not_there_are_told(where, old, why):
    with pytest.raises(LookupError, match=why), patched([Patch(where, old, "")]):
        pass


def test_several_changes_of_a_function_add_up():
    one, two = Patch("kernel.pid:pid_nr", "    return ", "    return 1 + "), Patch("kernel.pid:pid_nr", "1 + ", "2 + ")
    with patched([one, two]):
        assert pid.pid_nr(None) == 2


@pytest.mark.parametrize("name", ["exec-itimer", "exec-oom"])
def test_arguments_count_as_the_memory_of_who_executes(name):
    """Another thread's checks look while exec sleeps; and all is given back."""
    lab = LABS[name]
    result = Machine(programs=lab.programs, memory=lab.memory, check=True).run(lab.program)
    assert result.output.startswith("right: ")
    result.check_baseline()


def procession(*arguments):
    return starter.run("lab", *arguments, text=True, timeout=60)


def test_the_command_lists_them():
    listed = procession().stdout.splitlines()
    assert [line.split()[0] for line in listed] == list(LABS)
    assert all(lab.title in line for lab, line in zip(LABS.values(), listed, strict=True))


def test_the_command_runs_one():
    done = procession("setregs-kill", "--show")
    assert (done.returncode, done.stderr) == (0, "")
    assert "CVE-2013-0871" in done.stdout
    assert "\n-        return answer(current, child, request, addr, data)\n+" in done.stdout
    assert "\nasync def _registers(" in done.stdout
    assert re.search(r"^broken, in order \d+: the kernel oopses: ", done.stdout, re.MULTILINE)
    assert re.search(r"^fixed:  nothing was written .*, in all \d+ orders$", done.stdout, re.MULTILINE)
    token = done.stdout.partition("--replay ")[2].split()[0]
    again = procession("setregs-kill", "--replay", token)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "procession: oops\n")
    assert procession("setregs-kill", "--replay", token[:-5]).returncode == 2
    assert "fixed:" not in procession("restorer-exec", "--broken").stdout
    assert "broken" not in procession("restorer-exec", "--fixed").stdout


def test_the_command_changes_to_the_pure_build():
    code = (
        "import sys; from procession import _build; _build.running = _build.Build(by='mypyc')\n"
        "sys.argv = ['procession', 'lab', 'restorer-exec', '--fixed']\n"
        "from procession.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nfixed:  nothing is left of the old action" in done.stdout


def test_a_lab_that_is_none():
    done = procession("no-such")
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr == "procession: no lab no-such: `procession lab` lists them\n"


def test_the_page_has_each_lab():
    page = DOCS.read_text(encoding="utf-8")
    for lab in LABS.values():
        assert f"| `{lab.name}` | {lab.year or 'any'} | {lab.title} | {lab.source} | {lab.mended()} |" in page
