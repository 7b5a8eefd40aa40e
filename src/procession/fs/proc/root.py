"""The root of /proc: mounting, and the files about the whole machine (fs/proc/root.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.drivers.tty import sysrq
from procession.fs import dcache
from procession.fs import super as fs_super
from procession.fs.proc import (
    base,
    cmdline,
    cpuinfo,
    devices,
    filesystems,
    generic,
    interrupts,
    kmsg,
    loadavg,
    locks,
    meminfo,
    proc_sysctl,
    sched_debug,
    slabinfo,
    stat,
    sysvipc,
    uptime,
    version,
)
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import DT_LNK, MAX_LFS_FILESIZE, POLLIN, POLLRDNORM, Inode
from procession.include.linux.magic import PROC_SUPER_MAGIC
from procession.include.linux.proc_fs import ProcDir, ProcLink, ProcSuperBlock
from procession.kernel import cgroup_procs, pid
from procession.lib import string
from procession.security.keys import proc as key_proc

if TYPE_CHECKING:
    from procession.include.linux.fs import SuperBlock
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.pid import PidNamespace
    from procession.include.linux.sched import Task

__all__ = ("ProcRoot", "proc_mount", "proc_root_init", "proc_sb")


def proc_root_init(k: Kernel) -> None:
    """Register the file system; after vfs_init, before the root is mounted."""
    proc_sysctl.proc_sys_init(k)
    fs_super.register_filesystem(k, fs_super.FileSystemType("proc", proc_mount))


def proc_mount(k: Kernel, current: Task | None, flags: int, dev: str, options: str) -> SuperBlock:
    """Return the instance of the mounting task's pid namespace: all its mounts are one file system."""
    ns = k.init_pid_ns
    if current is not None:
        ns = pid.task_active_pid_ns(current)
    return proc_sb(k, ns)


def proc_sb(k: Kernel, ns: PidNamespace) -> ProcSuperBlock:
    """Return the instance that shows ns, made on first use."""
    for sb in k.vfs.proc_sbs:
        if sb.ns is ns:
            return sb
    sb = ProcSuperBlock(k, fs_super.get_anon_bdev(k), PROC_SUPER_MAGIC, ns)
    root = ProcRoot(sb)
    sb.s_root = dcache.d_make_root(root)
    _add_files(root, sb)
    k.vfs.proc_sbs.append(sb)
    return sb


class ProcRoot(ProcDir):
    """/proc: files about the machine, self, then the processes."""

    d_cache = False
    d_maxbytes = MAX_LFS_FILESIZE

    def __init__(self, sb: ProcSuperBlock) -> None:
        super().__init__(sb)
        self.self_link = ProcLink(sb, self._self)

    def _self(self, current: Task) -> str:
        nr = pid.task_tgid_nr_ns(current, self.proc_sb.ns)
        if not nr:
            raise LinuxError(Errno.ENOENT, "the reader is not in this namespace")
        return str(nr)

    def lookup(self, name: str) -> Inode:
        """Return an entry; raises ENOENT."""
        inode = self.entries.get(name)
        if inode is not None:
            return inode
        return self.self_link if name == "self" else base.proc_pid_lookup(self.proc_sb, name)

    def readdir(self, current: Task) -> list[tuple[str, int, int]]:
        """List the machine's files, then self, then the processes by number."""
        return [*super().readdir(current), ("self", self.self_link.i_ino, DT_LNK), *base.proc_pid_readdir(self.proc_sb)]


def _swaps_show(_current: Task) -> bytes:
    return b"Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n"


def _add_files(root: ProcRoot, sb: ProcSuperBlock) -> None:
    """Make the entries that are there from the start."""
    for name, show in (
        ("cgroups", lambda current: string.to_bytes(cgroup_procs.proc_cgroupstats_show(current.kernel))),
        ("cmdline", cmdline.cmdline_proc_show),
        ("cpuinfo", cpuinfo.show_cpuinfo),
        ("devices", devices.devinfo_show),
        ("filesystems", filesystems.filesystems_proc_show),
        ("key-users", key_proc.proc_key_users_show),
        ("interrupts", interrupts.show_interrupts),
        ("loadavg", loadavg.loadavg_proc_show),
        ("locks", locks.locks_show),
        ("meminfo", meminfo.meminfo_proc_show),
        ("partitions", lambda _: b"major minor  #blocks  name\n\n"),
        ("sched_debug", sched_debug.sched_debug_show),
        ("schedstat", sched_debug.show_schedstat),
        ("stat", stat.show_stat),
        ("uptime", uptime.uptime_proc_show),
        ("version", version.version_proc_show),
        ("vmstat", meminfo.vmstat_show),
    ):
        root.add(name, generic.ProcReg(sb, 0o444, show))
    root.add("kmsg", kmsg.KmsgInode(sb))
    root.add("swaps", generic.ProcReg(sb, 0o444, _swaps_show, pollmask=POLLIN | POLLRDNORM))
    root.add("slabinfo", generic.ProcReg(sb, 0o600, slabinfo.slabinfo_show))
    root.add("mounts", ProcLink(sb, lambda _: "self/mounts"))
    root.add("sysrq-trigger", sysrq.SysrqTriggerInode(sb))
    root.add("sys", proc_sysctl.proc_sys_dir(sb))
    tty = ProcDir(sb)
    tty.add("drivers", generic.ProcReg(sb, 0o444, devices.tty_drivers_show))
    root.add("tty", tty)
    root.add("sysvipc", sysvipc.sysvipc_dir(sb))
