"""Refusing a kernel one request, to see how a program copes when fork(2) finds no memory.

    procession run --fail fork:2 -- PROGRAM…

Injector turns a plan (FaultSpec) into Kernel.fault_attr, arming tasks as the trace events show them entering the call
in question. every_failure() runs a program once for every request that a call makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from procession.arch.x86.syscall_table import LATER_CALLS, SYSCALL_NAMES
from procession.boot import check_machine
from procession.include.linux.fault_inject import FAULT_KINDS, Fault, FaultAttr
from procession.include.linux.signal import SIG_DFL, SIG_KERNEL_IGNORE_MASK, SIG_KERNEL_STOP_MASK
from procession.include.trace.events import PageFaultUser, SignalDeliver, SysEnter

if TYPE_CHECKING:
    from procession.boot import Machine, PythonProgram, Result
    from procession.include.linux.kernel import Kernel
    from procession.include.trace.events import Event

__all__ = ("FaultSpec", "Injector", "census", "every_failure", "parse_spec")

# What can stand in a system call's place.
EXIT: Final = "exit"
SIGNAL: Final = "signal"
ANY_FORK: Final = "%fork"
_EXITS: Final = ("exit", "exit_group")
_FORKS: Final = ("fork", "vfork", "clone", "clone3")  # a libc's fork() is mostly one of the others
_CALLS: Final = frozenset(SYSCALL_NAMES.values()) | {name for name, _ in LATER_CALLS.values()}


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """What to refuse.

    call: a system call; "%fork": any of fork, vfork, clone, clone3; "exit": all that a task does from its exit or
    fatal signal on; "signal": all that it does from taking a signal to its next trap.  at: in which such call of the
    run, counted from 1, 0 for every one.  kinds: which requests count.  nth: which of them in that call, from 1.
    climb: in every such call, the first one's first, the second one's second, and so on.
    """

    call: str
    at: int = 1
    kinds: tuple[str, ...] = FAULT_KINDS
    nth: int = 1
    climb: bool = False

    def __post_init__(self) -> None:
        """Raise TypeError, ValueError for what is no call, no kind, or no count."""
        _check_call(self.call)
        for kind in self.kinds:
            if kind not in FAULT_KINDS:
                raise ValueError(f"{kind!r}: no kind of request; there are {', '.join(FAULT_KINDS)}")
        for count, least in ((self.at, 0), (self.nth, 1)):
            if not isinstance(count, int):
                raise TypeError(f"a count: int expected, not {type(count).__name__} ({count!r:.80})")
            if count < least:
                raise ValueError(f"a count of {count}: at least {least}")

    def __str__(self) -> str:
        at = "" if self.at == 1 or self.climb else f"@{self.at or 'every'}"
        kind = "" if self.kinds == FAULT_KINDS else ":" + "+".join(self.kinds)
        return f"{self.call}{at}{kind}:{'each' if self.climb else self.nth}"


def _check_call(call: str) -> None:
    if not isinstance(call, str):
        raise TypeError(f"a system call: str expected, not {type(call).__name__} ({call!r:.80})")
    if call not in _CALLS and call not in (SIGNAL, ANY_FORK):
        raise ValueError(f"{call!r}: no system call of Linux 3.2, nor %fork, exit or signal")


def parse_spec(text: str) -> FaultSpec:
    """Read CALL[@AT][:KIND][:N]; raises ValueError, whose text is for the user."""
    if not isinstance(text, str):
        raise TypeError(f"parse_spec: str expected, not {type(text).__name__} ({text!r:.80})")
    head, *rest = text.split(":")
    call, at_sign, at = head.partition("@")
    _check_call(call)
    when = 0 if at == "every" else _number(at, "behind @ stands a number or every") if at_sign else 1
    kinds: tuple[str, ...] = FAULT_KINDS
    if rest and not rest[0].isdecimal() and rest[0] != "each":
        kinds = _kinds(rest.pop(0))
    if len(rest) > 1:
        raise ValueError(f"{text}: not CALL[@AT][:KIND][:N]")
    if rest == ["each"]:
        if at_sign:
            raise ValueError(f"{text}: each means every call, without @")
        return FaultSpec(call, 0, kinds, climb=True)
    return FaultSpec(call, when, kinds, _number(rest[0], "N is a number or each") if rest else 1)


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise ValueError(f"{text!r}: {what}, from 1")
    return int(text)


def _kinds(text: str) -> tuple[str, ...]:
    if text == "any":
        return FAULT_KINDS
    names = text.split("+")
    for name in names:
        if name not in FAULT_KINDS:
            raise ValueError(f"{name!r}: the kinds are {', '.join(FAULT_KINDS)} and any")
    return tuple(kind for kind in FAULT_KINDS if kind in names)


class Injector:
    """Refuses what a FaultSpec says in the run of one machine, which must not have started.

    hits: what was refused, in order.  calls: how many of the calls in question there were.  reached: how many requests
    the last of those that were tried made.
    """

    def __init__(self, machine: Machine, spec: FaultSpec) -> None:
        check_machine("Injector", machine)
        if not isinstance(spec, FaultSpec):
            raise TypeError(f"Injector: a FaultSpec expected, as parse_spec() makes it, not {spec!r:.80}")
        self.kernel = kernel = machine.kernel
        self.spec = spec
        self.calls = 0
        self.reached = 0
        self._other_forks: set[str] = set()
        self._names = {EXIT: _EXITS, ANY_FORK: _FORKS}.get(spec.call, (spec.call,))
        self._attr = kernel.fault_attr = FaultAttr(spec.kinds)
        self.hits: list[Fault] = self._attr.hits
        kernel.trace.subscribe(self._on_event, "sys_enter", "sys_exit", "signal_deliver", "page_fault_user", vital=True)

    def _on_event(self, event: Event) -> None:
        if self.kernel.current in self._attr.armed and self._is_over(event):
            self._disarm()
        if isinstance(event, SysEnter):
            if event.name in self._names:
                self._begin()
            elif self.spec.call in _FORKS and event.name in _FORKS:
                self._other_forks.add(event.name)
        elif isinstance(event, SignalDeliver) and (
            self.spec.call == SIGNAL or (self.spec.call == EXIT and _is_fatal(event))
        ):
            self._begin()

    def _is_over(self, event: Event) -> bool:
        """Whether current is back in user mode, or as good as: a call's end, or the next trap after a signal."""
        if isinstance(event, PageFaultUser):
            return self.spec.call == SIGNAL
        return not isinstance(event, SignalDeliver)

    def _begin(self) -> None:
        self.calls += 1
        spec = self.spec
        if spec.at not in (0, self.calls):
            return
        self._attr.seen = self.reached = 0
        self._attr.armed[self.kernel.current] = self.calls if spec.climb else spec.nth

    def _disarm(self) -> None:
        self.reached = self._attr.seen
        self._attr.disarm(self.kernel.current)

    def report(self) -> str:
        """Return one line: what was refused, or why nothing was."""
        spec = self.spec
        if self.hits:
            first = self.hits[0]
            more = f", and {len(self.hits) - 1} more" if len(self.hits) > 1 else ""
            return f"{spec}: refused {first.comm}:{first.pid} {first}{more}"
        if not self.calls:
            others = " and ".join(sorted(self._other_forks))
            hint = f", but {others}: use {ANY_FORK}" if others else ""
            return f"{spec}: nothing refused: {spec.call} was never reached{hint}"
        if self.calls < spec.at:
            return f"{spec}: nothing refused: {spec.call} was reached only {self.calls} times"
        reached = self._attr.seen if self._attr.armed else self.reached
        return f"{spec}: nothing refused: {spec.call} made only {reached} such requests"


