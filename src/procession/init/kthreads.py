"""The kernel threads of 3.2's boot, and what ps shows of them (spec proc-kthreads 9).

They are always there, but nearly always asleep, and a machine has to boot fast: until somebody looks for them, by their
numbers or by listing /proc, or has something for them to do, only the numbers are taken. Nobody inside can tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from procession.include.linux.bug import bug_on
from procession.include.linux.sched import (
    CLONE_FILES,
    CLONE_FS,
    CLONE_UNTRACED,
    CLONE_VM,
    DEFAULT_PRIO,
    PF_FORKNOEXEC,
    PF_FREEZER_NOSIG,
    PF_KSWAPD,
    PF_KTHREAD,
    PF_MEMALLOC,
    PF_NOFREEZE,
    PF_SUPERPRIV,
    PF_SWAPWRITE,
    PF_THREAD_BOUND,
    PF_WQ_WORKER,
    SCHED_FIFO,
    SCHED_NORMAL,
    TASK_INTERRUPTIBLE,
    set_task_state,
)
from procession.include.linux.signal import SIGCHLD
from procession.include.linux.workqueue import WORK_CPU_UNBOUND
from procession.kernel import (
    completion,
    fork,
    kthread,
    sched,
    sched_entity,
    sched_prio,
    sched_weight,
    signal_queue,
    workqueue,
)

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.workqueue import Worker

__all__ = ("boot_kthread_names", "keep_numbers", "make_boot_kthreads", "stop_kthreads")

FIRST_BOOT_KTHREAD: Final = 3  # 1 is init, 2 is kthreadd
_COMMON: Final = PF_KTHREAD | PF_FORKNOEXEC | PF_FREEZER_NOSIG
_UNFROZEN: Final = _COMMON | PF_NOFREEZE
_BOUND: Final = _UNFROZEN | PF_THREAD_BOUND
_CLONE: Final = int(CLONE_FS | CLONE_FILES | CLONE_VM | CLONE_UNTRACED) | SIGCHLD
_MAX_RT: Final = 99
_ANY_CPU: Final = -1


class BootKthread(NamedTuple):
    """How one of them looks: flags (PF_…), nice value, real-time priority, the function that it sleeps in."""

    flags: int
    wchan: str
    nice: int = 0
    rt_priority: int = 0


# By name, or what stands before the slash in it.
_KINDS: Final = {
    "ksoftirqd": BootKthread(_BOUND, "run_ksoftirqd"),
    "kworker": BootKthread(_BOUND | PF_WQ_WORKER, "worker_thread"),
    "migration": BootKthread(_BOUND, "cpu_stopper_thread", rt_priority=_MAX_RT),
    "cpuset": BootKthread(_BOUND, "rescuer_thread", -20),
    "khelper": BootKthread(_BOUND, "rescuer_thread", -20),
    "netns": BootKthread(_BOUND, "rescuer_thread", -20),
    "kblockd": BootKthread(_BOUND, "rescuer_thread", -20),
    "kdevtmpfs": BootKthread(_UNFROZEN | PF_SUPERPRIV, "devtmpfsd"),
    "sync_supers": BootKthread(_UNFROZEN, "bdi_sync_supers"),
    "bdi-default": BootKthread(_COMMON | PF_SWAPWRITE, "bdi_forker_thread"),
    "kswapd0": BootKthread(_COMMON | PF_MEMALLOC | PF_SWAPWRITE | PF_KSWAPD, "kswapd"),
    "ksmd": BootKthread(_COMMON, "ksm_scan_thread", 5),
    "fsnotify_mark": BootKthread(_UNFROZEN, "fsnotify_mark_destroy"),
}


def boot_kthread_names(nr_cpus: int) -> list[str]:
    """Return the kernel threads of boot in the order of their numbers, the first of which is 3.

    As on one CPU and on two of a 3.2.4; each further CPU has as many as the second.
    """
    names = ["ksoftirqd/0", "kworker/0:0", "kworker/u:0"]
    if nr_cpus > 1:
        names.append("migration/0")
    for cpu in range(1, nr_cpus):
        names += [f"migration/{cpu}", f"kworker/{cpu}:0", f"ksoftirqd/{cpu}", f"kworker/{cpu - 1}:1"]
    names += ["cpuset", "khelper", "kdevtmpfs", "netns", "sync_supers", "bdi-default", "kblockd", "kswapd0"]
    if nr_cpus == 1:
        names.append("kworker/0:1")
    return [*names, "ksmd", "fsnotify_mark"]


def keep_numbers(k: Kernel) -> None:
    """Take the numbers; the next task gets the first program's."""
    names = boot_kthread_names(k.nr_cpus)
    k.kthreads.boot_nrs = {name: nr for nr, name in enumerate(names, FIRST_BOOT_KTHREAD)}
    k.kthreads.last_boot_nr = k.init_pid_ns.last_pid = FIRST_BOOT_KTHREAD + len(names) - 1
    k.kthreads.make_boot_kthreads = make_boot_kthreads


