"""What tasks have used, for those who ask and for those who listen to their ends (kernel/taskstats.c; files 11.2)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import file as fs_file
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched import thread_group_empty
from procession.include.linux.taskstats import (
    CGROUPSTATS_CMD_ATTR_FD,
    CGROUPSTATS_CMD_GET,
    CGROUPSTATS_CMD_NEW,
    CGROUPSTATS_TYPE_CGROUP_STATS,
    TASKSTATS_CMD_ATTR_DEREGISTER_CPUMASK,
    TASKSTATS_CMD_ATTR_MAX,
    TASKSTATS_CMD_ATTR_PID,
    TASKSTATS_CMD_ATTR_REGISTER_CPUMASK,
    TASKSTATS_CMD_ATTR_TGID,
    TASKSTATS_CMD_GET,
    TASKSTATS_CMD_NEW,
    TASKSTATS_GENL_NAME,
    TASKSTATS_GENL_VERSION,
    TASKSTATS_TYPE_AGGR_PID,
    TASKSTATS_TYPE_AGGR_TGID,
    TASKSTATS_TYPE_PID,
    TASKSTATS_TYPE_STATS,
    TASKSTATS_TYPE_TGID,
    TASKSTATS_VERSION,
    Taskstats,
    TaskstatsState,
)
from procession.kernel import cgroup, cgroup_fs, delayacct, pid, tsacct
from procession.lib import bitmap
from procession.mm import slab
from procession.net.netlink import af_netlink, genetlink
from procession.net.netlink.attr import NLA_STRING, NLA_U32, nla_nest, nla_put, nla_put_u32
from procession.net.netlink.genetlink import GENL_ADMIN_PERM, GenlFamily, GenlInfo, GenlOps

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.net.netlink.sock import NetlinkSock

__all__ = ("taskstats_init",)

_NR_CPUS: Final = 8  # of a kernel for several
_CPUMASK_MAXLEN: Final = 100
# struct cgroupstats: sleeping, running, stopped, uninterruptible, waiting for a disk.
_CGROUPSTATS: Final = struct.Struct("<5Q")


def taskstats_init(k: Kernel) -> None:
    """Register the family."""
    slab.kmem_cache_create(k, "taskstats", 328)
    slab.kmem_cache_create(k, "listener", 32)
    policy = {
        TASKSTATS_CMD_ATTR_PID: (NLA_U32, 0),
        TASKSTATS_CMD_ATTR_TGID: (NLA_U32, 0),
        TASKSTATS_CMD_ATTR_REGISTER_CPUMASK: (NLA_STRING, 0),
        TASKSTATS_CMD_ATTR_DEREGISTER_CPUMASK: (NLA_STRING, 0),
    }
    ops = (
        GenlOps(TASKSTATS_CMD_GET, GENL_ADMIN_PERM, policy, taskstats_user_cmd),
        GenlOps(CGROUPSTATS_CMD_GET, 0, {CGROUPSTATS_CMD_ATTR_FD: (NLA_U32, 0)}, cgroupstats_user_cmd),
    )
    family = GenlFamily(TASKSTATS_GENL_NAME, TASKSTATS_GENL_VERSION, TASKSTATS_CMD_ATTR_MAX, ops)
    genetlink.genl_register_family(k, family)
    k.taskstats = TaskstatsState(family, k.nr_cpus, taskstats_exit)


# Questions.


def taskstats_user_cmd(current: Task, info: GenlInfo) -> None:
    """Register or deregister a listener, or answer about a thread or a process; raises EINVAL, ESRCH, ERANGE, E2BIG."""
    attrs = info.attrs
    if TASKSTATS_CMD_ATTR_REGISTER_CPUMASK in attrs:
        mask = parse(current.kernel, attrs[TASKSTATS_CMD_ATTR_REGISTER_CPUMASK])
        add_del_listener(current.kernel, info.sk, mask, register=True)
    elif TASKSTATS_CMD_ATTR_DEREGISTER_CPUMASK in attrs:
        mask = parse(current.kernel, attrs[TASKSTATS_CMD_ATTR_DEREGISTER_CPUMASK])
        add_del_listener(current.kernel, info.sk, mask, register=False)
    elif TASKSTATS_CMD_ATTR_PID in attrs:
        nr = int.from_bytes(attrs[TASKSTATS_CMD_ATTR_PID][:4], "little")
        send_reply(current.kernel, info, mk_reply(TASKSTATS_TYPE_PID, nr, fill_stats_for_pid(current, nr)))
    elif TASKSTATS_CMD_ATTR_TGID in attrs:
        nr = int.from_bytes(attrs[TASKSTATS_CMD_ATTR_TGID][:4], "little")
        send_reply(current.kernel, info, mk_reply(TASKSTATS_TYPE_TGID, nr, fill_stats_for_tgid(current, nr)))
    else:
        raise LinuxError(Errno.EINVAL, "taskstats of whom?")


def mk_reply(type: int, nr: int, stats: Taskstats) -> bytes:
    """Return the attribute that says about whom, and what."""
    aggr = TASKSTATS_TYPE_AGGR_PID if type == TASKSTATS_TYPE_PID else TASKSTATS_TYPE_AGGR_TGID
    return nla_nest(aggr, nla_put_u32(type, nr) + nla_put(TASKSTATS_TYPE_STATS, stats.pack()))


def send_reply(k: Kernel, info: GenlInfo, attributes: bytes) -> None:
    """Answer a request."""
    _reply(k, info, TASKSTATS_CMD_NEW, attributes)


def _reply(k: Kernel, info: GenlInfo, cmd: int, attributes: bytes) -> None:
    sk = info.sk
    reply = genetlink.genlmsg(k.taskstats.family, cmd, 0, info.nlh.seq, sk.pid, attributes)
    af_netlink.netlink_unicast(sk, reply, sk.pid)


def fill_stats(tsk: Task) -> Taskstats:
    """Return all about a thread."""
    stats = Taskstats()
    delayacct.delayacct_add_tsk(stats, tsk)
    stats.version = TASKSTATS_VERSION
    stats.nvcsw = tsk.nvcsw
    stats.nivcsw = tsk.nivcsw
    tsacct.bacct_add_tsk(stats, tsk)
    tsacct.xacct_add_tsk(stats, tsk)
    return stats


def fill_stats_for_pid(current: Task, nr: int) -> Taskstats:
    """Return all about the thread with a number in current's namespace; raises ESRCH."""
    tsk = pid.find_task_by_vpid(current, nr)
    if tsk is None:
        raise LinuxError(Errno.ESRCH, f"no task {nr}")
    return fill_stats(tsk)


