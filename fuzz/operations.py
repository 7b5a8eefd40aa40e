"""The operations of fuzz programs, all in one table. A new capability adds its own here.

An operation is a system call with the words to choose each argument from; most need nothing else. The simplest word
stands first: it is where shrinking goes. Words are:

    12 -1           numbers
    @2 -@2          the pid of an actor, its group (made a2, -a2, an actor that exists, by the generator)
    f0 f1 …         descriptors, counted from the first one that belongs to the program
    t m             the slave and the master of a pseudo-terminal, which the first actor has from the beginning
    =1,2 =@2        a pointer to 64-bit values           stext   a pointer to text, ^C being a control character
    i10,-1,7        a pointer to a siginfo: signal, code, value
    ?8 ?m ?i ?d4    a pointer to memory the call fills in, shown as ints, signal set, siginfo, data

Results are compared as they are, since everything is made the same: numbers of processes begin with 1 in each
program, and SCHED_FIFO decides who runs first. What 3.2 and today's kernels do differently is left out here: see
`LEFT_OUT`. A real 3.2 as judge needs none of that: the generator then lets everything pass, and adds the FREE_ tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import struct

from procession.include.asm.ioctls import (
    TCFLSH,
    TCSETS,
    TIOCGPGRP,
    TIOCGSID,
    TIOCNOTTY,
    TIOCSCTTY,
    TIOCSPGRP,
    TIOCSWINSZ,
)
from procession.include.asm.termbits import (
    B38400,
    CREAD,
    CS8,
    ECHO,
    ICANON,
    ICRNL,
    INIT_C_CC,
    ISIG,
    IXON,
    ONLCR,
    OPOST,
    TOSTOP,
)

SYS = 31
HUP, INT, QUIT, KILL, USR1, SEGV, USR2, PIPE, ALRM, TERM, ABRT = 1, 2, 3, 9, 10, 11, 12, 13, 14, 15, 6
CHLD, CONT, STOP, TSTP, TTIN, TTOU, URG, WINCH, RT, RT2, RTMAX = 17, 18, 19, 20, 21, 22, 23, 28, 34, 35, 64

CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND = 0x100, 0x200, 0x400, 0x800
CLONE_PTRACE, CLONE_VFORK, CLONE_PARENT, CLONE_THREAD, CLONE_UNTRACED = 0x2000, 0x4000, 0x8000, 0x10000, 0x800000
CLONE_SYSVSEM = 0x40000
CSIGNAL = 0xFF
CLONE_NEWNS, CLONE_SYSVSEM, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x40000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
THREAD = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD
VFORK = CLONE_VM | CLONE_VFORK | CHLD

SA_NOCLDSTOP, SA_NOCLDWAIT, SA_SIGINFO, SA_RESTART = 1, 2, 4, 0x10000000
SA_NODEFER, SA_RESETHAND = 0x40000000, 0x80000000
DFL, IGN, HANDLER, NESTED = range(4)

WNOHANG, WUNTRACED, WEXITED, WCONTINUED = 1, 2, 4, 8
WNOWAIT, WNOTHREAD, WALL, WCLONE = 0x01000000, 0x20000000, 0x40000000, 0x80000000

LEFT_OUT = """
What 3.2 does differently from today's kernels; docs/differences.md explains each.

- The leader of a thread group that has ended before its threads: wait, and SIGCHLD whoever ends the group, report the
  leader's status in 3.2, the last thread's today. So exit(2), which ends one thread, always has the same status here,
  and leaders do not call it once there are threads.
- A parent asleep in vfork cannot be killed in 3.2. So meanwhile only its child acts: may_act in the interpreters. And
  a program with vfork has neither threads nor children with another exit signal than SIGCHLD: both could end it.
  Nor does it stop anybody: a group with somebody stopped that becomes an orphan gets SIGHUP, the parent included.
- A signal that dumps core ends all processes that share the memory in 3.2, only one today: CORE_SIGNALS.
- Threads that wait for such a dump are dying in 3.2 already, and adopt nobody; today they do, so that children come to
  init in another order. So these signals are not sent either once there are threads.
- The exit signal of a child that executes a program becomes SIGCHLD when it ends in 3.2, at once today. So nobody
  executes anything once there is a child with another one.
- CLONE_PARENT takes the exit signal from the flags in 3.2, from the caller today. So it is not used then either.
- SIGCONT wakes the thread that was named first in 3.2, the leader first today; who runs first takes what is pending. So
  it is sent to the leader's number, or to whole groups. What kills a process wakes its threads in the same two ways, so
  that their children come to init in another order: it is shown whom init reaps, not in which order.
- SIGSYS comes before signals with lower numbers today, since seccomp filters use it. So it is not sent here.
- Of two readers of a pipe the later one wakes first in 3.2, the earlier one today. So there is one at a time (flag r).
- waitid(P_PGID, 0) is EINVAL in 3.2, the own group today.
- What is sent to a process that has ended stays pending in 3.2, is dropped today: not shown.
- A siginfo with a code that only the kernel or tkill(2) uses is refused also to oneself in 3.2.
- TIOCSPGRP looks at the number first today, and the caller's terminal then: no negative ones.
- An ioctl that a pipe does not know is EINVAL, today ENOTTY: none on a descriptor that may have become one.
- vhangup sleeps on its way today, so that others come first: not used.
- There is neither ^\\ at terminals, nor vfork in programs with one: what came before about cores and vfork.
- Who waits for a semaphore to be zero stands before the others in 3.2, in line today; GETNCNT counts something else.
  So nobody sleeps for zero, and nobody counts.
