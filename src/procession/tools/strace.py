"""strace: the trace stream as lines laid out as strace -f prints them."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from procession.arch.x86 import syscall_table
from procession.arch.x86.signal import UC_SIGMASK
from procession.boot import check_machine, check_out
from procession.include.linux.errno import MAX_ERRNO, STRERROR, Errno
from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.pid import PIDTYPE_PID
from procession.include.linux.sched import fatal_signal_pending
from procession.include.linux.signal import (
    SIG_DFL,
    SIG_IGN,
    SIG_KERNEL_IGNORE_MASK,
    SIG_KERNEL_STOP_MASK,
    SIGKILL,
    signame,
)
from procession.include.linux.syscalls import Syscall, find_syscall
from procession.include.trace.events import (
    SchedProcessExec,
    SchedProcessExit,
    SchedProcessFork,
    SignalDeliver,
    SignalGenerate,
    SysEnter,
    SysExit,
)
from procession.kernel import sched
from procession.lib import string
from procession.tools import strace_args, strace_printers
from procession.tools.peek import peek as peek_memory
from procession.tools.strace_args import Peek, Style, hexadecimal, pointer
from procession.tools.strace_fds import Paths, describe, dumped
from procession.tools.strace_filter import STATUSES
from procession.tools.strace_lines import EXECVE, Lines, Options, fraction
from procession.tools.strace_printers import clone_rest, is_clone, join, raw_arguments
from procession.tools.strace_structs import BEFORE, Shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from procession.boot import Machine, Result
    from procession.include.linux.sched import Task
    from procession.include.trace.events import Event
    from procession.tools.tracefile import Out

__all__ = ("Strace",)

_RESTARTS: Final = {
    512: "ERESTARTSYS (To be restarted if SA_RESTART is set)",
    513: "ERESTARTNOINTR (To be restarted)",
    514: "ERESTARTNOHAND (To be restarted if no handler)",
    516: "ERESTART_RESTARTBLOCK (Interrupted by signal)",
}
_NO_RETURN: Final = frozenset({"exit", "exit_group"})


@dataclass(eq=False, slots=True)
class _Pending:
    """A call that was entered and has not returned.

    column: characters on the line so far.  rest_from: the first argument printed at exit.  staged: its line, as long
    as it is not known whether it will be shown, else None.  enter_ns, cpu_ns: the time, and that of its CPU, at entry.
    """

    name: str
    call: Syscall | None
    shown: Shown
    rest_from: int
    column: int
    staged: str | None
    enter_ns: int
    cpu_ns: int


class Strace:
    """A listener that writes strace's lines to an open text file; raises OSError when the host cannot.

    options: what is shown, and how; as strace -f shows it if nothing is said.
    """

    def __init__(self, machine: Machine, out: Out, options: Options | None = None) -> None:
        """Start listening."""
        check_machine("Strace", machine)
        check_out("Strace", out)
        self._kernel = kernel = machine.kernel
        self._options = options = options or Options()
        self._only = options.only
        self._lines = Lines(kernel, out, options)
        self._attached = self._lines.attached
        self._styles: dict[str, Style] = {}
        self._pending: dict[int, _Pending] = {}
        # Codes of those that have ended before other threads: wait(2) does not tell of them yet.
        self._leaders: dict[int, int] = {}
        self._started = False
        self._paths = Paths(options.paths) if options.paths else None
        self._awaited = dict.fromkeys(sorted(options.pids))
        self._ignored: dict[int, list[str]] = {}
        self._fatal: dict[int, tuple[int, str]] = {}  # signals that kill without being delivered
        kernel.trace.subscribe(
            self._on_event,
            "sys_enter",
            "sys_exit",
            "signal_deliver",
            "signal_generate",
            "sched_process_exit",
            "sched_process_fork",
            "sched_process_exec",
            vital=True,
        )
        machine.at_end.append(self._on_end)

    @property
    def awaited(self) -> list[int]:
        """The processes that were to be traced and have not been there."""
        return list(self._awaited)

    def _on_end(self, how: Result | BaseException) -> None:
        with suppress(OSError) if isinstance(how, BaseException) else nullcontext():  # perhaps this very file
            self._lines.stop()
            if self._options.summary is not None:
                self._lines.write(self._options.summary.text())

    def _on_event(self, event: Event) -> None:
        self._lines.now_ns = event.time_ns
        if isinstance(event, SysEnter):
            self._on_enter(event)
        elif isinstance(event, SysExit):
            self._on_exit(event)
        elif isinstance(event, SignalDeliver):
            self._on_deliver(event)
        elif isinstance(event, SignalGenerate):
            self._on_generate(event)
        elif isinstance(event, SchedProcessExit):
            self._on_process_exit(event)
        elif isinstance(event, SchedProcessFork):
            self._on_process_fork(event)
        elif isinstance(event, SchedProcessExec):
            self._on_process_exec(event)

    # Tasks come and go.

    def _attach(self, nr: int) -> None:
        self._awaited.pop(nr, None)
        self._attached[nr] = None
        if "attach" not in self._only.quiet:
            self._lines.message(f"Process {nr} attached")

    def _on_process_fork(self, event: SchedProcessFork) -> None:
        follows = self._options.follow and event.parent_pid in self._attached
        if follows or event.child_pid in self._awaited:
            self._attach(event.child_pid)

    def _on_process_exec(self, event: SchedProcessExec) -> None:
        nr = event.pid
        if self._started:
            if nr != event.old_pid and event.old_pid in self._attached:
                self._superseded(nr, event.old_pid)
            return
        # The program itself is executed by init, without a system call: say it in the words of one.
        self._started = True
        task = self._task(nr)
        if self._paths is not None:
            for name, path in self._paths.settle(task):
                if "path-resolution" not in self._only.quiet:
                    self._lines.message(f'Requested path "{name}" resolved into "{path}"')
        if nr in self._awaited:
            self._attach(nr)
        elif self._options.pids:
            return
        self._attached[nr] = None
        if self._only.call is None or self._only.call("execve"):
            self._first_execve(nr, event.filename, task)

    def _first_execve(self, nr: int, filename: str, task: Task | None) -> None:
        options = self._options
        if self._paths is not None and not self._paths.has(filename):
            return
        if options.summary is not None:
            options.summary.add("execve", 0, failed=False)
        if options.counts_only or "successful" not in self._only.status:
            return
        program = self._kernel.init_program
        assert program is not None
        style = self._style("execve")
        name = strace_args.quote(string.to_bytes(filename), hexed=style.hexed)
        text = f"execve({name}, {_vectors(task, program.argv, program.envp, style)})"
        text = f"{self._lines.lead(nr, task, EXECVE)}{text}"
        spent = "" if options.spent is None else f" <{fraction(0, options.spent)}>"
        self._lines.begin(nr, f"{text:<{max(options.column - 1, 0)}} = 0{spent}\n")
        self._lines.end(nr, "")

    def _superseded(self, nr: int, old_nr: int) -> None:
        """Thread old_nr has executed a program: it takes its leader's number, and the leader is gone."""
        call = self._pending.pop(old_nr, None)
        if self._lines.is_open(old_nr):
            self._lines.interrupt(old_nr)
        if "thread-execve" not in self._only.quiet:
            self._lines.line(nr, f"+++ superseded by execve in pid {old_nr} +++")
        self._pending.pop(nr, None)
        self._lines.forget(old_nr)
        self._leaders.pop(nr, None)
        self._attached[nr] = None
        if call is not None:
            self._pending[nr] = call

    def _on_process_exit(self, event: SchedProcessExit) -> None:
        nr, others = event.pid, self._kernel.current.signal.live
        if nr in self._attached:
            pending = self._pending.pop(nr, None)
            if pending is not None:
                self._abandoned(nr, pending)
            if nr == event.tgid and others:
                self._leaders[nr] = event.exit_code
            else:
                self._gone(nr, event.exit_code)
        if not others and event.tgid in self._leaders:
            self._gone(event.tgid, self._leaders.pop(event.tgid))

    def _gone(self, nr: int, code: int) -> None:
        sig, text = self._fatal.pop(nr, (0, ""))
        if sig and sig == code & 0x7F:
            self._signal_line(nr, sig, text)
        if "exit" not in self._only.quiet and not self._options.counts_only:
            core = " (core dumped)" if code & 0x80 else ""
            how = f"killed by {signame(code & 0x7F)}{core}" if code & 0x7F else f"exited with {code >> 8}"
            self._lines.line(nr, f"+++ {how} +++")
        self._ignored.pop(nr, None)
        self._lines.forget(nr)

    # System calls.

    def _style(self, name: str) -> Style:
        """Return how a call is shown."""
        style = self._styles.get(name)
        if style is None:
            only, options = self._only, self._options
            abbrev = only.abbrev is None or only.abbrev(name)
            verbose = only.verbose is None or only.verbose(name)
            raw = only.raw is not None and only.raw(name)
            style = self._styles[name] = Style(options.limit, options.hexed, abbrev, verbose, raw)
        return style

    def _on_enter(self, event: SysEnter) -> None:
        pid, name = event.common_pid, event.name
        if pid not in self._attached or (self._only.call is not None and not self._only.call(name)):
            return
        call = find_syscall(name, self._kernel.syscalls)
        params = call.params if call is not None else ()
        task = self._kernel.current
        shown = Shown(event.args, params, self._peek(), self._style(name), descriptor=self._descriptor)
        if self._paths is not None and not self._paths.concern(shown, task):
            return
        pending = _Pending(name, call, shown, 0, 0, None, event.time_ns, sched.task_sched_runtime(task))
        if not self._options.counts_only:
            text, pending.rest_from = self._at_entry(event.nr, name, call, shown)
            line = f"{self._lines.lead(pid, task, event.nr)}{name}({text}"
            pending.column = len(line)
            if self._only.status != STATUSES:
                pending.staged = line
            else:
                self._lines.begin(pid, line)
        self._pending[pid] = pending
        if name in _NO_RETURN:
            self._finish(pid, self._pending.pop(pid), ")", "?")

    def _on_exit(self, event: SysExit) -> None:
        pid, ret = event.common_pid, event.ret
        pending = self._pending.pop(pid, None)
        # Who has SIGKILL to take does not stop for a tracer. Nobody had it for another signal, if traced.
        killed = fatal_signal_pending(self._kernel.current) and (-ret in _RESTARTS or pid not in self._fatal)
        if pending is not None and killed:
            self._abandoned(pid, pending)
        elif pending is not None:
            shown = pending.shown
            shown.ret = ret - (1 << 64) if ret >> 63 > 0 else ret
            shown.peek = self._peek()
            self._returned(pid, pending, event.time_ns)
        for text in self._ignored.pop(pid, ()):
            self._lines.line(pid, text, self._kernel.current)

    def _returned(self, pid: int, pending: _Pending, now_ns: int) -> None:
        """Print and count a call that has come back."""
        shown, call, options = pending.shown, pending.call, self._options
        if self._paths is not None and call is not None and call.result.kind == "descriptor" and not shown.failed:
            self._paths.learn(shown, self._kernel.current)
        if options.summary is not None:
            ns = now_ns - pending.enter_ns
            if not options.wall:
                ns = sched.task_sched_runtime(self._kernel.current) - pending.cpu_ns
            options.summary.add(pending.name, ns, failed=shown.failed)
        if options.counts_only:
            return
        rest = ""
        if shown.style.raw or call is None:
            pass
        elif is_clone(call):
            rest = clone_rest(shown)
        else:
            rest = join(shown, pending.rest_from, len(shown.params))[0]
        result = _result(call, shown)
        if options.spent is not None:
            result += f" <{fraction(now_ns - pending.enter_ns, options.spent)}>"
        self._finish(pid, pending, rest + ")", result, "failed" if shown.failed else "successful")

    def _finish(self, pid: int, pending: _Pending, rest: str, result: str, status: str = "unfinished") -> None:
        """Print the rest of a call's line, or all of it if it had to be known first how the call ends."""
        if self._options.counts_only:
            return
        head = ""
        if pending.staged is not None:
            if status not in self._only.status:
                return
            self._lines.interrupt(pid)
            head = pending.staged
        elif not self._lines.is_open(pid):
            self._lines.interrupt(pid)
            head = f"{self._lines.lead(pid, self._kernel.current)}<... {pending.name} resumed>"
            pending.column = len(head)
        blanks = " " * max(1, self._options.column - pending.column - len(rest))
        self._lines.end(pid, f"{head}{rest}{blanks}= {result}\n{self._dumps(pending.shown)}")

    def _dumps(self, shown: Shown) -> str:
        """Return the dump of a call's data, if it is wanted."""
        fd = shown.args[0] if shown.args else -1
        if not isinstance(fd, int):
            return ""
        text = dumped(shown, out=True) if self._only.read is not None and self._only.read(fd) else ""
        return text + (dumped(shown, out=False) if self._only.write is not None and self._only.write(fd) else "")

    def _abandoned(self, pid: int, pending: _Pending) -> None:
        """End the line of a call that its task did not live to see the end of."""
        unfinished = pending.call is not None and pending.rest_from < len(pending.call.params)
        self._finish(pid, pending, " <unfinished ...>)" if unfinished else ")", "?")

    def _at_entry(self, nr: int, name: str, call: Syscall | None, shown: Shown) -> tuple[str, int]:
        """Return the text of the arguments before the first that the call fills in, and which that is."""
        if call is None:
            return ", ".join(hex(arg) if arg else "0" for arg in shown.args[: _count(nr)]), 0
        params = call.params
        if shown.style.raw:
            return raw_arguments(shown), len(params)
        if name == "rt_sigreturn":
            return self._signal_frame(shown), 0
        if is_clone(call):
            return f"child_stack={pointer(shown.args[1])}, flags={strace_printers.argument(shown, 0)}", len(params)
        for at, param in enumerate(params):
            if param.arg.kind in BEFORE:
                shown.before[at] = shown.read_int(shown.args[at], BEFORE[param.arg.kind])
        stop = next((at for at, param in enumerate(params) if param.arg.out), len(params))
        text, anything = join(shown, 0, stop)
        more = stop < len(params) and strace_printers.argument(shown, stop) is not None
        return text + (", " if anything and more else ""), stop

    def _signal_frame(self, shown: Shown) -> str:
        sp = self._kernel.current.thread.user_sp()
        if sp and not shown.style.verbose:
            return f"{{mask={pointer(sp + UC_SIGMASK)}}}"
        raw = shown.peek(sp, UC_SIGMASK, 8) if sp else None
        return f"{{mask={strace_args.sigset(int.from_bytes(raw, 'little'))}}}" if raw else ""

    # Signals.

    def _on_deliver(self, event: SignalDeliver) -> None:
        pid, sig = event.common_pid, event.sig
        # No tracer sees SIGKILL before it has done its work.
        if pid not in self._attached or sig == SIGKILL:
            return
        self._fatal.pop(pid, None)
        self._signal_line(pid, sig, _signal_text(event))
        if event.sa_handler == SIG_DFL and SIG_KERNEL_STOP_MASK >> (sig - 1) & 1:
            self._signal_line(pid, sig, f"--- stopped by {signame(sig)} ---")

    def _on_generate(self, event: SignalGenerate) -> None:
        target, sig = event.pid, event.sig
        handler = self._handler(target, sig) if target in self._attached else None
        if handler is None:
            return
        text = _signal_text(event)
        if handler == SIG_IGN or (handler == SIG_DFL and SIG_KERNEL_IGNORE_MASK >> (sig - 1) & 1):
            # A traced process would be stopped for a signal even if it ignores it; here it never comes to a delivery.
            if target not in self._pending:
                self._signal_line(target, sig, text)
            elif self._shows(sig):
                self._ignored.setdefault(target, []).append(text)
        elif handler == SIG_DFL and sig != SIGKILL:
            self._fatal.setdefault(target, (sig, text))

    def _shows(self, sig: int) -> bool:
        return not self._options.counts_only and (self._only.signal is None or self._only.signal(signame(sig)))

    def _signal_line(self, pid: int, sig: int, text: str) -> None:
        if self._shows(sig):
            self._lines.line(pid, text, self._task(pid))

    def _handler(self, nr: int, sig: int) -> int | None:
        """Return what task nr does on sig, None if it has blocked it."""
        p = self._task(nr)
        if p is None or p.sighand is None or p.blocked >> (sig - 1) & 1:
            return None
        return p.sighand.action[sig - 1].handler

    # The machine.

    def _task(self, nr: int) -> Task | None:
        found = self._kernel.init_pid_ns.pids.get(nr)
        users = found.tasks[PIDTYPE_PID] if found is not None else None
        return next(reversed(users)) if users else None

    def _descriptor(self, fd: int) -> str:
        return describe(self._kernel.current, fd, self._only.decode, self._options.hexed)

    def _peek(self) -> Peek:
        k = self._kernel
        mm = k.current.mm

        def peek(ptr: Any, offset: int, size: int) -> bytes | None:
            if not isinstance(ptr, int):
                have = len(ptr)
                return ptr.load(offset, min(size, have - offset)) if 0 <= offset < have else None
            address = ptr + offset
            if mm is None or not 0 <= address < 1 << 47:
                return None
            return peek_memory(k, mm, address, size)

        return peek


