"""Ways to break the kernel on purpose, to see the fuzzer notice: each replaces a piece of one function's source.

That takes functions that can be replaced, and so the pure build.
"""
# ruff: noqa: E402 -- the build is picked before anything of it is imported

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
import inspect
import re
import sys
from textwrap import dedent
from types import ModuleType

from procession import pick_pure

pick_pure("fuzz.breaks")

from fuzz import compare, runners, terminals
from fuzz.generator import Program
from fuzz.reduce import reduced
from procession.drivers.tty import n_tty_output, n_tty_receive, tty_jobctrl
from procession.fs import file
from procession.include.linux.bug import KernelBug
from procession.kernel import exit_pgrp, exit_wait, fork, signal, signal_notify, signal_queue, signal_send

# name -> (module, function, old, new)
BREAKS: dict[str, tuple[ModuleType, str, str, str]] = {
    "an orphaned group gets no SIGHUP": (
        exit_pgrp, "kill_orphaned_pgrp", "signal_send.kill_pgrp_info_locked(SIGHUP,", "(lambda *_: 0)(SIGHUP,"),
    "a group whose parent is in the session is orphaned, too": (
        exit_pgrp, "will_become_orphaned_pgrp", "return False", "continue"),
    "WNOWAIT reaps": (exit_wait, "wait_task_zombie", "if wo.wo_flags & WNOWAIT:", "if False:"),
    "WNOWAIT takes a stop": (exit_wait, "wait_task_stopped", "and not wo.wo_flags & WNOWAIT", ""),
    "SIGCONT leaves pending stops": (signal_send, "prepare_signal", "else SIG_KERNEL_STOP_MASK", "else 0"),
    "a stop leaves a pending SIGCONT": (signal_send, "prepare_signal", "gone = _SIGCONT_BIT if", "gone = 0 if"),
    "a standard signal is queued twice": (
        signal_send, "do_send_signal", "if sig < SIGRTMIN and pending.signal & bit:", "if False:"),
    "a blocked signal is dropped if it is ignored": (
        signal_queue, "sig_ignored", "if (t.blocked | t.real_blocked) >> (sig - 1) & 1:", "if False:"),
    "real-time signals come last in, first out": (
        signal_send, "do_send_signal", "pending.list.append(q)", "pending.list.insert(0, q)"),
    "exec keeps ignored signals no longer": (
        signal_queue, "_flushed", "ignored = ka.handler == SIG_IGN and not force_default", "ignored = False"),
    "exec keeps handlers as ignored": (
        signal_queue, "_flushed", "ignored = ka.handler == SIG_IGN and not", "ignored = ka.handler and not"),
    "close-on-exec is forgotten": (file, "do_close_on_exec", "while doomed:", "while False:"),
    "the highest signal comes first": (
        signal_queue, "next_signal", "(ready & -ready).bit_length()", "ready.bit_length()"),
    "SA_NOCLDWAIT does nothing": (signal_notify, "do_notify_parent", "elif ka.flags & SA_NOCLDWAIT:", "elif False:"),
    "an ignored SIGCHLD leaves zombies": (
        signal_notify, "do_notify_parent", "autoreap = True\n                sig = 0", "sig = 0"),
    "SA_NODEFER does nothing": (signal, "handle_signal", "if not ka.flags & SA_NODEFER:", "if True:"),
    "SA_RESTART does nothing": (signal, "handle_signal", "and ka.flags & SA_RESTART", "and False"),
    "sigsuspend's mask stays": (signal, "handle_signal", "current.saved_sigmask if", "blocked if"),
    "the parent's death signal is inherited": (
        fork, "dup_task_struct", "return orig.copy()",
        "p = orig.copy()\n    p.pdeath_signal = orig.pdeath_signal\n    return p"),
    "a continued child is reported for ever": (
        exit_wait, "wait_task_continued", "if not wo.wo_flags & WNOWAIT:", "if False:"),
    "SA_NOCLDSTOP does nothing": (signal_notify, "do_notify_parent_cldstop", "ka.flags & SA_NOCLDSTOP", "False"),
    "the background reads": (tty_jobctrl, "job_control", "raise _signal_own_pgrp(current, SIGTTIN)", "return"),
    "an orphaned reader reads": (
        tty_jobctrl, "job_control", "raise LinuxError(Errno.EIO,", "return print("),
    "an ignored SIGTTOU is no permission": (
        tty_jobctrl, "tty_check_change", "if is_ignored(current, SIGTTOU):\n        return",
        "if is_ignored(current, SIGTTOU):\n        raise LinuxError(Errno.EIO, 'broken')"),
    "the foreground outlives its session": (
        tty_jobctrl, "disassociate_ctty", "kill_tty_pgrp(pgrp, SIGHUP, int(on_exit))", "pass"),
    "a terminal given up continues nobody": (tty_jobctrl, "disassociate_ctty", "if not on_exit:", "if False:"),
    "a hangup is not told": (
        tty_jobctrl, "tty_signal_session_leader", "send_signal(SIGHUP", "send_signal(SIGWINCH"),
    "no terminal can be taken": (tty_jobctrl, "tiocsctty", "arg != 1 or", "True or"),
    "a foreground of another session": (
        tty_jobctrl, "session_of_pgrp", "pid.task_session(p)", "pid.task_session(p.real_parent)"),
}

