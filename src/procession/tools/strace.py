"""strace: the trace stream as lines laid out as strace -f prints them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from procession.include.linux.errno import STRERROR, Errno
from procession.include.linux.signal import SIG_IGN, SIG_KERNEL_IGNORE_MASK, Sig, signame
from procession.include.linux.syscalls import SYSCALLS, Syscall
from procession.tools import strace_args
from procession.tools.peek import peek as peek_memory
from procession.tools.strace_args import CALLS, LATER_CALLS, PRINTERS, Peek, flag_names, pointer

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.types import Arg
    from procession.include.trace.events import Event

__all__ = ("CLASSES", "Strace", "parse_filter")

_COLUMN = 40

# Sets of calls for -e trace=%class, as in strace(1).
CLASSES = {
    "process": frozenset({
        "fork", "vfork", "clone", "execve", "exit", "exit_group", "wait4", "waitid", "kill", "tkill", "tgkill",
        "rt_sigqueueinfo", "rt_tgsigqueueinfo",
    }),
    "signal": frozenset({
        "kill", "tkill", "tgkill", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigsuspend",
        "rt_sigtimedwait", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "sigaltstack", "pause", "signalfd", "signalfd4",
    }),
    "memory": frozenset({
        "brk", "mmap", "munmap", "mprotect", "mremap", "madvise", "msync", "mlock", "munlock", "mlockall", "munlockall",
        "mincore", "remap_file_pages",
    }),
}

_RESTARTS = {
    512: "ERESTARTSYS (To be restarted if SA_RESTART is set)",
    513: "ERESTARTNOINTR (To be restarted)",
    514: "ERESTARTNOHAND (To be restarted if no handler)",
    516: "ERESTART_RESTARTBLOCK (Interrupted by signal)",
}
_HEX_RESULT = frozenset({"mmap", "brk", "mremap"})
_NO_RETURN = frozenset({"exit", "exit_group"})


def parse_filter(expression: str) -> Callable[[str], bool]:
    """Return a test of call names for the argument of -e: trace=a,b,%class or trace=!a; raises ValueError."""
    what, _, names = expression.rpartition("=")
    if what not in ("", "trace", "t"):
        raise ValueError(f"-e {expression}: only trace=… is known")
    negate = names.startswith("!")
    chosen: set[str] = set()
    for name in filter(None, names.removeprefix("!").split(",")):
        if name in ("all", "none"):
            chosen |= set(SYSCALLS) if name == "all" else set()
        elif name.removeprefix("%") in CLASSES:
            chosen |= CLASSES[name.removeprefix("%")]
        elif name.startswith("/") or name not in SYSCALLS:
            raise ValueError(f"-e {expression}: no system call or class {name!r}")
        else:
            chosen.add(name)
    return lambda name: (name in chosen) != negate


@dataclass(eq=False, slots=True)
class _Pending:
    """A call that was entered and has not returned."""

    name: str
    call: Syscall | None
    args: tuple[Any, ...]
    rest_from: int              # index of the first argument printed at exit
    column: int                 # characters on the line so far
    interrupted: bool = False   # somebody else's line came between


class Strace:
    """A listener that writes strace's lines to an open text file; raises OSError when the host cannot.

    to_file: prefix lines as with -o.  only: test of a call's name.  follow: children too.
    """

    def __init__(
        self,
        kernel: Kernel,
        out: IO[str],
        *,
        follow: bool = True,
        only: Callable[[str], bool] | None = None,
        to_file: bool = False,
    ) -> None:
        """Start listening."""
        self._kernel = kernel
        self._out = out
        self._follow = follow
        self._only = only
        self._to_file = to_file
        self._pending: dict[int, _Pending] = {}
        self._open_pid: int | None = None       # whose unfinished line is last in the output
        self._started = False
        self._attached: dict[int, None] = {}
        self._ignored: dict[int, list[str]] = {}
        kernel.trace.subscribe(
            self._on_event, "sys_enter", "sys_exit", "signal_deliver", "signal_generate", "sched_process_exit",
            "sched_process_fork", "sched_process_exec",
        )

    def _on_event(self, event: Event) -> None:
        _now, _cpu, pid, _comm, name, *fields = event
        getattr(self, f"_{name}")(pid, *fields)

    # Lines.

    def _prefix(self, pid: int) -> str:
        if self._to_file:
            return f"{pid:<5} " if self._follow else ""
        return f"[pid {pid:5}] " if len(self._attached) > 1 else ""

    def _break(self, pid: int) -> None:
        """End the line that another task's unfinished call has left open."""
        if self._open_pid is not None:
            self._pending[self._open_pid].interrupted = True
            self._out.write(" <unfinished ...>\n")
            self._open_pid = None

    def _line(self, pid: int, text: str) -> None:
        self._break(pid)
        self._out.write(f"{self._prefix(pid)}{text}\n")

    # Events.

    def _sched_process_fork(self, pid: int, _pcomm: str, parent: int, _ccomm: str, child: int) -> None:
        if not self._follow or parent not in self._attached:
            return
        self._attached[child] = None
        if not self._to_file:
            self._break(pid)
            self._out.write(f"strace: Process {child} attached\n")

    def _sched_process_exec(self, pid: int, filename: str, nr: int, old_nr: int) -> None:
        if self._started:
            return
        # The program itself is executed by init, without a system call: say it in the words of one.
        self._started = True
        self._attached[pid] = None
        if self._only is not None and not self._only("execve"):
            return
        program = self._kernel.init_program
        argv = ", ".join(strace_args.quote(arg.encode(errors="surrogateescape")) for arg in program.argv)
        count = len(program.envp)
        text = f"execve({strace_args.quote(filename.encode())}, [{argv}], /* {count} var{'s' if count != 1 else ''} */)"
        self._line(pid, f"{text:<{_COLUMN - len(self._prefix(pid)) - 1}} = 0")

    def _sys_enter(self, pid: int, nr: int, name: str, args: tuple[Any, ...]) -> None:
        if pid not in self._attached or (self._only is not None and not self._only(name)):
            return
        call = SYSCALLS.get(name)
        name = LATER_CALLS.get(nr, name)
        shown, rest_from = self._arguments(call, name, args, 0, at_exit=False)
        self._break(pid)
        text = f"{self._prefix(pid)}{name}({shown}"
        self._out.write(text)
        self._pending[pid] = _Pending(name, call, args, rest_from, len(text))
        self._open_pid = pid
        if name in _NO_RETURN:
            self._finish(pid, self._pending.pop(pid), ")", "?")

    def _sys_exit(self, pid: int, nr: int, name: str, ret: int) -> None:
        pending = self._pending.pop(pid, None)
        if pending is not None:
            failed = -4096 < ret < 0
            rest, _ = self._arguments(
                pending.call, name, pending.args, pending.rest_from, at_exit=True, ret=ret, failed=failed,
            )
            self._finish(pid, pending, rest + ")", _result(pending.name, ret))
        for text in self._ignored.pop(pid, ()):
            self._line(pid, text)

    def _finish(self, pid: int, pending: _Pending, rest: str, result: str) -> None:
        if pending.interrupted:
            self._break(pid)
            head = f"{self._prefix(pid)}<... {pending.name} resumed>"
            self._out.write(head)
            pending.column = len(head)
        self._open_pid = None
        self._out.write(rest + " " * max(1, _COLUMN - pending.column - len(rest)) + f"= {result}\n")

    def _signal_deliver(
        self, pid: int, sig: int, _errno: int, code: int, _handler: int, _flags: int, *info: int,
    ) -> None:
        # No tracer sees SIGKILL before it has done its work.
        if pid in self._attached and sig != Sig.SIGKILL:
            self._line(pid, f"--- {signame(sig)} {strace_args.siginfo(sig, code, *info)} ---")

    def _signal_generate(self, pid: int, sig: int, _errno: int, code: int, _comm: str, target: int, *info: int) -> None:
        # A traced process would be stopped for a signal even if it ignores it; here it never comes to a delivery.
        if target not in self._attached or not self._ignores(target, sig):
            return
        text = f"--- {signame(sig)} {strace_args.siginfo(sig, code, *info)} ---"
        if target in self._pending:
            self._ignored.setdefault(target, []).append(text)
        else:
            self._line(target, text)

    def _ignores(self, nr: int, sig: int) -> bool:
        p = self._task(nr)
        if p is None or p.sighand is None or p.blocked >> (sig - 1) & 1:
            return False
        handler = p.sighand.action[sig - 1].handler
        return handler == SIG_IGN or (handler == 0 and bool(SIG_KERNEL_IGNORE_MASK >> (sig - 1) & 1))

    def _sched_process_exit(self, pid: int, _comm: str, nr: int, _prio: int, code: int, _tgid: int) -> None:
        if nr not in self._attached:
            return
        pending = self._pending.pop(nr, None)
        if pending is not None:
            if self._open_pid != nr:
                pending.interrupted = True
            self._finish(nr, pending, ")", "?")
        if code & 0x7F:
            core = " (core dumped)" if code & 0x80 else ""
            self._line(nr, f"+++ killed by {signame(code & 0x7F)}{core} +++")
        else:
            self._line(nr, f"+++ exited with {code >> 8} +++")
        self._ignored.pop(nr, None)
        del self._attached[nr]

    # Arguments.

    def _task(self, nr: int) -> Task | None:
        found = self._kernel.init_pid_ns.pids.get(nr)
        users = found.tasks[0] if found is not None else None
        return next(reversed(users)) if users else None

    def _peek(self) -> Peek:
        k = self._kernel
        current = k.current

        def peek(ptr: Any, offset: int, size: int) -> bytes | None:
            if not isinstance(ptr, int):
                have = len(ptr)
                return ptr.load(offset, min(size, have - offset)) if 0 <= offset < have else None
            return None if current.mm is None else peek_memory(k, current.mm, ptr + offset, size)

        return peek

    def _arguments(
        self, call: Syscall | None, name: str, args: tuple[Any, ...], start: int, *, at_exit: bool, ret: int = 0,
        failed: bool = False,
    ) -> tuple[str, int]:
        """Return the text of the arguments from start on, and where the printing stopped.

        At entry it stops before the first argument the call fills in.
        """
        if call is None:
            return ", ".join(hex(arg) for arg in args[start:]) if not at_exit else "", len(args)
        peek = self._peek()
        if name == "clone":
            return _clone(args) if not at_exit else ("", len(args))
        out: list[str] = []
        count = _shown(name, args, len(call.params))
        at = start
        while at < count:
            arg = call.params[at].arg
            if arg.out and not at_exit:
                break
            out.append(_one(peek, name, at, arg, args, ret, failed))
            at += 1
        text = ", ".join(out)
        return text + (", " if not at_exit and at < count and out else ""), at


