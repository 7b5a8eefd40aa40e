"""strace: the trace stream as lines laid out as strace -f prints them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from procession.arch.x86 import syscall_table
from procession.arch.x86.signal import UC_SIGMASK
from procession.boot import check_machine, check_out
from procession.include.linux.errno import MAX_ERRNO, STRERROR, Errno
from procession.include.linux.pid import PIDTYPE_PID
from procession.include.linux.sched import (
    CLONE_CHILD_CLEARTID,
    CLONE_CHILD_SETTID,
    CLONE_PARENT_SETTID,
    CLONE_SETTLS,
    fatal_signal_pending,
)
from procession.include.linux.signal import (
    SIG_DFL,
    SIG_IGN,
    SIG_KERNEL_IGNORE_MASK,
    SIG_KERNEL_STOP_MASK,
    SIGKILL,
    signame,
)
from procession.include.linux.syscalls import SYSCALLS, Syscall
from procession.include.trace.events import (
    SchedProcessExec,
    SchedProcessExit,
    SchedProcessFork,
    SignalDeliver,
    SignalGenerate,
    SysEnter,
    SysExit,
)
from procession.lib import string
from procession.tools import strace_args, strace_printers
from procession.tools.peek import peek as peek_memory
from procession.tools.strace_args import ABBREVIATED, Peek, pointer
from procession.tools.strace_filter import Filter
from procession.tools.strace_structs import BEFORE, Shown

if TYPE_CHECKING:
    from procession.boot import Machine, Result
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.trace.events import Event
    from procession.tools.tracefile import Out

__all__ = ("Strace",)

_COLUMN: Final = 40

_RESTARTS: Final = {
    512: "ERESTARTSYS (To be restarted if SA_RESTART is set)",
    513: "ERESTARTNOINTR (To be restarted)",
    514: "ERESTARTNOHAND (To be restarted if no handler)",
    516: "ERESTART_RESTARTBLOCK (Interrupted by signal)",
}
_NO_RETURN: Final = frozenset({"exit", "exit_group"})


@dataclass(eq=False, slots=True)
class _Pending:
    """A call that was entered and has not returned."""

    name: str
    call: Syscall | None
    shown: Shown
    rest_from: int  # index of the first argument printed at exit
    column: int  # characters on the line so far
    interrupted: bool = False  # somebody else's line came between


class Strace:
    """A listener that writes strace's lines to an open text file; raises OSError when the host cannot.

    to_file: prefix lines as with -o.  only: which calls and signals.  follow: children too.
    limit: how many bytes of a string are shown.
    """

    def __init__(
        self,
        machine: Machine,
        out: Out,
        *,
        follow: bool = True,
        only: Filter | None = None,
        to_file: bool = False,
        limit: int = ABBREVIATED,
    ) -> None:
        """Start listening."""
        check_machine("Strace", machine)
        check_out("Strace", out)
        self._kernel = kernel = machine.kernel
        self._out = out
        self._follow = follow
        self._only = only or Filter()
        self._to_file = to_file
        self._limit = limit
        self._pending: dict[int, _Pending] = {}
        self._open_pid: int | None = None  # whose unfinished line is last in the output
        self._started = False
        self._attached: dict[int, None] = {}
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

    def _on_end(self, how: Result | BaseException) -> None:
        if isinstance(how, BaseException):
            with suppress(OSError):  # perhaps this very file
                self._break()

    def _on_event(self, event: Event) -> None:
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

    # Lines.

    def _prefix(self, pid: int) -> str:
        if self._to_file:
            return f"{pid:<5} " if self._follow else ""
        return f"[pid {pid:5}] " if len(self._attached) > 1 else ""

    def _break(self) -> None:
        """End the line that another task's unfinished call has left open."""
        if self._open_pid is not None:
            self._pending[self._open_pid].interrupted = True
            self._out.write(" <unfinished ...>\n")
            self._open_pid = None

    def _line(self, pid: int, text: str) -> None:
        self._break()
        self._out.write(f"{self._prefix(pid)}{text}\n")

    # Tasks come and go.

    def _on_process_fork(self, event: SchedProcessFork) -> None:
        if not self._follow or event.parent_pid not in self._attached:
            return
        self._attached[event.child_pid] = None
        if not self._to_file:
            # In the middle of the parent's line, which goes on behind it.
            self._out.write(f"strace: Process {event.child_pid} attached\n")

    def _on_process_exec(self, event: SchedProcessExec) -> None:
        nr = event.pid
        if self._started:
            if nr != event.old_pid and event.old_pid in self._attached:
                self._superseded(nr, event.old_pid)
            return
        # The program itself is executed by init, without a system call: say it in the words of one.
        self._started = True
        self._attached[nr] = None
        if self._only.call is not None and not self._only.call("execve"):
            return
        program = self._kernel.init_program
        assert program is not None
        strings = [string.to_bytes(arg) for arg in program.argv[:ABBREVIATED]]
        argv = [strace_args.quote(text[: self._limit], cut=len(text) > self._limit) for text in strings]
        argv += ["..."] if len(program.argv) > ABBREVIATED else []
        task = self._task(nr)
        envp = _envp_address(self._kernel, task, len(program.argv))
        count = len(program.envp)
        text = (
            f"execve({strace_args.quote(string.to_bytes(event.filename))}, [{', '.join(argv)}], "
            f"{envp}/* {count} var{'s' if count != 1 else ''} */)"
        )
        self._line(nr, f"{text:<{_COLUMN - len(self._prefix(nr)) - 1}} = 0")

    def _superseded(self, nr: int, old_nr: int) -> None:
        """Thread old_nr has executed a program: it takes its leader's number, and the leader is gone."""
        call = self._pending.pop(old_nr, None)
        if self._open_pid == old_nr:
            self._out.write(" <unfinished ...>\n")
            self._open_pid = None
        self._out.write(f"{self._prefix(nr)}+++ superseded by execve in pid {old_nr} +++\n")
        self._pending.pop(nr, None)
        self._attached.pop(old_nr, None)
        self._attached[nr] = None
        if call is not None:
            call.interrupted = True
            self._pending[nr] = call

    def _on_process_exit(self, event: SchedProcessExit) -> None:
        nr, code = event.pid, event.exit_code
        if nr not in self._attached:
            return
        pending = self._pending.pop(nr, None)
        if pending is not None:
            if self._open_pid != nr:
                pending.interrupted = True
            self._abandoned(nr, pending)
        sig, text = self._fatal.pop(nr, (0, ""))
        if sig and sig == code & 0x7F:
            self._signal_line(nr, sig, text)
        if code & 0x7F:
            core = " (core dumped)" if code & 0x80 else ""
            self._line(nr, f"+++ killed by {signame(code & 0x7F)}{core} +++")
        else:
            self._line(nr, f"+++ exited with {code >> 8} +++")
        self._ignored.pop(nr, None)
        del self._attached[nr]

    # System calls.

    def _on_enter(self, event: SysEnter) -> None:
        pid, name = event.common_pid, event.name
        if pid not in self._attached or (self._only.call is not None and not self._only.call(name)):
            return
        call = SYSCALLS.get(name)
        params = call.params if call is not None else ()
        shown = Shown(event.args, params, self._peek(), self._limit)
        text, rest_from = self._at_entry(event.nr, name, call, shown)
        self._break()
        line = f"{self._prefix(pid)}{name}({text}"
        self._out.write(line)
        self._pending[pid] = _Pending(name, call, shown, rest_from, len(line))
        self._open_pid = pid
        if name in _NO_RETURN:
            self._finish(pid, self._pending.pop(pid), ")", "?")

    def _on_exit(self, event: SysExit) -> None:
        pid, ret = event.common_pid, event.ret
        pending = self._pending.pop(pid, None)
        if pending is not None and -ret in _RESTARTS and fatal_signal_pending(self._kernel.current):
            self._abandoned(pid, pending)
        elif pending is not None:
            shown = pending.shown
            shown.ret = ret - (1 << 64) if ret >> 63 > 0 else ret
            shown.peek = self._peek()
            rest = ""
            if _is_clone(pending.call):
                rest = _clone_rest(shown)
            elif pending.call is not None:
                rest = _join(shown, pending.rest_from, len(shown.params))[0]
            self._finish(pid, pending, rest + ")", _result(pending.call, shown))
        for text in self._ignored.pop(pid, ()):
            self._line(pid, text)

    def _finish(self, pid: int, pending: _Pending, rest: str, result: str) -> None:
        if pending.interrupted:
            self._break()
            head = f"{self._prefix(pid)}<... {pending.name} resumed>"
            self._out.write(head)
            pending.column = len(head)
        self._open_pid = None
        self._out.write(rest + " " * max(1, _COLUMN - pending.column - len(rest)) + f"= {result}\n")

    def _abandoned(self, pid: int, pending: _Pending) -> None:
        """End the line of a call that its task did not live to see the end of."""
        unfinished = pending.call is not None and pending.rest_from < len(pending.call.params)
        self._finish(pid, pending, " <unfinished ...>)" if unfinished else ")", "?")

    def _at_entry(self, nr: int, name: str, call: Syscall | None, shown: Shown) -> tuple[str, int]:
        """Return the text of the arguments before the first that the call fills in, and which that is."""
        if call is None:
            return ", ".join(hex(arg) if arg else "0" for arg in shown.args[: _count(nr)]), 0
        params = call.params
        if name == "rt_sigreturn":
            return self._signal_frame(shown.peek), 0
        if _is_clone(call):
            return f"child_stack={pointer(shown.args[1])}, flags={strace_printers.argument(shown, 0)}", len(params)
        for at, param in enumerate(params):
            if param.arg.kind in BEFORE:
                shown.before[at] = shown.read_int(shown.args[at], BEFORE[param.arg.kind])
        stop = next((at for at, param in enumerate(params) if param.arg.out), len(params))
        text, anything = _join(shown, 0, stop)
        more = stop < len(params) and strace_printers.argument(shown, stop) is not None
        return text + (", " if anything and more else ""), stop

    def _signal_frame(self, peek: Peek) -> str:
        sp = self._kernel.current.thread.user_sp()
        raw = peek(sp, UC_SIGMASK, 8) if sp else None
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
            elif self._only.signal is None or self._only.signal(signame(sig)):
                self._ignored.setdefault(target, []).append(text)
        elif handler == SIG_DFL and sig != SIGKILL:
            self._fatal.setdefault(target, (sig, text))

    def _signal_line(self, pid: int, sig: int, text: str) -> None:
        if self._only.signal is None or self._only.signal(signame(sig)):
            self._line(pid, text)

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