- Whether a semaphore may have a value is looked at first today; in 3.2 whether there is one, and in a new namespace
  there is none: none is set out of range.
- Who was the last in a mount or network namespace sleeps in state D at its end today, for so long that one sees it.
  Those of users have tables of ids. So a real 3.2 alone is asked about these.
- MSG_TRUNC tells the whole length of a local datagram today; shutdown of a local socket takes any number in 3.2.
- At the end of a process its files are closed from the first one on in 3.2, from the last one on today. So of a
  connection within it the other end is in TIME_WAIT, and has the server's port: once there is a connection, nobody
  binds to a port of his choice.
- The files of a process are closed before its terminal is given up in 3.2, after it today. So if a session's leader
  was the last to have the master, its foreground group gets SIGCONT beside SIGHUP in 3.2 alone: once there is a second
  process, nobody closes the master.
- WALL, WCLONE and WNOTHREAD are EINVAL in 3.2's waitid; tests/oracle/host32.c tells the host so.
"""


def words(*values: object) -> tuple[str, ...]:
    """The words for these values; a value that stands there twice is chosen twice as often."""
    return tuple(map(str, values))


def mask(*signals: int) -> int:
    """A sigset_t."""
    return sum(1 << sig - 1 for sig in signals)


CORE_SIGNALS = words(QUIT, SEGV, ABRT)
STOP_SIGNALS = frozenset(words(STOP, TSTP, TTIN, TTOU))

# Arguments.
ACTOR = words(*(f"@{n}" for n in range(8)))
GROUP = words(*(f"-@{n}" for n in range(8)))
WHO = (*ACTOR, *ACTOR, *GROUP, *words(0, 0, 0, -1, -1, 1, 0))
GROUP_OR_ACTOR = (*ACTOR, *words(0, 0, 0, 0, 1, 999, -1))
SIGNAL = words(
    USR1, TERM, KILL, STOP, CONT, TSTP, USR1, CHLD, USR2, HUP, TTIN, TTOU, INT, QUIT, SEGV, PIPE, ALRM, URG, WINCH, RT,
    RT2, RTMAX, CONT, STOP, 0, 65, 32, ABRT,
)
MILD = words(USR1, USR2, CHLD, CONT, TSTP, RT, HUP, TTIN, TERM, RT, PIPE, INT)
_MASKS = [mask(*signals) for signals in [
    (), (USR1,), (CHLD,), (USR1, USR2), (TSTP, TTIN, TTOU), (CONT,), (RT, RT2), (USR1, RT, CHLD), (TERM, HUP, INT),
    range(1, 65), (KILL, STOP), (USR1, TSTP, CONT), (PIPE, ALRM, QUIT),
]]
SET = words(*_MASKS)
SET_POINTER = words(*(f"={value}" for value in _MASKS))
FD = words("f0", "f1", "f0", "f1", "f0", "f1", "f0", "f1", "f2", "f3", "f4", -1, 60)
WAIT_FLAGS = words(
    0, WNOHANG, WNOHANG, WNOHANG | WUNTRACED, WNOHANG | WUNTRACED | WCONTINUED, WUNTRACED, WCONTINUED | WNOHANG, WALL,
    WNOHANG | WALL, WNOHANG | WCLONE, WNOHANG | WNOTHREAD, WNOTHREAD | WALL, WNOWAIT | WNOHANG, 0x40,
)
WAITID_FLAGS = words(
    WEXITED, WEXITED | WNOHANG, WEXITED | WNOHANG | WNOWAIT, WUNTRACED | WNOHANG, WUNTRACED | WNOHANG | WNOWAIT,
    WCONTINUED | WNOHANG, WCONTINUED | WNOHANG | WNOWAIT, WEXITED | WUNTRACED | WCONTINUED | WNOHANG,
    WEXITED | WUNTRACED | WCONTINUED, WEXITED | WUNTRACED | WCONTINUED | WNOWAIT | WNOHANG, WNOHANG, 0,
    WEXITED | WNOHANG | WALL, WUNTRACED, WCONTINUED,
)
CLONE_FLAGS = words(
    THREAD, CHLD, THREAD | CLONE_FILES | CLONE_FS, THREAD | CLONE_FILES, 0, USR1, CLONE_VM | CHLD,
    CLONE_VM | CLONE_SIGHAND | CHLD, CLONE_FILES | CHLD, CLONE_FS | CHLD, CLONE_PARENT | CHLD, CLONE_VM | USR2,
    CLONE_VFORK | CHLD, CLONE_PARENT | THREAD, CLONE_PARENT | CLONE_VM | CHLD, CLONE_THREAD | CHLD,
    CLONE_SIGHAND | CHLD, CLONE_VM | CLONE_FILES | CLONE_VFORK | CHLD, RT, CLONE_FS | CLONE_FILES | WINCH,
)
# Namespaces; for others see FREE_TABLE.
NAMESPACE_FLAGS = words(
    CLONE_NEWUTS | CHLD, CLONE_NEWUTS | CLONE_NEWIPC | CHLD, CLONE_NEWNS | CLONE_FS | CHLD,
    CLONE_NEWIPC | CLONE_SYSVSEM | CHLD, CLONE_NEWUTS | THREAD, CLONE_NEWUTS | CLONE_FILES | CLONE_VM | CHLD,
)
UNSHARE_FLAGS = words(0, CLONE_FS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUTS | CLONE_NEWIPC | CLONE_FS, CLONE_NEWPID, 1)
ACTION_FLAGS = words(
    0, SA_SIGINFO, SA_SIGINFO | SA_RESTART, SA_RESTART, SA_NODEFER | SA_SIGINFO, SA_RESETHAND | SA_SIGINFO,
    SA_NOCLDSTOP, SA_NOCLDWAIT, SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO, SA_NODEFER | SA_RESETHAND,
)


@dataclass(frozen=True)
class Operation:
    """A row of the table.

    code: what the interpreters know it by: a system call's name, or a letter for what they do themselves, with the
    arguments that it always has.  births: a child becomes the next actor.  ends: the actor does nothing more.
    flag: e if it may change how others look in /proc, - if not, r if not and it may wait for a pipe; s if it sends
    signals, z if the controller sleeps meanwhile.
    """

    name: str
    args: tuple[tuple[str, ...], ...] = ()
    weight: int = 2
    code: str = ""
    births: bool = False
    ends: bool = False
    flag: str = "e"


def _op(name: str, *args: tuple[str, ...] | str, **options: object) -> Operation:
    choices = tuple((arg,) if isinstance(arg, str) else arg for arg in args)
    return Operation(name, choices, **options)  # type: ignore[arg-type]


# System V objects: each program has a set of two semaphores, a queue and a segment, all called 0. A segment goes where
# nothing else is. What struct sembuf and struct msgbuf are made of is given as 64-bit values.
IPC_NOWAIT, SEM_UNDO = 0o4000, 0x1000
SEGMENT = str(1 << 40)


def _structs(data: bytes) -> str:
    """A pointer to data."""
    count = len(data) + 7 >> 3
    return "=" + ",".join(map(str, struct.unpack(f"<{count}q", data.ljust(count * 8, b"\0"))))


def _sops(*ops: tuple[int, int, int]) -> str:
    return _structs(b"".join(struct.pack("<Hhh", *op) for op in ops))


ONE_OP = words(*(_sops(op) for op in (
    (0, 1, 0), (0, -1, 0), (0, 2, 0), (0, -2, 0), (1, 1, 0), (1, -1, 0), (0, 1, SEM_UNDO), (0, -1, SEM_UNDO),
    (1, 2, SEM_UNDO), (1, -1, SEM_UNDO), (0, 0, IPC_NOWAIT), (0, -1, IPC_NOWAIT), (1, -3, IPC_NOWAIT | SEM_UNDO),
    (2, 1, 0), (1, 32767, 0), (0, 1, SEM_UNDO), (1, 1, 0),
)))
TWO_OPS = words(*(_sops(*ops) for ops in (
    ((0, -1, 0), (1, 1, 0)), ((0, 1, 0), (1, -1, 0)), ((0, -1, SEM_UNDO), (1, -1, SEM_UNDO)),
    ((0, 1, SEM_UNDO), (1, 1, SEM_UNDO)), ((0, -1, 0), (1, -1, IPC_NOWAIT)), ((0, 1, 0), (0, -2, IPC_NOWAIT)),
)))
IPC_RMID, GETPID, GETVAL, GETNCNT, GETZCNT, SETVAL = 0, 11, 12, 14, 15, 16
MESSAGE = words(*(_structs(struct.pack("<q4s", kind, b"text")) for kind in (1, 2, 3, 1, 0, 9)))

TABLE = [
    # Birth and death.
    _op("fork", code="F 17", weight=14, births=True),
    _op("clone", CLONE_FLAGS, code="F", weight=10, births=True),
    _op("clone", NAMESPACE_FLAGS, code="F", weight=2, births=True),
    _op("unshare", UNSHARE_FLAGS),
    _op("vfork", code=f"F {VFORK}", weight=3, births=True),
    _op("exec", words(0, 0, 0, 1), code="X", weight=4),
    _op("exit", "7", weight=5, ends=True),
    _op("exit_group", words(0, 1, 255, 256), weight=6, ends=True),
    _op("wait4", WHO, "?4", WAIT_FLAGS, "0", weight=12),
    _op("waitid", "0", "0", "?i", WAITID_FLAGS, "0", weight=7),
    _op("waitid", words(1, 2), ACTOR, "?i", WAITID_FLAGS, "0", weight=6),
    _op("waitid", words(3, 1), words(0, -1), "?i", WAITID_FLAGS, "0", weight=1),
    # Who is who.
    _op("getpid", weight=1, flag="-"),
    _op("gettid", weight=1, flag="-"),
    _op("getppid", flag="-"),
    _op("getpgid", GROUP_OR_ACTOR, flag="-"),
    _op("getsid", GROUP_OR_ACTOR, flag="-"),
    _op("setpgid", GROUP_OR_ACTOR, GROUP_OR_ACTOR, weight=5),
    _op("setpgid", "0", "0", weight=3),
    _op("setpgid", ACTOR, "0", weight=3),
    _op("setsid", weight=4),
    # Signals.
    _op("kill", WHO, SIGNAL, weight=16, flag="s"),
    _op("kill", ACTOR, words(STOP, CONT, TSTP, TTIN), weight=8, flag="s"),
    _op("tkill", ACTOR, SIGNAL, weight=3, flag="s"),
    _op("tgkill", GROUP_OR_ACTOR, ACTOR, SIGNAL, weight=3, flag="s"),
    _op("rt_sigqueueinfo", ACTOR, words(RT, USR1, RT2), words("i34,-1,1", "i34,-1,2", "i10,-2,3", "i0,-60,4"),
        weight=4, flag="s"),
    _op("rt_tgsigqueueinfo", GROUP_OR_ACTOR, ACTOR, words(RT, USR1), words("i34,-1,5", "i10,-3,5"), flag="s"),
    _op("sigaction", MILD, words(HANDLER, IGN, DFL, HANDLER, NESTED), ACTION_FLAGS, SET, code="A", weight=12, flag="-"),
    _op("sigaction", str(CHLD), words(IGN, HANDLER, DFL), ACTION_FLAGS, "0", code="A", weight=4, flag="-"),
    _op("sigaction", SIGNAL, words(IGN, DFL, HANDLER), ACTION_FLAGS, SET, code="A", weight=3, flag="-"),
    _op("return", code="R", weight=4),
    _op("rt_sigprocmask", words(0, 1, 2, 0, 2, 3), SET_POINTER, "?m", words(8, 8, 8, 4), weight=10, flag="-"),
    _op("rt_sigpending", "?m", "8", weight=3, flag="-"),
    _op("rt_sigsuspend", SET_POINTER, "8", weight=4, flag="-"),
    _op("rt_sigtimedwait", SET_POINTER, "?i", words("=0,0", "=0,0", 0), "8", weight=5, flag="-"),
    _op("pause", weight=3, flag="-"),
    _op("alarm", words(100, 0, 200), flag="-"),
    _op("setitimer", "0", "=0,0,0,3000", "0", weight=1, flag="z"),
    _op("prctl", "1", words(USR1, 0, CHLD, HUP, TERM, 65), weight=2, flag="-"),
    # Descriptors.
    _op("pipe", "?8", weight=8, flag="-"),
    _op("pipe2", "?8", words(0o2000000, 0o4000, 0o2004000), flag="-"),
    _op("dup", FD, weight=1, flag="-"),
    _op("dup2", FD, FD, flag="-"),
    _op("dup3", FD, FD, words(0o2000000, 0, 1), weight=1, flag="-"),
    _op("close", FD, weight=4),
    _op("fcntl", FD, words(1, 3), "0", flag="-"),
    _op("fcntl", FD, "2", words(1, 0), flag="-"),
    _op("fcntl", FD, words(0, 1030), words("f0", "f4"), weight=1, flag="-"),
    _op("read", FD, "?d6", words(6, 1), weight=5, flag="r"),
    _op("write", FD, words("sabcdef", "sxyz"), words(3, 1), weight=5),
    # Pairs of sockets.
    _op("socketpair", "1", words(1, 1, 2, 5, 0o4001), "0", "?8", weight=5, flag="-"),
    _op("shutdown", FD, words(0, 1, 2), weight=2),
    _op("sendto", FD, words("sabcdef", "sxyz"), words(3, 1, 0), words(0, 0x40, 0x4000, 0x4040), "0", "0", weight=3),
    _op("recvfrom", FD, "?d6", words(6, 1), words(0, 0x40, 0x42, 0x40), "0", "0", weight=4, flag="r"),
    # System V objects.
    _op("semop", "0", ONE_OP, "1", weight=8),
    _op("semop", "0", TWO_OPS, "2", weight=3),
    _op("semop", words(0, 7, -1), ONE_OP, words(1, 0), weight=1),
    _op("semop", words(0, 7), ONE_OP, "501", weight=1),
    _op("semctl", "0", words(0, 1, 0, 2), words(GETVAL, GETPID), "0", weight=4, flag="-"),
    _op("semctl", "0", words(0, 1), str(SETVAL), words(0, 1, 5), weight=2),
    _op("unshare", str(CLONE_SYSVSEM), weight=1),
    _op("msgsnd", "0", MESSAGE, words(4, 0, 4), words(IPC_NOWAIT, 0), weight=5),
    _op("msgrcv", "0", "?d8", words(8, 4, 2), words(0, 1, 2, -2, -9), words(0, IPC_NOWAIT, 0, 0o10000, 0o24000),
        weight=6),
    _op("shmat", words(0, 0, 0, 3), SEGMENT, words(0, 0o10000, 0), weight=2),
    _op("shmdt", SEGMENT, weight=2),
    _op("shmctl", "0", str(IPC_RMID), "0", weight=1),
    # The rest.
    _op("umask", words(0o22, 0o77), weight=1, flag="-"),
    _op("setpriority", words(0, 1), GROUP_OR_ACTOR, words(0, 5, -5), weight=1, flag="-"),
    _op("getpriority", words(0, 1, 3), GROUP_OR_ACTOR, weight=1, flag="-"),
    _op("sched_yield", weight=1),
]

# Several steps that belong together: (which actor, operation, arguments). Actors here are d, who does it, n, the
# newest one, and m, the one before.
IDIOMS: Sequence[tuple[tuple[str, str], ...]] = [
    (("d", "fork"), ("d", "setpgid @n 0"), ("d", f"kill @n {TSTP}")),
    (("d", "fork"), ("d", f"kill @n {STOP}"), ("d", f"kill @n {USR1}")),
    (("d", "setpgid 0 0"), ("d", "fork"), ("n", "fork")),
    (("d", "fork"), ("n", "setsid")),
    (("d", "fork"), ("n", "setsid"), ("n", "fork"), ("n", "setpgid 0 0"), ("n", f"kill @n {STOP}"),
     ("m", "exit_group 1")),
    (("d", "fork"), ("n", "setsid"), ("n", "fork"), ("n", "setpgid 0 0"), ("n", f"sigaction {HUP} 2 4 0"),
     ("n", f"kill @n {TSTP}"), ("m", "exit_group 1")),
    (("d", "fork"), ("d", f"kill @n {STOP}"), ("d", f"kill @n {CONT}"), ("d", "wait4 -1 ?4 9 0")),
    (("d", f"rt_sigprocmask 0 ={mask(TSTP, USR1)} ?m 8"), ("d", f"kill @d {TSTP}"), ("d", f"kill @d {CONT}"),
     ("d", "rt_sigpending ?m 8")),
    (("d", f"sigaction {CHLD} 2 5 0"), ("d", "fork"), ("d", f"kill @n {STOP}")),
    (("d", f"sigaction {CHLD} 1 0 0"), ("d", "fork"), ("n", "exit_group 0")),
    (("d", f"sigaction {USR2} 1 0 0"), ("d", "fork"), ("n", "exec 0")),
    (("d", "pipe2 ?8 524288"), ("d", "exec 0"), ("d", "close f0")),
    (("d", "fork"), ("n", "exit_group 3")),
    (("d", f"clone {THREAD | CLONE_FILES}"), ("n", "exit 7")),
    (("d", f"clone {THREAD}"), ("n", "exec 0")),
    (("d", f"clone {THREAD}"), ("d", f"clone {THREAD}"), ("d", f"kill 0 {STOP}")),
    (("d", "fork"), ("n", f"sigaction {USR1} 2 4 0"), ("n", "pause"), ("d", f"kill @n {USR1}")),
    (("d", "fork"), ("n", f"sigaction {USR1} 2 {SA_RESTART} 0"), ("n", f"rt_sigsuspend ={mask(USR2)} 8"),
     ("d", f"kill @n {USR2}"), ("d", f"kill @n {USR1}")),
    (("d", f"rt_sigprocmask 0 ={mask(CHLD)} ?m 8"), ("d", "fork"), ("n", "exit_group 1"),
     ("d", f"rt_sigtimedwait ={mask(CHLD)} ?i =0,0 8")),
    (("d", f"sigaction {USR2} 3 4 0"), ("d", f"kill @d {USR2}")),
    (("d", "fork"), ("d", "wait4 -1 ?4 0 0"), ("n", "exit_group 2")),
    (("d", "pipe ?8"), ("d", "read f0 ?d6 6"), ("d", "write f1 sxyz 3")),
    (("d", "pipe ?8"), ("d", "fork"), ("d", "close f1"), ("d", "read f0 ?d6 6"), ("n", "exit_group 0")),
    (("d", "pipe ?8"), ("d", "close f0"), ("d", f"sigaction {PIPE} 2 0 0"), ("d", "write f1 sxyz 3")),
    (("d", "prctl 1 0"), ("d", "fork"), ("n", f"prctl 1 {USR1}"), ("d", "exit_group 0")),
    (("d", "vfork"), ("n", "exec 0")),
    (("d", "vfork"), ("n", "exit_group 1")),
    (("d", f"sigaction {CHLD} 2 4 0"), ("d", "fork")),
    (("d", "pipe ?8"), ("d", "fork"), ("d", "read f0 ?d6 6")),
    (("d", "socketpair 1 1 0 ?8"), ("d", "fork"), ("d", "read f0 ?d6 6"), ("n", "write f1 sxyz 3")),
    (("d", "socketpair 1 1 0 ?8"), ("d", "fork"), ("n", "shutdown f0 1"), ("d", "read f1 ?d6 6")),
    (("d", "socketpair 1 5 0 ?8"), ("d", "write f0 sabcdef 3"), ("d", "write f0 sxyz 3"),
     ("d", "recvfrom f1 ?d6 1 2 0 0")),
    (("d", "socketpair 1 2 0 ?8"), ("d", "fork"), ("d", "recvfrom f0 ?d6 6 0 0 0"), ("n", "sendto f1 sxyz 3 0 0 0")),
    (("d", "fork"), ("d", f"waitid 0 0 ?i {WEXITED | WUNTRACED | WCONTINUED} 0"), ("n", f"kill @n {STOP}")),
    (("d", f"rt_sigprocmask 0 ={mask(RT, RT2, USR1)} ?m 8"), ("d", f"rt_sigqueueinfo @d {RT} i34,-1,1"),
     ("d", f"rt_sigqueueinfo @d {RT} i34,-1,2"), ("d", f"rt_sigtimedwait ={mask(RT)} ?i =0,0 8")),
    (("d", f"rt_sigprocmask 0 ={mask(USR1, USR2)} ?m 8"), ("d", f"kill @d {USR2}"), ("d", f"kill @d {USR1}"),
     ("d", f"kill @d {USR1}"), *[("d", f"rt_sigtimedwait ={mask(USR1, USR2)} ?i =0,0 8")] * 2),
    (("d", "fork"), ("n", "exit_group 3"), ("d", f"waitid 0 0 ?i {WEXITED | WNOHANG | WNOWAIT} 0"),
     ("d", f"waitid 0 0 ?i {WEXITED | WNOHANG} 0")),
    (("d", "fork"), ("d", f"kill @n {STOP}"), ("d", f"waitid 0 0 ?i {WUNTRACED | WNOHANG | WNOWAIT} 0"),
     ("d", f"waitid 0 0 ?i {WUNTRACED | WNOHANG} 0"), ("d", f"kill @n {CONT}")),
    (("d", "fork"), ("n", f"rt_sigprocmask 0 ={mask(CONT, TSTP)} ?m 8"), ("n", f"sigaction {CONT} 2 4 0"),
     ("n", f"kill @n {CONT}"), ("n", f"kill @n {TSTP}"), ("n", f"rt_sigprocmask 1 ={mask(CONT, TSTP)} ?m 8")),
    (("d", "fork"), ("n", "pipe ?8"), ("n", f"sigaction {USR1} 2 {SA_RESTART} 0"), ("n", "read f0 ?d6 6"),
     ("d", f"kill @n {USR1}"), ("d", f"kill @n {USR2}")),
    (("d", f"sigaction {USR1} 3 {SA_NODEFER | SA_SIGINFO} {mask(USR2)}"), ("d", f"kill @d {USR1}"),
     ("d", "rt_sigprocmask 0 =0 ?m 8"), ("d", f"kill @d {USR1}"), ("d", "return")),
    (("d", f"sigaction {CHLD} 0 2 0"), ("d", "fork"), ("n", "exit_group 0"), ("d", "wait4 -1 ?4 1 0")),
    (("d", f"prctl 1 {USR1}"), ("d", "fork"), ("n", f"sigaction {USR1} 2 4 0"), ("n", "fork"), ("m", "exit_group 0")),
    (("d", f"clone {THREAD}"), ("d", f"rt_sigprocmask 0 ={mask(USR1)} ?m 8"), ("d", f"sigaction {USR1} 2 4 0"),
     ("d", f"kill @d {USR1}")),
    (("d", "fork"), ("n", f"semop 0 {_sops((0, -1, 0))} 1"), ("d", f"semop 0 {_sops((0, 1, SEM_UNDO))} 1")),
    (("d", "fork"), ("n", f"semop 0 {_sops((0, 1, SEM_UNDO))} 1"), ("d", f"semop 0 {_sops((1, -1, 0))} 1"),
     ("n", f"semop 0 {_sops((1, 1, SEM_UNDO))} 1"), ("n", "exit_group 0"), ("d", f"semctl 0 0 {GETVAL} 0")),
    (("d", f"clone {THREAD | CLONE_SYSVSEM}"), ("n", f"semop 0 {_sops((0, 2, SEM_UNDO))} 1"), ("n", "exit 7"),
     ("d", f"semctl 0 0 {GETVAL} 0")),
    (("d", f"clone {CLONE_SYSVSEM | CHLD}"), ("n", f"semop 0 {_sops((0, 2, SEM_UNDO))} 1"), ("n", "exit_group 0"),
     ("d", f"semctl 0 0 {GETVAL} 0"), ("d", f"unshare {CLONE_SYSVSEM}"), ("d", f"semctl 0 0 {GETVAL} 0")),
    (("d", "fork"), ("n", "msgrcv 0 ?d8 8 2 0"), ("d", f"msgsnd 0 {MESSAGE[0]} 4 0"),
     ("d", f"msgsnd 0 {MESSAGE[1]} 4 0")),
    (("d", f"shmat 0 {SEGMENT} 0"), ("d", "fork"), ("d", "shmctl 0 0 0"), ("n", f"shmdt {SEGMENT}"), ("d", "exec 0"),
     ("d", f"shmat 0 {SEGMENT} 0")),
]

# Networks: programs that have one choose from these as well.


def _address(port: int) -> str:
    """A pointer to the loopback's address, of 16 bytes."""
    return _structs(struct.pack("<H", 2) + port.to_bytes(2) + b"\x7f\0\0\1" + bytes(8))