def make_boot_kthreads(k: Kernel) -> None:
    """Somebody looks: make those that are not there yet, asleep as they have been since boot.

    Context: nothing sleeps; whoever looks holds no lock.
    """
    kthreads = k.kthreads
    if kthreads.all_there:
        return
    kthreads.all_there = True
    # Boot is over: nothing of what it has done can fail any more.
    fault_attr, k.fault_attr = k.fault_attr, None
    current = k.current
    last_pid, now_ns, stime = k.init_pid_ns.last_pid, k.clock.now_ns, current.stime
    made = [_make(k, name, nr) for name, nr in kthreads.boot_nrs.items() if nr not in k.init_pid_ns.pids]
    k.init_pid_ns.last_pid, k.clock.now_ns, current.stime = last_pid, now_ns, stime
    k.fault_attr = fault_attr
    if k.trace.sched_process_fork:
        for p in made:
            k.trace.sched_process_fork(p.parent.comm, p.parent.pid, p.comm, p.pid)
    _put_in_order(k, made)


async def stop_kthreads(current: Task) -> None:
    """Ours: at the end of the machine, stop those that somebody has had a look at, and the workers."""
    k = current.kernel
    await workqueue.destroy_workers(current)
    for p in list(k.kthreads.kthreadd_task.children):
        thread = p.thread
        if isinstance(thread, kthread.KthreadThread) and thread.fn is _sleeper_life:
            await kthread.kthread_stop(current, p)


def _put_in_order(k: Kernel, made: list[Task]) -> None:
    """Let them stand behind kthreadd in the list of processes: they are as old as that."""
    born = {p.pid: p for p in made}
    oldest = [p for p in k.tasks if p.pid <= k.kthreads.last_boot_nr and p.pid not in born]
    first = sorted([*oldest, *made], key=lambda p: p.pid)
    rest = [p for p in k.tasks if p.pid > k.kthreads.last_boot_nr]
    k.tasks.clear()
    k.tasks.update(dict.fromkeys([*first, *rest]))


def _make(k: Kernel, name: str, nr: int) -> Task:
    parent = k.kthreads.kthreadd_task
    kind = _KINDS[name.partition("/")[0]]
    worker = _worker(k, name)
    saved = parent.thread
    thread = kthread.KthreadThread(_worker_life if worker is not None else _sleeper_life, worker or kind.wchan)
    parent.thread = thread
    signal_queue.ignore_signals(parent)  # as it does first of all, if it has run already
    k.init_pid_ns.last_pid = nr - 1
    try:
        p = fork.copy_process(parent, _CLONE, 0, 0, 0)
    finally:
        parent.thread = saved
    bug_on(p.pid != nr, "a kernel thread of boot with another's number", p)
    _dress(p, name, kind)
    p.stack = thread.run(p, 0)
    if worker is not None:
        worker.task = p
        workqueue.worker_enter_idle(worker)
    return p


def _dress(p: Task, name: str, kind: BootKthread) -> None:
    """Give p what kthread_create(), its creator and its own first steps have given it."""
    k = p.kernel
    p.comm = name
    p.flags = kind.flags
    p.policy = SCHED_FIFO if kind.rt_priority else SCHED_NORMAL
    p.rt_priority = kind.rt_priority
    p.static_prio = DEFAULT_PRIO + kind.nice
    p.prio = sched_prio.effective_prio(p)
    sched_weight.set_load_weight(p)
    cpu = _cpu(name)
    p.cpus_allowed = (1 << k.nr_cpus) - 1 if cpu == _ANY_CPU else 1 << cpu
    p.cpu = max(cpu, 0)
    sched_entity.set_task_rq(p, k.sched.runqueues[p.cpu])
    p.start_time = p.real_start_time = 0
    p.kthread = kthread.Kthread(None, completion.init_completion(k))
    p.vfork_done = p.kthread.exited
    p.wchan = kind.wchan
    set_task_state(p, TASK_INTERRUPTIBLE)


def _cpu(name: str) -> int:
    """Return the CPU in a thread's name, _ANY_CPU if there is none."""
    number = name.partition("/")[2].partition(":")[0]
    return int(number) if number.isdigit() else _ANY_CPU


def _worker(k: Kernel, name: str) -> Worker | None:
    """Return the worker that has a name; None if it is not one's."""
    if not name.startswith("kworker/"):
        return None
    cpu = _cpu(name)
    gcwq = k.wq.gcwq[WORK_CPU_UNBOUND if cpu == _ANY_CPU else cpu]
    return workqueue.alloc_worker(gcwq, int(name.rpartition(":")[2]))


async def _worker_life(current: Task, worker: Worker) -> int:
    return await workqueue.worker_thread(current, worker)


async def _sleeper_life(current: Task, wchan: str) -> int:
    """Of who has nothing to do here: its work is done in the place where 3.2 wakes it."""
    while not kthread.kthread_should_stop(current):
        set_task_state(current, TASK_INTERRUPTIBLE)
        await sched.schedule(current, wchan)
    return 0