def _join(shown: Shown, start: int, stop: int) -> tuple[str, bool]:
    """Return the text of some arguments, and whether there is any."""
    texts = [strace_printers.argument(shown, at) for at in range(start, stop)]
    present = [text for text in texts if text is not None]
    return ", ".join(present), bool(present)


def _is_clone(call: Syscall | None) -> bool:
    """Whether it is the call whose arguments strace prints by name, the stack before the flags."""
    return call is not None and bool(call.params) and call.params[0].arg.kind == "clone_flags"


def _clone_rest(shown: Shown) -> str:
    """Those of clone(2)'s other arguments that its flags give a meaning."""
    flags, _stack, parent_tid, child_tid, tls = shown.args
    out = ""
    if flags & CLONE_PARENT_SETTID:
        out += f", parent_tid={pointer(parent_tid) if shown.failed else strace_printers.PRINTERS['int *'](shown, 2)}"
    if flags & CLONE_SETTLS:
        out += f", tls={pointer(tls)}"
    if flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID):
        out += f", child_tidptr={pointer(child_tid)}"
    return out


def _envp_address(k: Kernel, task: Task | None, argc: int) -> str:
    """Where the environment's pointers are; a Python program has none."""
    sp = task.thread.user_sp() if task is not None else 0
    return f"{pointer(sp + 8 * (argc + 2))} " if sp else ""


def _result(call: Syscall | None, shown: Shown) -> str:
    ret = shown.ret or 0
    if not -MAX_ERRNO <= ret < 0:
        return str(ret) if call is None else strace_printers.result(shown, call.result)
    if -ret in _RESTARTS:
        return f"? {_RESTARTS[-ret]}"
    try:
        return f"-1 {Errno(-ret).name} ({STRERROR[-ret]})"
    except (ValueError, KeyError):
        return f"-1 (errno {-ret})"
