"""The root of /proc: mounting, and the files about the whole machine (fs/proc/root.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
    lockdep_proc,
    locks,
    machine,
    meminfo,
    page,
    proc_sysctl,
    sched_debug,
    slabinfo,
    stat,
    sysvipc,
    timer_list,
    uptime,
    version,
    vmstat,
)
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import DT_LNK, MAX_LFS_FILESIZE, POLLIN, POLLRDNORM, Inode, Kstat
from procession.include.linux.magic import PROC_SUPER_MAGIC
from procession.include.linux.proc_fs import ProcDir, ProcLink, ProcSuperBlock
from procession.kernel import cgroup_procs, kallsyms, pid
from procession.lib import string
from procession.security.keys import proc as key_proc

if TYPE_CHECKING:
    from procession.include.linux.fs import SuperBlock
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.pid import PidNamespace
    from procession.include.linux.sched import Task

__all__ = ("ProcRoot", "proc_mount", "proc_root_init", "proc_sb")


def proc_root_init(k: Kernel) -> None:
    """Register the file system; after vfs_init, before the root is mounted."""
    proc_sysctl.proc_sys_init(k)
    fs_super.register_filesystem(k, fs_super.FileSystemType("proc", proc_mount, proc_owner, visible=True))


def proc_mount(k: Kernel, current: Task | None, flags: int, dev: str, options: str) -> SuperBlock:
    """Return the instance of the mounting task's pid namespace: all its mounts are one file system."""
    ns = k.init_pid_ns
    if current is not None:
        ns = pid.task_active_pid_ns(current)
    return proc_sb(k, ns)


def proc_owner(current: Task) -> UserNamespace | None:
    """Return who owns what current would mount (an OwnerFn): whoever owns its pid namespace."""
    return pid.task_active_pid_ns(current).user_ns


def proc_sb(k: Kernel, ns: PidNamespace) -> ProcSuperBlock:
    """Return the instance that shows ns, made on first use."""
    for sb in k.vfs.proc_sbs:
        if sb.ns is ns:
            return sb
    sb = ProcSuperBlock(k, fs_super.get_anon_bdev(k), PROC_SUPER_MAGIC, ns)
    sb.s_root = dcache.d_make_root(ProcRoot(sb))
    k.vfs.proc_sbs.append(sb)
    return sb


class ProcRoot(ProcDir):
    """/proc: files about the machine, self, then the processes. Made as soon as somebody looks: few programs do."""

    d_cache = False
    d_maxbytes = MAX_LFS_FILESIZE

    def __init__(self, sb: ProcSuperBlock) -> None:
        super().__init__(sb)
        self.links: dict[str, ProcLink] = {}

    def _fill(self) -> None:
        """Make the entries, once."""
        if self.links:
            return
        sb = self.proc_sb
        self.links["self"] = ProcLink(sb, self._self, 64)
        if "thread-self" in sb.kernel.later:
            self.links["thread-self"] = ProcLink(sb, self._thread_self, 64)
        _add_files(self, sb)

    def _self(self, current: Task) -> str:
        nr = pid.task_tgid_nr_ns(current, self.proc_sb.ns)
        if not nr:
            raise LinuxError(Errno.ENOENT, "the reader is not in this namespace")
        return str(nr)

    def _thread_self(self, current: Task) -> str:
        return f"{self._self(current)}/task/{pid.task_pid_nr_ns(current, self.proc_sb.ns)}"

    def lookup(self, name: str) -> Inode:
        """Return an entry; raises ENOENT."""
        self._fill()
        inode = self.entries.get(name)
        if inode is not None:
            return inode
        return self.links.get(name) or base.proc_pid_lookup(self.proc_sb, name)

    def readdir(self, current: Task) -> list[tuple[str, int, int]]:
        """List the machine's files, then self, then the processes by number."""
        self._fill()
        links = [(name, link.i_ino, DT_LNK) for name, link in self.links.items()]
        return [*super().readdir(current), *links, *base.proc_pid_readdir(self.proc_sb)]

    def getattr(self, current: Task) -> Kstat:
        """Count the directories in it."""
        self._fill()
        return super().getattr(current)


