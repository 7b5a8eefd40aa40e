"""kernel/sys.c, capability.c, groups.c, timer.c, siginfo on scripted processes; user memory is a host buffer."""

from __future__ import annotations

from collections.abc import Callable
import struct
from typing import Any

import pytest

from procession.include.linux.cred import CAP_CHOWN, CAP_DAC_OVERRIDE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.resource import RLIM_INFINITY, RLIMIT_CORE, RLIMIT_CPU, Rusage
from procession.include.linux.sched import Task
from procession.include.linux.signal import Siginfo
from procession.kernel import capability, exec_domain, groups, printk, reboot, siginfo, sys, sys_ids, sys_prctl, timer

Machine = Any       # conftest.py's
KEEP = 0xFFFFFFFF


class Buffer:
    """A HostBuffer of bytes."""

    def __init__(self, data: bytes | int) -> None:
        self.data = bytearray(data)

    def load(self, offset: int, size: int) -> bytes:
        if offset + size > len(self.data):
            raise LinuxError(Errno.EFAULT)
        return bytes(self.data[offset:offset + size])

    def store(self, offset: int, data: bytes) -> None:
        if offset + len(data) > len(self.data):
            raise LinuxError(Errno.EFAULT)
        self.data[offset:offset + len(data)] = data

    def __len__(self) -> int:
        return len(self.data)


def results(m: Machine, *calls: Callable[[Task], int], uid: int = 0) -> list[int]:
    """Have a process make these calls; returns what they answered."""
    p = m.process(*calls, uid=uid)
    m.run()
    return p.thread.results


# Users and groups.


def ids(current: Task) -> tuple[int, int, int, int]:
    c = current.cred
    return c.uid, c.euid, c.suid, c.fsuid


@pytest.mark.parametrize(("call", "expected"), [
    (lambda c: sys_ids.sys_setuid(c, 5), (5, 5, 5, 5)),
    (lambda c: sys_ids.sys_setreuid(c, KEEP, 5), (0, 5, 5, 5)),
    (lambda c: sys_ids.sys_setreuid(c, 5, KEEP), (5, 0, 0, 0)),
    (lambda c: sys_ids.sys_setresuid(c, 1, 2, 3), (1, 2, 3, 2)),
    (lambda c: sys_ids.sys_setresuid(c, KEEP, KEEP, 3), (0, 0, 3, 0)),
    (lambda c: sys_ids.sys_setfsuid(c, 7), (0, 0, 0, 7)),
])
def test_setuid_family_as_root(m: Machine, call: Callable[[Task], int], expected: tuple[int, ...]) -> None:
    """Real, effective, saved, file system uid afterwards."""
    seen = []
    results(m, call, lambda c: seen.append(ids(c)))

    assert seen == [expected]


def test_leaving_root_and_capabilities(m: Machine) -> None:
    """Leaving for good clears both sets; leaving by euid keeps the permitted one, which coming back restores."""
    seen = []
    note = lambda c: seen.append((bool(c.cred.cap_permitted), bool(c.cred.cap_effective)))  # noqa: E731
    results(
        m, lambda c: sys_ids.sys_setresuid(c, KEEP, 5, KEEP), note, lambda c: sys_ids.sys_setresuid(c, KEEP, 0, KEEP),
        note, lambda c: sys_ids.sys_setuid(c, 5), note,
    )

    assert seen == [(True, False), (True, True), (False, False)]


def test_keepcaps(m: Machine) -> None:
    """PR_SET_KEEPCAPS keeps the permitted set."""
    seen = []
    results(m, lambda c: sys_prctl.sys_prctl(c, 8, 1, 0, 0, 0), lambda c: sys_ids.sys_setuid(c, 5),
            lambda c: seen.append((bool(c.cred.cap_permitted), c.cred.cap_effective)))

    assert seen == [(True, 0)]


def test_setuid_without_privilege(m: Machine) -> None:
    """Only between the ids one has; the setfsuid answer is the old one either way."""
    assert results(
        m, lambda c: sys_ids.sys_setuid(c, 6), lambda c: sys_ids.sys_setuid(c, 5),
        lambda c: sys_ids.sys_setresuid(c, 6, KEEP, KEEP), lambda c: sys_ids.sys_setfsuid(c, 6),
        lambda c: sys_ids.sys_setgid(c, 9), lambda c: groups.sys_setgroups(c, 0, 0), uid=5,
    )[:6] == [-Errno.EPERM, 0, -Errno.EPERM, 5, -Errno.EPERM, -Errno.EPERM]


