"""Records of processes that have ended (kernel/acct.c; spec files 11.1)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.drivers.tty import tty_io
from procession.fs import file_table, namei, open, statfs
from procession.include.linux.cred import CAP_SYS_PACCT
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_APPEND, O_WRONLY
from procession.include.linux.fs import S_IFMT, S_IFREG
from procession.include.linux.jiffies import nsecs_to_jiffies
from procession.include.linux.kdev_t import new_decode_dev
from procession.include.linux.pid import PidNamespace
from procession.include.linux.printk import KERN_INFO
from procession.include.linux.resource import RLIM_INFINITY, RLIMIT_FSIZE
from procession.include.linux.sched import PF_DUMPCORE, PF_FORKNOEXEC, PF_SIGNALED, PF_SUPERPRIV, thread_group_leader
from procession.include.linux.syscalls import syscall
from procession.include.linux.time import NSEC_PER_SEC, TICK_NSEC
from procession.include.linux.types import Path
from procession.include.linux.undo import Undo
from procession.kernel import capability, cred, pid, posix_cpu_timers
from procession.lib import string
from procession.mm import slab, uaccess

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.fs import File, Vfsmount
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("acct_auto_close_mnt", "acct_collect", "acct_exit_ns", "acct_init", "acct_process", "sys_acct")

AFORK: Final = 0x01  # forked, and never executed anything
ASU: Final = 0x02  # has used privileges
ACORE: Final = 0x08
AXSIG: Final = 0x10  # killed by a signal
ACCT_VERSION: Final = 3
AHZ: Final = 100  # the records' ticks a second
MANTSIZE: Final = 13
EXPSIZE: Final = 3
MAXFRACT: Final = (1 << MANTSIZE) - 1
_RECORD: Final = struct.Struct("<BBHIIIIIII8H16s")
_NOTED: Final = PF_FORKNOEXEC | PF_SUPERPRIV | PF_DUMPCORE | PF_SIGNALED


class BsdAcct:
    """Where a pid namespace's records go (struct bsd_acct_struct).

    active: there is room for them.  needcheck_ns: when to look again.  cred: the opener's, with a reference.
    """

    __slots__ = ("active", "cred", "file", "needcheck_ns", "ns")

    def __init__(self, ns: PidNamespace, file: File, cred: Cred, needcheck_ns: int) -> None:
        self.ns = ns
        self.file = file
        self.cred = cred
        self.active = True
        self.needcheck_ns = needcheck_ns


def acct_init(k: Kernel) -> None:
    """Make what accounting is counted in, and its tunables.

    At so many percent free it resumes, at so many it is suspended, and every so many seconds that is looked at.
    """
    slab.kmem_cache_create(k, "bsd_acct_struct", 56)
    k.acct_parm = [4, 2, 30]
    k.acct_auto_close_mnt = acct_auto_close_mnt


# On and off.


@syscall
async def sys_acct(current: Task, name: Path) -> int:
    """Turn accounting of current's pid namespace on, to a file, or off (acct(2)).

    Raises EPERM, EACCES if it is no regular file, and what open(2) does.
    """
    if not capability.capable(current, CAP_SYS_PACCT):
        raise LinuxError(Errno.EPERM, "accounting needs CAP_SYS_PACCT")
    if not isinstance(name, int) or name:
        await acct_on(current, namei.getname(current, name))
        return 0
    ns = pid.task_active_pid_ns(current)
    if ns.bacct is not None:
        await acct_file_reopen(current, ns, None)
    return 0


async def acct_on(current: Task, name: str) -> None:
    """Let the records go to a file; raises EACCES, EIO, ENOMEM."""
    k = current.kernel
    file = await open.filp_open(current, name, O_WRONLY | O_APPEND, 0)
    with Undo() as undo:
        undo.push((file_table.fput, current, file))
        if file.inode.i_mode & S_IFMT != S_IFREG:
            raise LinuxError(Errno.EACCES, "not a regular file")
        if not file.has_op(write=True):
            raise LinuxError(Errno.EIO, "not a file that can be written to")
        k.caches["bsd_acct_struct"].alloc()
    ns = pid.task_active_pid_ns(current)
    current.cred.usage += 1
    await acct_file_reopen(current, ns, BsdAcct(ns, file, current.cred, _next_check(k)))


def _next_check(k: Kernel) -> int:
    return k.clock.now_ns + k.acct_parm[2] * NSEC_PER_SEC


async def acct_file_reopen(current: Task, ns: PidNamespace, new: BsdAcct | None) -> None:
    """Exchange where a namespace's records go; the old file gets current's as its last, unless accounting ends."""
    k = current.kernel
    old = ns.bacct
    if old is not None:
        old.active = False
        del k.acct_list[old]
    ns.bacct = new
    if new is not None:
        k.acct_list[new] = None
    if old is None:
        return
    # 3.2 has one structure for both files: the old one's record is written if the new one is active.
    old.active = new is not None
    current.held += (old.file, old.cred)
    await do_acct_process(current, old)
    del current.held[-2:]
    _free(k, current, old)


def _free(k: Kernel, current: Task | None, acct: BsdAcct) -> None:
    """Close a file that gets no more records."""
    file_table.fput(current, acct.file)
    cred.put_cred(k, acct.cred)
    k.caches["bsd_acct_struct"].free()


def acct_auto_close_mnt(k: Kernel, mnt: Vfsmount) -> None:
    """A mount is taken away: end the accounting that goes there."""
    for acct in list(k.acct_list):
        if acct.file.f_path.mnt is mnt:
            del k.acct_list[acct]
            acct.ns.bacct = None
            _free(k, None, acct)


async def acct_exit_ns(current: Task, ns: PidNamespace) -> None:
    """A pid namespace ends, and its accounting with it."""
    if ns.bacct is not None:
        await acct_file_reopen(current, ns, None)


# When there is too little room.


def check_free_space(k: Kernel, acct: BsdAcct) -> bool:
    """Whether records are written: not while the file system is as good as full, which is looked at now and then."""
    if k.clock.now_ns < acct.needcheck_ns:
        return acct.active
    blocks, available = statfs.free_blocks(k, acct.file.f_path.mnt)
    resume, suspend = k.acct_parm[0], k.acct_parm[1]
    act = 0
    if available <= blocks * suspend // 100:
        act = -1
    elif available >= blocks * resume // 100:
        act = 1
    if acct not in k.acct_list:
        # It is being closed: who would be told?
        return act > 0 if act else acct.active
    if acct.active and act < 0:
        acct.active = False
        k.printk("Process accounting paused", KERN_INFO)
    elif not acct.active and act > 0:
        acct.active = True
        k.printk("Process accounting resumed", KERN_INFO)
    acct.needcheck_ns = _next_check(k)
    return acct.active


# Records.


def encode_comp_t(value: int) -> int:
    """Return a number as 13 bits and a 3-bit exponent of 8, rounded."""
    exp = rnd = 0
    while value > MAXFRACT:
        rnd = value & 1 << EXPSIZE - 1
        value >>= EXPSIZE
        exp += 1
    if rnd:
        value += 1
        if value > MAXFRACT:
            value >>= EXPSIZE
            exp += 1
    return ((exp << MANTSIZE) + value) & 0xFFFF


def encode_float(value: int) -> int:
    """Return the bits of a whole number as an IEEE float, cut."""
    if not value:
        return 0
    exp = value.bit_length() - 1
    mantissa = value << 23 - exp if exp <= 23 else value >> exp - 23
    return mantissa & 0x7FFFFF | exp + 127 << 23


def _ticks(ns: int) -> int:
    """Return AHZ ticks, of whole jiffies."""
    return nsecs_to_jiffies(ns) * TICK_NSEC // (NSEC_PER_SEC // AHZ)


def acct_collect(current: Task, *, group_dead: bool) -> None:
    """Note of a dying thread what its process's record will say; before it gives up its memory."""
    sig = current.signal
    flags = current.flags
    if flags & _NOTED:
        if flags & PF_FORKNOEXEC and thread_group_leader(current):
            sig.ac_flag |= AFORK
        if flags & PF_SUPERPRIV:
            sig.ac_flag |= ASU
        if flags & PF_DUMPCORE:
            sig.ac_flag |= ACORE
        if flags & PF_SIGNALED:
            sig.ac_flag |= AXSIG
    if group_dead and current.kernel.acct_list and current.mm is not None:
        sig.ac_mem = sum([vma.vm_end - vma.vm_start for vma in current.mm.mmap]) // 1024