# Name, mode, text, and what takes what is written.
_FILES: Final[tuple[tuple[str, int, generic.Show, generic.Store | None], ...]] = (
    ("latency_stats", 0o644, machine.latency_stats_show, machine.latency_stats_write),
    ("execdomains", 0o444, machine.execdomains_show, None),
    ("timer_list", 0o444, timer_list.timer_list_show, None),
    ("lock_stat", 0o600, lockdep_proc.lock_stat_show, lockdep_proc.lock_stat_write),
    ("lockdep_stats", 0o400, lockdep_proc.lockdep_stats_show, None),
    ("lockdep_chains", 0o400, lockdep_proc.lockdep_chains_show, None),
    ("lockdep", 0o400, lockdep_proc.lockdep_show, None),
    ("vmallocinfo", 0o400, lambda _: b"", None),
    ("slabinfo", 0o400, slabinfo.slabinfo_show, None),
    ("zoneinfo", 0o444, vmstat.zoneinfo_show, None),
    ("vmstat", 0o444, vmstat.vmstat_show, None),
    ("pagetypeinfo", 0o444, vmstat.pagetypeinfo_show, None),
    ("buddyinfo", 0o444, vmstat.buddyinfo_show, None),
    ("cmdline", 0o444, cmdline.cmdline_proc_show, None),
    ("cgroups", 0o444, lambda current: string.to_bytes(cgroup_procs.proc_cgroupstats_show(current.kernel)), None),
    ("key-users", 0o444, key_proc.proc_key_users_show, None),
    ("sched_debug", 0o444, sched_debug.sched_debug_show, None),
    ("schedstat", 0o444, sched_debug.show_schedstat, None),
    ("consoles", 0o444, machine.consoles_show, None),
    ("iomem", 0o444, machine.iomem_show, None),
    ("ioports", 0o444, lambda _: b"", None),
    ("misc", 0o444, lambda _: b"", None),
    ("cpuinfo", 0o444, cpuinfo.show_cpuinfo, None),
    ("devices", 0o444, devices.devinfo_show, None),
    ("diskstats", 0o444, machine.diskstats_show, None),
    ("filesystems", 0o444, filesystems.filesystems_proc_show, None),
    ("interrupts", 0o444, interrupts.show_interrupts, None),
    ("loadavg", 0o444, loadavg.loadavg_proc_show, None),
    ("locks", 0o444, locks.locks_show, None),
    ("meminfo", 0o444, meminfo.meminfo_proc_show, None),
    ("partitions", 0o444, lambda _: b"major minor  #blocks  name\n\n", None),
    ("softirqs", 0o444, machine.softirqs_show, None),
    ("stat", 0o444, stat.show_stat, None),
    ("uptime", 0o444, uptime.uptime_proc_show, None),
    ("version", 0o444, version.version_proc_show, None),
)


def _add_files(root: ProcRoot, sb: ProcSuperBlock) -> None:
    """Make the entries that are there from the start."""
    for name, mode, show, store in _FILES:
        root.add(name, generic.ProcReg(sb, mode, show, store))
    root.add("kallsyms", generic.ProcReg(sb, 0o444, kallsyms.kallsyms_show, by_pages=True))
    root.add("kmsg", kmsg.KmsgInode(sb))
    root.add("kpagecount", page.KpageInode(sb, page.kpagecount))
    root.add("kpageflags", page.KpageInode(sb, page.kpageflags))
    root.add("swaps", generic.ProcReg(sb, 0o444, machine.swaps_show, pollmask=POLLIN | POLLRDNORM))
    root.add("mounts", ProcLink(sb, lambda _: "self/mounts", len("self/mounts")))
    root.add("net", ProcLink(sb, lambda _: "self/net", len("self/net")))
    root.add("sysrq-trigger", sysrq.SysrqTriggerInode(sb))
    root.add("sys", proc_sysctl.proc_sys_dir(sb))
    tty = ProcDir(sb)
    tty.add("driver", ProcDir(sb, 0o500))
    tty.add("ldisc", ProcDir(sb))
    tty.add("drivers", generic.ProcReg(sb, 0o444, devices.tty_drivers_show))
    tty.add("ldiscs", generic.ProcReg(sb, 0o444, machine.ldiscs_show))
    root.add("tty", tty)
    for name in ("bus", "driver", "fs"):
        root.add(name, ProcDir(sb))
    root.add("sysvipc", sysvipc.sysvipc_dir(sb))