def fill_stats_for_tgid(current: Task, nr: int) -> Taskstats:
    """Return delays and switches of a process, its dead threads included; raises ESRCH."""
    first = pid.find_task_by_vpid(current, nr)
    if first is None or first.sighand is None:
        raise LinuxError(Errno.ESRCH, f"no task {nr}")
    stats = Taskstats()
    dead = first.signal.stats
    if dead is not None:
        stats.cpu_count, stats.cpu_delay_total = dead.cpu_count, dead.cpu_delay_total
        stats.cpu_run_real_total, stats.cpu_run_virtual_total = dead.cpu_run_real_total, dead.cpu_run_virtual_total
        stats.nvcsw, stats.nivcsw = dead.nvcsw, dead.nivcsw
    for tsk in first.signal.threads:
        if not tsk.exit_state:
            _add_to_group(stats, tsk)
    stats.version = TASKSTATS_VERSION
    return stats


def _add_to_group(stats: Taskstats, tsk: Task) -> None:
    delayacct.delayacct_add_tsk(stats, tsk)
    stats.nvcsw += tsk.nvcsw
    stats.nivcsw += tsk.nivcsw


def cgroupstats_user_cmd(current: Task, info: GenlInfo) -> None:
    """Count the tasks of an open control group by state; raises EINVAL if it is none; silent if nothing is open."""
    data = info.attrs.get(CGROUPSTATS_CMD_ATTR_FD)
    if data is None:
        raise LinuxError(Errno.EINVAL, "cgroupstats of what?")
    try:
        file = fs_file.fget_light(current, int.from_bytes(data[:4], "little", signed=True))
    except LinuxError:
        return
    k, inode = current.kernel, file.inode
    if not isinstance(inode, cgroup_fs.CgroupDir):
        raise LinuxError(Errno.EINVAL, "not a control group")
    stats = _CGROUPSTATS.pack(*cgroup.cgroupstats_build(k, inode.cgrp))
    _reply(k, info, CGROUPSTATS_CMD_NEW, nla_put(CGROUPSTATS_TYPE_CGROUP_STATS, stats))