def _shown(name: str, args: tuple[Any, ...], count: int) -> int:
    """How many arguments strace prints: a mode only with O_CREAT."""
    if name == "open" and not args[1] & 0o100:
        return 2
    if name == "openat" and not args[2] & 0o100:
        return 3
    return count


def _one(peek: Peek, name: str, at: int, arg: Arg, args: tuple[Any, ...], ret: int, failed: bool) -> str:
    value = args[at]
    special = CALLS.get(name, {}).get(at)
    if special is not None and isinstance(value, int):
        return special(value)
    if arg.kind == "argv":
        return _argv(peek, value)
    if arg.kind == "envp":
        return _envp(peek, value)
    if arg.kind == "outbuf":
        return pointer(value) if failed else strace_args.data(peek, value, max(ret, 0))
    if arg.kind == "buf":
        return strace_args.data(peek, value, args[at + 1])
    if arg.out and failed:
        return pointer(value)
    if arg.flags is not None:
        return flag_names(value & (1 << arg.bits) - 1, arg.flags, arg.prefix)
    printer = PRINTERS.get(arg.kind)
    if printer is not None:
        return printer(peek, value)
    if not isinstance(value, int) or arg.kind.startswith("struct") or (arg.bits == 64 and not arg.signed and value > 1 << 32):
        return pointer(value)
    return str(value)


