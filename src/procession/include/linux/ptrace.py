"""Requests of ptrace(2), bits of Task.ptrace, what a tracer is told of (include/linux/ptrace.h; spec 14)."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Final

from procession.include.asm.ptrace import (
    PTRACE_ARCH_PRCTL,
    PTRACE_GET_THREAD_AREA,
    PTRACE_GETFPREGS,
    PTRACE_GETFPXREGS,
    PTRACE_GETREGS,
    PTRACE_OLDSETOPTIONS,
    PTRACE_SET_THREAD_AREA,
    PTRACE_SETFPREGS,
    PTRACE_SETFPXREGS,
    PTRACE_SETREGS,
    PTRACE_SINGLEBLOCK,
    PTRACE_SYSEMU,
    PTRACE_SYSEMU_SINGLESTEP,
)
from procession.include.linux.types import Arg, UserPtr

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

PTRACE_TRACEME: Final = 0
PTRACE_PEEKTEXT: Final = 1
PTRACE_PEEKDATA: Final = 2
PTRACE_PEEKUSR: Final = 3
PTRACE_POKETEXT: Final = 4
PTRACE_POKEDATA: Final = 5
PTRACE_POKEUSR: Final = 6
PTRACE_CONT: Final = 7
PTRACE_KILL: Final = 8
PTRACE_SINGLESTEP: Final = 9
PTRACE_ATTACH: Final = 16
PTRACE_DETACH: Final = 17
PTRACE_SYSCALL: Final = 24
PTRACE_SETOPTIONS: Final = 0x4200
PTRACE_GETEVENTMSG: Final = 0x4201
PTRACE_GETSIGINFO: Final = 0x4202
PTRACE_SETSIGINFO: Final = 0x4203
PTRACE_GETREGSET: Final = 0x4204
PTRACE_SETREGSET: Final = 0x4205
PTRACE_SEIZE: Final = 0x4206
PTRACE_INTERRUPT: Final = 0x4207
PTRACE_LISTEN: Final = 0x4208


class Ptrace(IntEnum):
    """A request, by the names of C libraries."""

    TRACEME = PTRACE_TRACEME
    PEEKTEXT = PTRACE_PEEKTEXT
    PEEKDATA = PTRACE_PEEKDATA
    PEEKUSER = PTRACE_PEEKUSR
    POKETEXT = PTRACE_POKETEXT
    POKEDATA = PTRACE_POKEDATA
    POKEUSER = PTRACE_POKEUSR
    CONT = PTRACE_CONT
    KILL = PTRACE_KILL
    SINGLESTEP = PTRACE_SINGLESTEP
    GETREGS = PTRACE_GETREGS
    SETREGS = PTRACE_SETREGS
    GETFPREGS = PTRACE_GETFPREGS
    SETFPREGS = PTRACE_SETFPREGS
    ATTACH = PTRACE_ATTACH
    DETACH = PTRACE_DETACH
    GETFPXREGS = PTRACE_GETFPXREGS
    SETFPXREGS = PTRACE_SETFPXREGS
    OLDSETOPTIONS = PTRACE_OLDSETOPTIONS
    SYSCALL = PTRACE_SYSCALL
    GET_THREAD_AREA = PTRACE_GET_THREAD_AREA
    SET_THREAD_AREA = PTRACE_SET_THREAD_AREA
    ARCH_PRCTL = PTRACE_ARCH_PRCTL
    SYSEMU = PTRACE_SYSEMU
    SYSEMU_SINGLESTEP = PTRACE_SYSEMU_SINGLESTEP
    SINGLEBLOCK = PTRACE_SINGLEBLOCK
    SETOPTIONS = PTRACE_SETOPTIONS
    GETEVENTMSG = PTRACE_GETEVENTMSG
    GETSIGINFO = PTRACE_GETSIGINFO
    SETSIGINFO = PTRACE_SETSIGINFO
    GETREGSET = PTRACE_GETREGSET
    SETREGSET = PTRACE_SETREGSET
    SEIZE = PTRACE_SEIZE
    INTERRUPT = PTRACE_INTERRUPT
    LISTEN = PTRACE_LISTEN


PtraceRequest = Annotated[int, Arg("int", signed=True, values=Ptrace, prefix="PTRACE_")]
PtracePid = Annotated[int, Arg("ptrace_pid", 32, signed=True)]
PtraceAddr = Annotated[int, Arg("ptrace_addr")]
PtraceData = Annotated[UserPtr, Arg("ptrace_data", out=True)]

PTRACE_SEIZE_DEVEL: Final = 0x80000000  # without this flag in data there is no PTRACE_SEIZE: it was not finished

PTRACE_O_TRACESYSGOOD: Final = 0x01
PTRACE_O_TRACEFORK: Final = 0x02
PTRACE_O_TRACEVFORK: Final = 0x04
PTRACE_O_TRACECLONE: Final = 0x08
PTRACE_O_TRACEEXEC: Final = 0x10
PTRACE_O_TRACEVFORKDONE: Final = 0x20
PTRACE_O_TRACEEXIT: Final = 0x40
PTRACE_O_MASK: Final = 0x7F
PTRACE_O_TRACESECCOMP: Final = 0x80  # of 3.5

PT_PTRACED: Final = 0x1
PT_TRACESYSGOOD: Final = 0x4
PT_PTRACE_CAP: Final = 0x8  # ptracer can follow suid-exec
PT_TRACE_FORK: Final = 0x10
PT_TRACE_VFORK: Final = 0x20
PT_TRACE_CLONE: Final = 0x40
PT_TRACE_EXEC: Final = 0x80
PT_TRACE_VFORK_DONE: Final = 0x100
PT_TRACE_EXIT: Final = 0x200
PT_TRACE_MASK: Final = 0x3F4
PT_SEIZED: Final = 0x10000

# The event in the second byte of the status that the tracer waits for.
PTRACE_EVENT_FORK: Final = 1
PTRACE_EVENT_VFORK: Final = 2
PTRACE_EVENT_CLONE: Final = 3
PTRACE_EVENT_EXEC: Final = 4
PTRACE_EVENT_VFORK_DONE: Final = 5
PTRACE_EVENT_EXIT: Final = 6
PTRACE_EVENT_STOP: Final = 7
PTRACE_EVENT_SECCOMP: Final = 7  # of 3.5, where PTRACE_EVENT_STOP became 128


def PT_EVENT_FLAG(event: int) -> int:
    """Return the bit of Task.ptrace by which the tracer has asked for an event."""
    return 1 << 3 + event


def ptrace_event_enabled(task: Task, event: int) -> bool:
    """Whether task's tracer has asked for an event."""
    return bool(task.ptrace & PT_EVENT_FLAG(event))


def ptrace_reparented(child: Task) -> bool:
    """Whether another process than child's real parent traces it."""
    return child.real_parent.tgid != child.parent.tgid