def test_user_struct_accounting(m: Machine) -> None:
    """setuid moves the process from one user's count to the other's."""
    before = m.k.users.root_user.processes
    counts = []
    p = m.process(lambda c: sys_ids.sys_setuid(c, 5), lambda c: counts.append(
        (m.k.users.root_user.processes, c.cred.user.uid, c.cred.user.processes)))
    m.run()

    assert counts == [(before, 5, 1)]
    assert p.cred.user is p.real_cred.user


def test_groups(m: Machine) -> None:
    """The list comes back sorted; asking with 0 returns the number."""
    out = Buffer(12)
    assert results(
        m, lambda c: groups.sys_setgroups(c, 3, Buffer(struct.pack("<3I", 30, 10, 20))),
        lambda c: groups.sys_getgroups(c, 0, 0), lambda c: groups.sys_getgroups(c, 2, out),
        lambda c: groups.sys_getgroups(c, 3, out), lambda c: int(groups.in_group_p(c, 20)),
    )[:5] == [0, 3, -Errno.EINVAL, 3, 1]
    assert struct.unpack("<3I", out.data) == (10, 20, 30)


def test_capget_and_capset(m: Machine) -> None:
    """Version 3 carries 64 bits; a wrong version is told the right one; capset cannot raise."""
    header, data = Buffer(struct.pack("<Ii", 0x20080522, 0)), Buffer(24)
    wrong = Buffer(struct.pack("<Ii", 1, 0))
    drop = Buffer(struct.pack("<6I", 1, 3, 0, 0, 0, 0))
    more = Buffer(struct.pack("<6I", 1, 7, 0, 0, 0, 0))
    assert results(
        m, lambda c: capability.sys_capget(c, header, data), lambda c: capability.sys_capget(c, wrong, data),
        lambda c: capability.sys_capget(c, wrong, 0), lambda c: capability.sys_capset(c, header, drop),
        lambda c: capability.sys_capset(c, header, more), lambda c: int(capability.capable(c, CAP_CHOWN)),
        lambda c: int(capability.capable(c, CAP_DAC_OVERRIDE)),
    )[:7] == [0, -Errno.EINVAL, 0, 0, -Errno.EPERM, 1, 0]
    assert struct.unpack("<I", wrong.data[:4]) == (0x20080522,)
    assert struct.unpack("<6I", data.data)[0] == 0xFFFFFFFF


# Groups and sessions.


def test_setpgid_rules(m: Machine) -> None:
    """Spec 11.1: children that have exec'ed, session leaders, other sessions."""
    parent = m.process()
    child, execed, leader = (m.process(parent=parent) for _ in range(3))
    execed.did_exec = True
    stranger = m.process()
    setpgid = sys.sys_setpgid
    leader.thread.actions.insert(0, sys.sys_setsid)
    parent.thread.actions[:0] = [
        lambda c: setpgid(c, child.pid, -1), lambda c: setpgid(c, 999, 0), lambda c: setpgid(c, child.pid, 0),
        lambda c: setpgid(c, execed.pid, 0), lambda c: setpgid(c, stranger.pid, 0),
        lambda c: setpgid(c, 0, child.pid), lambda c: setpgid(c, 0, 999), lambda c: sys.sys_getpgid(c, child.pid),
        sys.sys_getpgrp,
    ]
    m.run()

    assert parent.thread.results == [
        -Errno.EINVAL, -Errno.ESRCH, 0, -Errno.EACCES, -Errno.ESRCH, 0, -Errno.EPERM, child.pid, child.pid,
    ]
    assert leader.thread.results == [leader.pid]

    again = m.process(lambda c: setpgid(c, 0, leader.pid), parent=parent)
    leader.thread.actions = [sys.sys_setsid, lambda c: setpgid(c, 0, 0), lambda c: sys.sys_getsid(c, 0)]
    m.kill(leader, 10)
    m.run()

    assert again.thread.results == [-Errno.EPERM]


def test_setsid(m: Machine) -> None:
    """A group leader may not, its child may; then it leads session and group, and may not again."""
    p = m.process(lambda c: sys.sys_setpgid(c, 0, 0), sys.sys_setsid)
    m.run()
    child = m.process(
        sys.sys_setsid, sys.sys_setsid, lambda c: sys.sys_getsid(c, 0), lambda c: sys.sys_getpgid(c, 0), parent=p,
    )
    m.run()

    assert p.thread.results == [0, -Errno.EPERM]
    assert child.thread.results == [child.pid, -Errno.EPERM, child.pid, child.pid]
    assert child.signal.leader