def _pointers(peek: Peek, array: Any) -> list[int]:
    out: list[int] = []
    while len(out) < 1024:
        raw = peek(array, 8 * len(out), 8)
        value = int.from_bytes(raw, "little") if raw else 0
        if not value:
            break
        out.append(value)
    return out


def _argv(peek: Peek, array: Any) -> str:
    if not isinstance(array, int):
        return "[" + ", ".join(strace_args.quote(item) for item in getattr(array, "strings", ())) + "]"
    return "[" + ", ".join(strace_args.string(peek, item) for item in _pointers(peek, array)) + "]" if array else "NULL"


def _envp(peek: Peek, array: Any) -> str:
    if not isinstance(array, int):
        return f"/* {len(getattr(array, 'strings', ()))} vars */"
    if not array:
        return "NULL"
    count = len(_pointers(peek, array))
    return f"{array:#x} /* {count} var{'s' if count != 1 else ''} */"


def _clone(args: tuple[Any, ...]) -> tuple[str, int]:
    flags, stack, parent_tid, child_tid, tls = args
    out = [f"child_stack={pointer(stack)}", f"flags={CALLS['clone'][0](flags)}"]
    if flags & 0x100000:
        out.append(f"parent_tid={pointer(parent_tid)}")
    if flags & 0x80000:
        out.append(f"tls={pointer(tls)}")
    if flags & 0x1200000:
        out.append(f"child_tidptr={pointer(child_tid)}")
    return ", ".join(out), len(args)


def _result(name: str, ret: int) -> str:
    if -4096 < ret < 0:
        if -ret in _RESTARTS:
            return f"? {_RESTARTS[-ret]}"
        try:
            return f"-1 {Errno(-ret).name} ({STRERROR[-ret]})"
        except (ValueError, KeyError):
            return f"-1 (errno {-ret})"
    if name in _HEX_RESULT:
        return pointer(ret) if ret else "0"
    return str(ret)