ADDRESS = words(*map(_address, (1000, 1000, 1001, 0)))
ANY_PORT = _address(0)
NETWORK_TABLE = [
    _op("socket", "2", words(1, 1, 2, 2, 0o4001), "0", weight=8, flag="-"),
    _op("bind", FD, ADDRESS, words(16, 16, 15), weight=5, flag="-"),
    _op("listen", FD, words(1, 0, 5), weight=4, flag="-"),
    _op("connect", FD, ADDRESS, "16", weight=6, flag="r"),
    _op("accept", FD, "0", "0", weight=5, flag="r"),
    _op("sendto", FD, words("sabcdef", "sxyz"), words(3, 1, 0), words(0, 0x40, 0x4000), ADDRESS, "16", weight=4),
    _op("shutdown", FD, words(0, 1, 2), weight=3),
]
NETWORK_IDIOMS: Sequence[tuple[tuple[str, str], ...]] = [
    (("d", "socket 2 1 0"), ("d", f"bind f0 {_address(1000)} 16"), ("d", "listen f0 1"), ("d", "socket 2 1 0"),
     ("d", f"connect f1 {_address(1000)} 16"), ("d", "accept f0 0 0")),
    (("d", "socket 2 1 0"), ("d", f"bind f0 {_address(1000)} 16"), ("d", "listen f0 1"), ("d", "fork"),
     ("n", "accept f0 0 0"), ("d", "socket 2 1 0"), ("d", f"connect f1 {_address(1000)} 16")),
    (("d", "socket 2 2 0"), ("d", f"bind f0 {_address(1001)} 16"), ("d", "fork"), ("n", "read f0 ?d6 6"),
     ("d", f"sendto f0 sabcdef 3 0 {_address(1001)} 16")),
]