async def acct_process(current: Task) -> None:
    """Write the record of current's process, whose last thread it is, for each namespace it is in that wants one."""
    ns: PidNamespace | None = pid.task_active_pid_ns(current)
    while ns is not None:
        acct = ns.bacct
        if acct is not None:
            current.held += (file_table.get_file(acct.file), acct.cred)
            acct.cred.usage += 1
            try:
                await do_acct_process(current, acct)
            finally:
                file, of = acct.file, acct.cred
                del current.held[-2:]
                file_table.fput(current, file)
                cred.put_cred(current.kernel, of)
        ns = ns.parent


async def do_acct_process(current: Task, acct: BsdAcct) -> None:
    """Write a record of current as its opener, whatever current's own limit on files is; errors are ignored."""
    if not check_free_space(current.kernel, acct):
        return
    record = _record(current, acct.ns)
    rlim = current.signal.rlim
    limit = rlim[RLIMIT_FSIZE]
    old = current.cred
    rlim[RLIMIT_FSIZE] = (RLIM_INFINITY, limit[1])
    current.cred = acct.cred
    current.held.append(old)
    try:
        await acct.file.write(current, uaccess.KernelBuffer(record), len(record), None)
    except LinuxError as error:
        current.kernel.printk_once("acct", f"process accounting: {error}", KERN_INFO)
    finally:
        current.held.pop()
        current.cred = old
        rlim[RLIMIT_FSIZE] = limit


def _tty(current: Task) -> int:
    tty = current.signal.tty
    return 0 if tty is None else tty_io.tty_devnum(tty)


def _record(current: Task, ns: PidNamespace) -> bytes:
    k = current.kernel
    sig = current.signal
    leader = current.group_leader
    elapsed = (k.clock.now_ns - leader.start_time) // (NSEC_PER_SEC // AHZ)
    utime, stime, _ = posix_cpu_timers.thread_group_cputime(current)
    major, minor = new_decode_dev(_tty(current))
    return _RECORD.pack(
        sig.ac_flag,
        ACCT_VERSION,
        (major << 8 | minor) & 0xFFFF,
        leader.exit_code & 0xFFFFFFFF,
        current.real_cred.uid,
        current.real_cred.gid,
        pid.task_tgid_nr_ns(current, ns),
        pid.task_tgid_nr_ns(current.real_parent, ns),
        (k.boot_time_ns + k.clock.now_ns) // NSEC_PER_SEC - elapsed // AHZ & 0xFFFFFFFF,
        encode_float(elapsed),
        encode_comp_t(_ticks(utime)),
        encode_comp_t(_ticks(stime)),
        encode_comp_t(sig.ac_mem),
        0,  # characters and blocks moved, and swaps: 3.2 does not know
        0,
        encode_comp_t(sig.min_flt + sum([t.min_flt for t in sig.threads])),
        encode_comp_t(sig.maj_flt + sum([t.maj_flt for t in sig.threads])),
        0,
        string.to_bytes(current.comm)[:15],
    )