def _is_fatal(event: SignalDeliver) -> bool:
    """Whether the signal ends its process (init apart)."""
    spares = SIG_KERNEL_IGNORE_MASK | SIG_KERNEL_STOP_MASK
    return event.sa_handler == SIG_DFL and not spares >> (event.sig - 1) & 1


def census(k: Kernel) -> dict[str, object]:
    """Return counts that each run of a program that leaves nothing behind ends with, whatever was refused it."""
    ns = k.init_nsproxy
    root = k.users.root_user
    return {
        "caches": {name: cache.nr_active for name, cache in k.caches.items() if name != "inode_cache"},
        "threads": k.nr_threads,
        "processes": k.process_counts,
        "tasks": len(k.tasks),
        "root": (root.count, root.processes, root.sigpending),
        "users": len(k.users.uidhash),
        "pid_ns": (k.init_pid_ns.count, len(k.init_pid_ns.pids), k.init_pid_ns.pidmap[0].nr_free),
        "nsproxy": (ns.count, ns.uts_ns.count, ns.ipc_ns.count, ns.net_ns.count, ns.mnt_ns.count),
        "pid 0": [[p.pid for p in users or ()] for users in k.init_struct_pid.tasks],
        "committed": k.mm.vm_committed,
        "mounts": len(k.vfs.mount_hashtable),
        "files": k.vfs.nr_files,
    }


def every_failure(
    make_machine: Callable[[], Machine],
    program: PythonProgram | Sequence[str],
    call: str,
    *args: str,
    at: int = 1,
    kinds: tuple[str, ...] = FAULT_KINDS,
    **options: Any,
) -> Iterator[tuple[Fault, Result]]:
    """Run program again and again, each time with the next request of its at-th call refused, until there is no more.

    Yields what was refused and what came of it; after each run the kernel must have given everything back, else
    KernelBug (Machine.check_baseline). args, options: for Machine.run.
    """
    nth = 1
    while True:
        machine = make_machine()
        injector = Injector(machine, FaultSpec(call, at, kinds, nth))
        result = machine.run(program, *args, **options)
        machine.check_baseline()
        if not injector.hits:
            return
        yield injector.hits[0], result
        nth += 1