# Terminals: programs that have one choose from these as well.


def _settings(lflag: int) -> str:
    """A pointer to a struct termios."""
    flags = ICRNL | IXON, OPOST | ONLCR, B38400 | CS8 | CREAD, lflag
    return "=" + ",".join(map(str, struct.unpack("<5Q", struct.pack("<4IB19s4x", *flags, 0, INIT_C_CC))))


_LFLAG = ISIG | ICANON | ECHO
FOREGROUND = words(*(f"=@{n}" for n in range(8)), "=@d", "=@d", "=1", "=999")
SCTTY, NOTTY, GPGRP, SPGRP, GSID = map(
    str, (TIOCSCTTY, TIOCNOTTY, TIOCGPGRP, TIOCSPGRP, TIOCGSID))
TERMINAL_TABLE = [
    _op("ioctl", "t", SCTTY, words(0, 1, 0), weight=4),
    _op("ioctl", "t", NOTTY, "0", weight=2),
    _op("ioctl", "t", SPGRP, FOREGROUND, weight=10),
    _op("ioctl", words("t", "t", "m"), words(GPGRP, GPGRP, GSID), "?4", weight=4),
    _op("ioctl", "t", str(TCSETS), words(_settings(_LFLAG | TOSTOP), _settings(_LFLAG)), weight=4),
    _op("ioctl", words("t", "m"), str(TCFLSH), words(0, 1, 7)),
    _op("ioctl", words("t", "m"), str(TIOCSWINSZ), words("=1", "=2", "=65537"), weight=3),
    _op("read", "t", "?d6", "6", weight=6, flag="r"),
    _op("write", "t", "sabc", "3", weight=6),
    _op("type", "m", words("s^C", "s^Z", "sab^J", "s^D", "s^Z"), words(1, 1, 3), code="T", weight=8, flag="z"),
    _op("close", words("t", "m", "t"), weight=4),
    _op("open", "s/dev/tty", words(2, 0o4002), "0", weight=2),
    _op("sigaction", words(TTOU, TTIN, TSTP, HUP, CONT, WINCH, INT), words(HANDLER, IGN, DFL), ACTION_FLAGS, SET,
        code="A", weight=6, flag="-"),
]
TERMINAL_IDIOMS: Sequence[tuple[tuple[str, str], ...]] = [
    (("d", "fork"), ("n", "setpgid 0 0"), ("d", f"ioctl t {SPGRP} =@n")),
    (("d", "fork"), ("n", "setpgid 0 0"), ("d", f"ioctl t {SPGRP} =@n"), ("d", "type m s^Z 1")),
    (("d", "fork"), ("n", "setpgid 0 0"), ("d", f"ioctl t {SPGRP} =@n"), ("n", "read t ?d6 6"), ("d", "type m s^C 1")),
    (("d", "fork"), ("n", "setpgid 0 0"), ("n", "read t ?d6 6")),
    (("d", "fork"), ("n", "setpgid 0 0"), ("n", f"ioctl t {SPGRP} =@n")),
    (("d", "fork"), ("n", "setpgid 0 0"), ("n", f"sigaction {TTOU} 1 0 0"), ("n", f"ioctl t {SPGRP} =@n")),
    (("d", f"ioctl t {TCSETS} {_settings(_LFLAG | TOSTOP)}"), ("d", "fork"), ("n", "setpgid 0 0"),
     ("n", "write t sabc 3")),
    (("d", "fork"), ("n", "setpgid 0 0"), ("n", "fork"), ("m", "exit_group 0"), ("n", "read t ?d6 6")),
    (("d", f"sigaction {HUP} 2 4 0"), ("d", "close m")),
    (("d", "fork"), ("n", "setsid"), ("n", f"ioctl t {SCTTY} 1")),
    (("d", "fork"), ("n", "setsid"), ("d", f"ioctl t {SPGRP} =@n")),
    (("d", "fork"), ("n", f"sigaction {HUP} 2 4 0"), ("n", f"sigaction {CONT} 2 4 0"), ("d", f"ioctl t {NOTTY} 0")),
    (("d", "fork"), ("n", f"sigaction {HUP} 2 4 0"), ("d", "exit_group 0"), ("n", f"ioctl t {GPGRP} ?4")),
    (("d", "fork"), ("n", "setpgid 0 0"), ("d", f"kill @n {STOP}"), ("d", "exit_group 0")),
]
# Their handlers do not restart what they interrupt: it would be interrupted for ever.
BACKGROUND_SIGNALS = frozenset(words(TTIN, TTOU))
# How each program with a terminal begins.
TERMINAL_START: tuple[tuple[str, str], ...] = (("d", "setsid"), ("d", f"ioctl t {SCTTY} 0"))
TERMINAL_WORDS = frozenset("tm")