# The same for terminals, which have their own programs.
TERMINAL_BREAKS: dict[str, tuple[ModuleType, str, str, str]] = {
    "an erased character is a byte": (n_tty_output, "is_continuation", "c & 0xC0 == 0x80", "False"),
    "a word erases the line": (n_tty_receive, "eraser", "elif seen_alnums:", "elif False:"),
    "a kill is not shown": (n_tty_receive, "eraser", "if lflag & ECHOK:", "if False:"),
    "a printed erasure has no end": (n_tty_receive, "_finish_erasing", "if n.erasing:", "if False:"),
    "an erased tab ignores ^X before it": (n_tty_receive, "_echo_erased_tab", "num_chars += 2", "num_chars += 1"),
    "the eighth bit is kept": (n_tty_receive, "_receive_char", "if iflag & ISTRIP:", "if False:"),
    "a mark is not doubled": (n_tty_receive, "_parmrk", "return 1 if", "return 0 if"),
    "any key starts the output": (n_tty_receive, "_receive_char", "and iflag & IXANY", ""),
    "literal next is for one key and the next": (
        n_tty_receive, "_receive_char", "n.lnext = False", "n.lnext = n.lnext and c < 32"),
    "EOL2 ends no line": (n_tty_receive, "_receive_line_end", "c == cc[VEOL2]", "False"),
    "a signal leaves the output stopped": (n_tty_receive, "_receive_signal", "if t.c_iflag & IXON:", "if False:"),
    "ONLCR keeps the column": (
        n_tty_output, "do_output_char", "n.canon_column = n.column = 0\n            write(", "write("),
    "ONOCR is for every column": (n_tty_output, "do_output_char", "and n.column == 0", ""),
    "backspace is a column": (n_tty_output, "do_output_char", "max(0, n.column - 1)", "n.column + 1"),
}


@contextmanager
def broken(name: str) -> Iterator[None]:
    """Break the kernel in this way for a while."""
    module, function, old, new = (BREAKS | TERMINAL_BREAKS)[name]
    original = getattr(module, function)
    source = dedent(inspect.getsource(original))
    if old not in source:
        raise LookupError(f"{function} has changed: {old!r} is not in it")
    namespace: dict[str, object] = {}
    exec(compile(source.replace(old, new), f"<{name}>", "exec"), vars(module), namespace)  # noqa: S102
    # Other modules may know it by its name.
    known = [m for n, m in sys.modules.items() if n.startswith("procession") and vars(m).get(function) is original]
    for user in known:
        setattr(user, function, namespace[function])
    if getattr(module, function).__code__.co_filename != f"<{name}>":
        raise LookupError(f"{function} is not broken: is this a compiled build?")
    try:
        yield
    finally:
        for user in known:
            setattr(user, function, original)


def file_name(name: str) -> str:
    """Name the file of the corpus that shows a break."""
    return "break_" + re.sub(r"\W+", "_", name) + ".txt"


def seen_by(name: str, programs: Sequence[Program], expected: Sequence[str]) -> list[bool]:
    """Run them in a kernel broken in this way; returns which of them show it."""
    try:
        with broken(name):
            got = runners.run_python(programs)
    except KernelBug:
        if len(programs) == 1:
            return [True]
        # Found, but by whom? Each for itself.
        return [seen_by(name, [program], [text])[0] for program, text in zip(programs, expected, strict=True)]
    return [a != b for a, b in zip(got, expected, strict=True)]


def seen_at_terminals(
    name: str, programs: Sequence[terminals.Program], expected: Sequence[str],
) -> list[bool]:
    """Run programs of terminals.py in a kernel broken in this way; returns which of them show it."""
    with broken(name):
        got = terminals.run_inside(programs)
    return [a != b for a, b in zip(got, expected, strict=True)]


def first_to_see(name: str, programs: Sequence[Program], expected: Sequence[str], step: int = 25) -> int | None:
    """Return how many programs it takes to see the break; None if none of them shows it."""
    for at in range(0, len(programs), step):
        some = slice(at, at + step)
        seen = seen_by(name, programs[some], expected[some])
        if True in seen:
            return at + seen.index(True) + 1
    return None


def smallest(name: str, program: Program) -> Program:
    """Reduce a program that shows the break."""
    return reduced(program, lambda variants: seen_by(name, variants, runners.run_python(variants)))


def main() -> None:
    """Try all of them: python -m fuzz.breaks CHUNK COUNT."""
    programs = compare.generate(int(sys.argv[1]), int(sys.argv[2]))
    expected = runners.run_python(programs)
    for name in BREAKS:
        needed = first_to_see(name, programs, expected)
        print(f"{name}: {needed}", flush=True)
        if needed is not None:
            print(smallest(name, programs[needed - 1]).text(), flush=True)
    keys = terminals.generate(int(sys.argv[1]))
    expected = terminals.run_inside(keys)
    for name in TERMINAL_BREAKS:
        print(f"{name}: {sum(seen_at_terminals(name, keys, expected))} of {len(keys)}", flush=True)


if __name__ == "__main__":
    main()