# Limits, priorities, usage.


def test_prlimit(m: Machine) -> None:
    """Raising the hard limit is a privilege; the soft one stays below it; CPU 0 means 1."""
    rlim = lambda soft, hard: Buffer(struct.pack("<QQ", soft, hard))  # noqa: E731
    out = Buffer(16)
    assert results(
        m, lambda c: sys.sys_setrlimit(c, 16, rlim(1, 1)), lambda c: sys.sys_setrlimit(c, RLIMIT_CORE, rlim(2, 1)),
        lambda c: sys.sys_setrlimit(c, RLIMIT_CORE, rlim(1, 2)),
        lambda c: sys.sys_setrlimit(c, RLIMIT_CORE, rlim(1, 3)),
        lambda c: sys.sys_setrlimit(c, RLIMIT_CPU, rlim(0, RLIM_INFINITY)),
        lambda c: sys.sys_prlimit64(c, 0, RLIMIT_CPU, 0, out), lambda c: sys.sys_prlimit64(c, 1, RLIMIT_CPU, 0, out),
        lambda c: sys.sys_prlimit64(c, 999, 0, 0, 0), uid=5,
    )[:8] == [-Errno.EINVAL, -Errno.EINVAL, 0, -Errno.EPERM, 0, 0, -Errno.EPERM, -Errno.ESRCH]
    assert struct.unpack("<QQ", out.data) == (1, RLIM_INFINITY)


def test_priorities(m: Machine) -> None:
    """getpriority returns 20 - nice; going down needs RLIMIT_NICE or a capability."""
    other = m.process()
    assert results(
        m, lambda c: sys.sys_setpriority(c, 0, 0, 5), lambda c: sys.sys_getpriority(c, 0, 0),
        lambda c: sys.sys_setpriority(c, 0, 0, 0), lambda c: sys.sys_setpriority(c, 0, other.pid, 19),
        lambda c: sys.sys_setpriority(c, 0, 999, 0), lambda c: sys.sys_setpriority(c, 3, 0, 0),
        lambda c: sys.sys_getpriority(c, 2, 0), lambda c: sys.sys_setpriority(c, 0, 0, 100),
        lambda c: sys.sys_getpriority(c, 0, 0), uid=5,
    )[:9] == [0, 15, -Errno.EACCES, -Errno.EPERM, -Errno.ESRCH, -Errno.EINVAL, 15, 0, 1]


def test_rusage_layout() -> None:
    """144 bytes, context switches last; a jiffy is 4,000,250 ns."""
    usage = Rusage(utime=375, stime=1, maxrss=7, minflt=3, majflt=4, nvcsw=5, nivcsw=6)
    raw = sys.pack_rusage(usage)

    assert struct.unpack("<18q", raw) == (1, 500_093, 0, 4000, 7, 0, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 5, 6)


def test_times_counts_from_the_jiffies_offset(m: Machine) -> None:
    """times(2) returns a tick counter that began five minutes before 2**32 jiffies."""
    ticks = results(m, lambda c: sys.sys_times(c, 0))[0]

    assert ticks == ((1 << 32) - 300 * 250) * 4_000_250 // 10_000_000


# Names and the rest.


def test_uname_and_personality(m: Machine) -> None:
    """The UTS names, changed; and what personality(2) makes of them."""
    out = Buffer(390)
    names = []
    read = lambda c: (sys.sys_uname(c, out), names.append(  # noqa: E731
        [bytes(out.data[at:at + 65]).rstrip(b"\0").decode() for at in (65, 130, 260)]))[0]
    answers = results(
        m, lambda c: sys.sys_sethostname(c, Buffer(b"box"), 3), read, lambda c: sys.sys_sethostname(c, 0, 65),
        lambda c: exec_domain.sys_personality(c, 0x20008), read,
        lambda c: exec_domain.sys_personality(c, 0xFFFFFFFF),
    )

    assert answers == [0, 0, -Errno.EINVAL, 0, 0, 0x20008]
    assert names == [["box", "3.2.0", "x86_64"], ["box", "2.6.42", "i686"]]