# What LEFT_OUT keeps out of the tables above, for a real 3.2 as judge.
(TRACEME, CONTINUE, ATTACH, DETACH, SETOPTIONS, GETEVENTMSG, GETSIGINFO, SEIZE, INTERRUPT, LISTEN) = (
    0, 7, 16, 17, 0x4200, 0x4201, 0x4202, 0x4206, 0x4207, 0x4208)
PTRACE_KILL, SEIZE_DEVEL = 8, 0x80000000
PASSED = words(0, 0, USR1, STOP, CONT, TERM, CHLD, TSTP, RT, KILL, 65)
OPTIONS = words(0x7E, 0x7E, 0, 0x0E, 0x40, 0x10, 0x26, 0x3E, 0x8E)
FREE_TABLE = [
    _op("semop", "0", words(_sops((0, 0, 0)), _sops((1, 0, 0))), "1", weight=4),
    _op("semop", "0", words(_sops((0, 0, 0), (0, 1, SEM_UNDO)), _sops((0, 0, 0), (1, 0, 0))), "2", weight=3),
    _op("semop", "-1", ONE_OP, "501", weight=1),
    _op("semctl", "0", words(0, 1), words(GETNCNT, GETZCNT), "0", weight=4, flag="-"),
    _op("semctl", "0", "0", str(IPC_RMID), "0", weight=1),
    _op("semctl", "0", words(0, 1), str(SETVAL), "-1", weight=1),
    _op("ptrace", str(TRACEME), "0", "0", "0", weight=4),
    _op("ptrace", str(ATTACH), ACTOR, "0", "0", weight=8),
    _op("ptrace", str(SEIZE), ACTOR, "0", words(SEIZE_DEVEL, SEIZE_DEVEL, 0), weight=5),
    _op("ptrace", words(CONTINUE, CONTINUE, CONTINUE, DETACH), ACTOR, "0", PASSED, weight=24),
    _op("ptrace", words(LISTEN, INTERRUPT, PTRACE_KILL), ACTOR, "0", "0", weight=8),
    _op("ptrace", str(SETOPTIONS), ACTOR, "0", OPTIONS, weight=8),
    _op("ptrace", str(GETEVENTMSG), ACTOR, "0", "?8", weight=3),
    _op("ptrace", str(GETSIGINFO), ACTOR, "0", "?i", weight=4),
    _op("wait4", ACTOR, "?4", words(WALL | WNOHANG, WALL | WNOHANG | WUNTRACED, WCLONE | WNOHANG), "0", weight=8),
    _op("clone", words(*(CLONE_PTRACE | flag for flag in (CHLD, THREAD, CHLD | CLONE_UNTRACED))), code="F",
        births=True),
    _op("exit", words(3, 7), weight=2, ends=True),
    _op("kill", WHO, str(SYS), weight=2, flag="s"),
    _op("tkill", ACTOR, words(CONT, SYS, QUIT, SEGV), weight=2, flag="s"),
    _op("sigaction", str(SYS), words(HANDLER, IGN, DFL), ACTION_FLAGS, SET, code="A", weight=1, flag="-"),
    _op("waitid", "2", "0", "?i", WAITID_FLAGS, "0", weight=1),
    _op("rt_sigqueueinfo", ACTOR, words(RT, USR1), words("i34,0,1", "i10,-6,2", "i10,128,3"), weight=1, flag="s"),
    _op("clone", words(CLONE_NEWUSER | CHLD, CLONE_NEWUSER | CLONE_NEWUTS | CLONE_FS | CHLD, CLONE_NEWUSER | THREAD),
        code="F", weight=4, births=True),
    _op("clone", words(CLONE_NEWNS | CHLD, CLONE_NEWIPC | CLONE_NEWNET | CHLD, CLONE_NEWNS | CLONE_VM | CHLD), code="F",
        births=True),
    _op("unshare", words(CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWNET | CLONE_NEWNS | CLONE_FS)),
    _op("clone", words(CLONE_PARENT | USR1, CLONE_PARENT, CLONE_VM | CLONE_PARENT | RT), code="F", births=True),
]
FREE_IDIOMS: Sequence[tuple[tuple[str, str], ...]] = [
    (("d", "fork"), ("d", f"ptrace {ATTACH} @n 0 0"), ("d", f"wait4 @n ?4 {WALL | WNOHANG} 0"),
     ("d", f"ptrace {SETOPTIONS} @n 0 126"), ("d", f"ptrace {CONTINUE} @n 0 0")),
    (("d", "fork"), ("n", f"ptrace {TRACEME} 0 0 0"), ("n", f"kill @n {STOP}"), ("d", f"ptrace {SETOPTIONS} @n 0 126"),
     ("d", f"ptrace {CONTINUE} @n 0 {STOP}")),
    (("d", "fork"), ("d", f"ptrace {SEIZE} @n 0 {SEIZE_DEVEL}"), ("d", f"kill @n {STOP}"),
     ("d", f"ptrace {CONTINUE} @n 0 {STOP}"), ("d", f"ptrace {LISTEN} @n 0 0")),
    (("d", "fork"), ("d", f"kill @n {STOP}"), ("d", f"ptrace {ATTACH} @n 0 0"), ("d", f"ptrace {DETACH} @n 0 0")),
    (("d", "fork"), ("n", "fork"), ("d", f"ptrace {ATTACH} @n 0 0"), ("d", f"ptrace {CONTINUE} @n 0 0"),
     ("n", "exit_group 1"), ("d", f"wait4 @n ?4 {WALL | WNOHANG} 0")),
    (("d", f"clone {THREAD}"), ("d", "fork"), ("d", f"ptrace {ATTACH} @n 0 0"), ("m", "exit 7")),
    (("d", "fork"), ("n", f"clone {THREAD}"), ("d", f"ptrace {ATTACH} @n 0 0"), ("d", f"ptrace {SETOPTIONS} @n 0 126"),
     ("d", f"ptrace {CONTINUE} @n 0 0"), ("m", "exec 0"), ("d", f"wait4 -1 ?4 {WALL | WNOHANG} 0"),
     ("d", f"ptrace {CONTINUE} @n 0 0")),
]
FREE_TERMINAL_TABLE = [
    _op("ioctl", "t", SPGRP, words("=-1", "=-5"), weight=1),
    _op("type", "m", words("s^\\", "sab^\\"), words(1, 3), code="T", weight=2, flag="z"),
    _op("vhangup", weight=1, flag="z"),
]

# By name: what the interpreters and the generator look up does not depend on the arguments.
OPERATIONS = {
    operation.name: operation for operation in (*FREE_TERMINAL_TABLE, *TERMINAL_TABLE, *NETWORK_TABLE, *FREE_TABLE)
}
OPERATIONS |= {operation.name: operation for operation in TABLE}