# Listeners.


def parse(k: Kernel, data: bytes) -> int:
    """Return the set of CPUs that a list like "0-3,5" names; raises E2BIG, EINVAL, ERANGE.

    Its last byte is taken for its end, whatever it is.
    """
    nr_cpus = 1 if k.nr_cpus == 1 else max(_NR_CPUS, k.nr_cpus)
    if len(data) > _CPUMASK_MAXLEN + 6 * nr_cpus:
        raise LinuxError(Errno.E2BIG, "a long list of CPUs")
    return bitmap.bitmap_parselist(data[:-1].split(b"\0")[0], nr_cpus)


def add_del_listener(k: Kernel, sk: NetlinkSock, mask: int, *, register: bool) -> None:
    """Tell a socket of what ends on these CPUs, or no longer; raises EINVAL for one that is not possible."""
    if mask >> k.nr_cpus:
        raise LinuxError(Errno.EINVAL, "no such CPU")
    for cpu, listeners in enumerate(k.taskstats.listeners):
        if not mask >> cpu & 1:
            continue
        if not register:
            if listeners.pop(sk.pid, None) is not None:
                k.caches["listener"].free()
        elif sk.pid not in listeners:
            try:
                k.caches["listener"].alloc()
            except LinuxError:
                # 3.2 takes back what it has done, and says that all is well.
                add_del_listener(k, sk, mask, register=False)
                return
            listeners[sk.pid] = sk


def taskstats_exit(tsk: Task, group_dead: bool) -> None:
    """Tell listeners of a thread's end, and of its process's if it had several."""
    sig = tsk.signal
    k = tsk.kernel
    if sig.stats is None and not thread_group_empty(tsk):
        _taskstats_tgid_alloc(tsk)
    if sig.stats is not None:
        _add_to_group(sig.stats, tsk)
    listeners = k.taskstats.listeners[k.cpu]
    if not listeners:
        return
    message = mk_reply(TASKSTATS_TYPE_PID, tsk.pid, fill_stats(tsk))
    if sig.stats is not None and group_dead:
        message += mk_reply(TASKSTATS_TYPE_TGID, tsk.tgid, sig.stats)
    seq = k.taskstats.seqnum[k.cpu]
    k.taskstats.seqnum[k.cpu] += 1
    send_cpu_listeners(k, listeners, genetlink.genlmsg(k.taskstats.family, TASKSTATS_CMD_NEW, 0, seq, 0, message))


def _taskstats_tgid_alloc(tsk: Task) -> None:
    """Make what the threads of a process are added up in; without memory there is none."""
    try:
        tsk.kernel.caches["taskstats"].alloc()
    except LinuxError:
        return
    tsk.signal.stats = Taskstats()


def send_cpu_listeners(k: Kernel, listeners: dict[int, NetlinkSock], message: bytes) -> None:
    """Send a message to each, and forget those whose socket is gone."""
    for nl_pid, sk in list(listeners.items()):
        try:
            af_netlink.netlink_unicast(sk, message, nl_pid)
        except LinuxError as error:
            if error.errno == Errno.ECONNREFUSED:
                del listeners[nl_pid]
                k.caches["listener"].free()