def test_prctl(m: Machine) -> None:
    """Options of 3.2, and errno for later ones."""
    out = Buffer(16)
    prctl = lambda *args: lambda c: sys_prctl.sys_prctl(c, *args, *(0,) * (5 - len(args)))  # noqa: E731
    p = m.process(
        prctl(15, Buffer(b"a-name-that-is-too-long\0")), prctl(16, out), prctl(1, 65), prctl(1, 15), prctl(36, 1),
        prctl(38, 1), prctl(29, 7), prctl(30), prctl(29, 0), prctl(30), prctl(22, 2), prctl(22, 1), prctl(22, 1),
        prctl(23, 0), prctl(24, 0), prctl(23, 0), prctl(23, 99), prctl(28, 1 << 4), prctl(27), prctl(3 << 8),
    )
    m.run()

    assert p.comm == "a-name-that-is-"
    assert out.data == b"a-name-that-is-\0"
    assert p.thread.results == [
        0, 0, -22, 0, -22, -22, 0, 7, 0, 50_000, -22, 0, -1, 1, 0, 0, -22, 0, 1 << 4, -22,
    ]


def test_ids_of_processes(m: Machine) -> None:
    """getpid, gettid, getppid."""
    p = m.process(timer.sys_getpid, timer.sys_gettid, timer.sys_getppid, timer.sys_getuid)
    m.run()

    assert p.thread.results == [p.pid, p.pid, 1, 0]


def test_sysinfo(m: Machine) -> None:
    """112 bytes with memory in bytes."""
    out = Buffer(112)
    results(m, lambda c: timer.sys_sysinfo(c, out))
    fields = struct.unpack("<q3Q6QH6x2QI4x", out.data)

    assert fields[0] == 1
    assert fields[4] == m.k.mm.total_pages * 4096
    assert fields[-1] == 1


def test_syslog(m: Machine) -> None:
    """The log can be read and cleared."""
    m.k.printk("hello")
    out = Buffer(4096)
    sizes = results(m, lambda c: printk.sys_syslog(c, 3, out, 4096), lambda c: printk.sys_syslog(c, 5, 0, 0),
                    lambda c: printk.sys_syslog(c, 3, out, 4096), lambda c: printk.sys_syslog(c, 11, 0, 0))

    assert bytes(out.data[:sizes[0]]).splitlines()[-1].endswith(b"] hello")
    assert sizes[1:] == [0, 0, -Errno.EINVAL]


def test_reboot(m: Machine) -> None:
    """Magic numbers first, then the machine stops."""
    p = m.process(
        lambda c: reboot.sys_reboot(c, 1, 2, 3, 0),
        lambda c: reboot.sys_reboot(c, 0xFEE1DEAD, 672274793, 0x4321FEDC, 0),
    )
    m.k.init_program = None
    from procession.kernel import entry  # noqa: PLC0415

    assert entry.run(m.k) == entry.HALTED
    assert p.thread.results == [-Errno.EINVAL]


# siginfo_t.


class Room:
    """A user's siginfo_t, full of zeros."""

    def __init__(self) -> None:
        self.data = bytearray(128)

    def __len__(self) -> int:
        return len(self.data)

    def load(self, offset: int, size: int) -> bytes:
        return bytes(self.data[offset : offset + size])

    def store(self, offset: int, data: bytes) -> None:
        self.data[offset : offset + len(data)] = data


def in_user_space(m: Machine, info: Siginfo) -> bytes:
    room = Room()
    siginfo.copy_siginfo_to_user(m.process(), room, info)
    return bytes(room.data)


@pytest.mark.parametrize("info", [
    Siginfo(signo=10, code=0, pid=5, uid=6),
    Siginfo(signo=17, code=1, pid=5, uid=6, status=3, utime=1, stime=2),
    Siginfo(signo=11, code=1, addr=0xFFFF800000000000),
    Siginfo(signo=34, code=-1, pid=5, uid=6, value=0x1122334455667788),
    Siginfo(signo=14, code=-2, tid=3, overrun=4, value=9),
    Siginfo(signo=29, code=1, band=0x41, fd=3),
    Siginfo(signo=5, code=0x80 | 5, pid=5, uid=6),
])
def test_siginfo_round_trip(m: Machine, info: Siginfo) -> None:
    """The layout of each kind survives the way out and back; 128 bytes."""
    raw = in_user_space(m, info)
    back = siginfo.siginfo_from_user(raw)
    back.raw = b""

    assert [getattr(back, name) for name in Siginfo.__slots__] == [getattr(info, name) for name in Siginfo.__slots__]


def test_siginfo_of_a_user_is_passed_on_unread(m: Machine) -> None:
    """What sigqueue's caller put beyond the fields we know arrives, under the signal's own number."""
    raw = struct.pack("<iii", 99, 1, -1) + bytes(range(116))
    info = siginfo.siginfo_from_user(raw)
    info.signo = 34

    assert in_user_space(m, info) == struct.pack("<i", 34) + raw[4:]