def _signal_text(event: SignalDeliver | SignalGenerate) -> str:
    info = strace_args.siginfo(
        event.sig,
        event.code,
        event.si_pid,
        event.si_uid,
        event.si_status,
        event.si_utime,
        event.si_stime,
        event.si_addr,
        event.si_value,
        event.si_timerid,
        event.si_overrun,
    )
    return f"--- {signame(event.sig)} {info} ---"


def _count(nr: int) -> int:
    """How many arguments a call without a declaration has, as far as is known."""
    later = syscall_table.LATER_CALLS.get(nr)
    return later[1] if later is not None else 6


def _vectors(task: Task | None, argv: Sequence[str], envp: Sequence[str], style: Style) -> str:
    """Return the first program's arguments and environment; a Python program has no address for them."""
    sp = task.thread.user_sp() if task is not None else 0
    if not style.verbose or style.raw:
        return f"{pointer(sp + 8)}, {pointer(sp + 8 * (len(argv) + 2))}"
    if not style.abbrev:
        return f"{_strings(argv, style)}, {_strings(envp, style)}"
    count = len(envp)
    address = f"{pointer(sp + 8 * (len(argv) + 2))} " if sp else ""
    return f"{_strings(argv, style)}, {address}/* {count} var{'s' if count != 1 else ''} */"


def _strings(texts: Sequence[str], style: Style) -> str:
    shown = texts[: style.limit] if style.abbrev else texts
    out = [
        strace_args.quote(text[: style.limit], cut=len(text) > style.limit, hexed=style.hexed)
        for text in map(string.to_bytes, shown)
    ]
    return "[" + ", ".join(out + (["..."] if len(shown) < len(texts) else [])) + "]"


def _result(call: Syscall | None, shown: Shown) -> str:
    ret = shown.ret or 0
    if not -MAX_ERRNO <= ret < 0:
        if shown.style.raw:
            return hexadecimal(ret & ULONG_MAX)
        return str(ret) if call is None else strace_printers.result(shown, call.result)
    if -ret in _RESTARTS:
        return f"? {_RESTARTS[-ret]}"
    try:
        return f"-1 {Errno(-ret).name} ({STRERROR[-ret]})"
    except (ValueError, KeyError):
        return f"-1 (errno {-ret})"
