"""The validators: nothing to say of a run that is well, the right thing of every structure that is broken."""

from __future__ import annotations

from dataclasses import dataclass
import re
import subprocess
import sys

import pytest

from procession import Machine
from procession.fs import file_table, namespace
from procession.include.linux.aio import Kioctx
from procession.include.linux.bug import KernelBug
from procession.include.linux.hrtimer import Hrtimer
from procession.include.linux.iocontext import IoContext
from procession.include.linux.kernel import Kernel
from procession.include.linux.mount import MNT_SHARED
from procession.include.linux.msg import MsgMsg
from procession.include.linux.pipe_fs_i import PipeBuffer, PipePage
from procession.include.linux.rtmutex import RtMutexWaiter
from procession.include.linux.sched import CLONE_NEWUTS, PF_FROZEN, get_task_struct
from procession.include.linux.signal import Siginfo, Sigqueue
from procession.include.linux.spinlock import SpinLock
from procession.include.linux.wait import WaitQueueEntry
from procession.include.linux.workqueue import Worker, WorkStruct
from procession.ipc import mqueue
from procession.kernel import cred, entry, exit, fork, hrtimer, pid, sched_fair, sched_group, signal_queue, wait
from procession.mm import slab
from procession.mm.memcontrol import MemoryController, mem_cgroup_from_task
from procession.net.unix.sock import UnixSock
from procession.security.keys import process_keys
from procession.tools.validate import AT_EVERY_TRAP, OF_MEMORY, Census, Checker, tasks, validate_all

pytestmark = pytest.mark.unchecked


async def family(sys):
    """A child, a thread's worth of sleepers, a pipe: something of everything."""
    r, w = await sys.pipe()
    if await sys.fork() == 0:
        await sys.read(r, 1)
        await sys.exit(7)
    await sys.write(w, b"x")
    _, status = await sys.waitpid(-1)
    await sys.print(f"{status >> 8}")


def test_a_run_that_is_well():
    machine = Machine()
    checker = Checker(machine.kernel)
    result = machine.run(family)
    checker.finish()
    assert (result.output, checker.traps > 10) == ("7\n", True)
    assert validate_all(machine.kernel) == validate_all(machine) == []


def test_checking_changes_nothing():
    plain, checked = Machine(trace=True), Machine(trace=True, check=True)
    assert plain.run(family).trace == checked.run(family).trace


def test_a_missing_put_stops_the_machine(monkeypatch):
    monkeypatch.setattr(exit.fork_mm, "mmput", lambda *_: None)
    machine = Machine(check=True)
    with pytest.raises(KernelBug, match=r"mm_struct objects: \d+, found \d+") as bug:
        machine.run(family)
    assert "the last call: exit by <family:18>" in str(bug.value)
    assert any("PID: " in note for note in bug.value.__notes__)


def test_one_checker_a_kernel():
    kernel = Machine().kernel
    Checker(kernel)
    with pytest.raises(ValueError, match="already"):
        Checker(kernel)


def test_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "procession.cli", "run", "--check", "--", "/bin/sh", "-c", "echo hello | cat"],
        capture_output=True, check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hello\n", b"")


# One mutation for each promise. They start from a machine in which everybody sleeps.

THREAD = 0x10F00
USR1, STOP = 10, 19


async def everybody(sys):
    """Processes in all states, started in this order: see World."""
    await sys.set_name("main")
    end, _other = await sys.pipe()
    await sys.pipe()        # 5 and 6, for which nobody waits
    address = await sys.mmap(length=8192)
    await sys.poke(address, b"shared")

    async def sleeper(sys):
        await sys.pause()

    if await sys.fork() == 0:
        await sys.set_name("reader")
        await sys.read(end, 1)
    if await sys.fork() == 0:
        await sys.set_name("threads")
        await sys.clone(sleeper, flags=THREAD)
        await sys.pause()
    if await sys.fork() == 0:
        await sys.set_name("zombie")
        await sys.exit(3)
    if await sys.fork() == 0:
        await sys.set_name("stopped")
        await sys.raise_signal(STOP)
    if await sys.fork() == 0:
        await sys.set_name("blocker")
        await sys.setsid()
        await sys.sigprocmask(0, {USR1})
        await sys.raise_signal(USR1)
        await sys.poke(address + 4096, b"own")
        await sys.pause()
    if await sys.fork() == 0:
        await sys.set_name("terminal")
        await sys.setsid()
        await sys.openpty()
        await sys.open("/dev/pts/0", sys.O_RDWR)        # the session's from now on
        await sys.pause()
    told, tell = await sys.pipe()
    tracee = await sys.fork()
    if tracee == 0:
        await sys.set_name("tracee")
        await sys.write(tell, b"x")
        await sys.pause()
    await sys.read(told, 1)
    for request in 0x4206, 0x4207:      # seized and interrupted
        await sys.ptrace(request, tracee, 0, 0x80000000)
    await sys.waitpid(tracee)
    await sys.pause()


@dataclass
class World:
    """The machine and who is in it; address: where main and all its children have a page in common."""

    k: Kernel
    init: object
    main: object
    reader: object
    threads: object
    thread: object
    zombie: object
    stopped: object
    blocker: object
    terminal: object
    tracee: object

    @property
    def address(self):
        return next(vma.vm_start for vma in self.main.mm.mmap if not vma.vm_file)

    def entry(self, p, page=0):
        """Index of the page's entry in all of memory."""
        address = self.address + page * 4096
        return p.mm.pte_tables[address >> 21] + (address >> 12 & 511)


@pytest.fixture
def world():
    return build()


def build():
    machine = Machine()
    with pytest.raises(entry.Deadlock):
        machine.run(everybody)
    kernel = machine.kernel
    assert validate_all(kernel) == []
    named = {p.comm: p for p in kernel.tasks}
    threads = list(named["threads"].signal.threads)
    return World(
        kernel, named["init"], named["main"], named["reader"], *threads, named["zombie"], named["stopped"],
        named["blocker"], named["terminal"], named["tracee"],
    )


MUTATIONS = []


def breaks(complaint):
    """Note a function that breaks a world in a way that must lead to this complaint."""
    def note(function):
        MUTATIONS.append(pytest.param(function, complaint, id=function.__name__))
        return function

    return note


# Families and thread groups.


@breaks(r"<reader:\d+> is no child of its parent <main:17>")
def a_child_is_lost(w):
    del w.main.children[w.reader]


@breaks(r"no way leads from <swapper:0> to <reader:\d+>")
def a_family_is_cut_off(w):
    del w.main.children[w.reader]


@breaks(r"is a child of <main:17>, but its parent is <init:1>")
def a_parent_does_not_know(w):
    w.reader.real_parent = w.reader.parent = w.init


@breaks(r"is not traced, but its parents differ")
def parents_differ(w):
    w.reader.parent = w.init


@breaks(r"is dead and has children")
def a_dead_parent(w):
    del w.main.children[w.reader]
    w.zombie.children[w.reader] = None
    w.reader.real_parent = w.reader.parent = w.zombie


@breaks(r"is a child of <threads:\d+>, but leads no process")
def a_thread_as_a_child(w):
    w.threads.children[w.thread] = None


@breaks(r"leads a process whose threads are")
def the_leader_is_not_first(w):
    w.threads.signal.threads = {w.thread: None, w.threads: None}


@breaks(r"is not what a thread of <threads:\d+> is")
def a_thread_with_another_tgid(w):
    w.thread.tgid = 99


@breaks(r"has the parent <init:1>, its leader <main:17>")
def a_thread_with_another_parent(w):
    w.thread.real_parent = w.thread.parent = w.init


@breaks(r"is a thread with exit signal 17")
def a_thread_with_an_exit_signal(w):
    w.thread.exit_signal = 17


@breaks(r"nr_threads 3, found 2")
def threads_miscounted(w):
    w.threads.signal.nr_threads += 1


@breaks(r"live 1, found 2")
def live_threads_miscounted(w):
    w.threads.signal.live -= 1


@breaks(r"curr_target <main:17> is none of its threads")
def a_target_elsewhere(w):
    w.threads.signal.curr_target = w.main


@breaks(r"nr_threads: \d+, found \d+")
def the_machines_threads_miscounted(w):
    w.k.nr_threads += 1


@breaks(r"process_counts: \d+, found \d+")
def processes_miscounted(w):
    w.k.process_counts -= 1


@breaks(r"user 0: processes \d+, found \d+")
def a_users_processes_miscounted(w):
    w.k.users.root_user.processes += 1


# The dead.


@breaks(r"is dead and still has its files")
def a_zombie_with_files(w):
    w.zombie.files = w.main.files
    w.main.files.count += 1


@breaks(r"is dead and still has its mm")
def a_zombie_with_memory(w):
    w.zombie.mm = w.main.mm


@breaks(r"state 1, exit_state 16")
def a_zombie_that_sleeps(w):
    w.zombie.state = 1


@breaks(r"is dead and not released \(exit_state 32\)")
def a_corpse_in_the_task_list(w):
    w.zombie.exit_state = 32


@breaks(r"is hashed, but has no sighand")
def a_zombie_without_sighand(w):
    w.zombie.sighand = None


@breaks(r"borrows an mm that it has not counted")
def a_zombie_with_a_borrowed_mm(w):
    w.zombie.active_mm = w.main.mm


# Numbers.


@breaks(r"number \d+ is in use, but its bit is clear")
def a_bit_is_cleared(w):
    w.k.init_pid_ns.pidmap[0].page[w.reader.pid >> 3] &= ~(1 << (w.reader.pid & 7))


@breaks(r"\d+ bits are set, for \d+ numbers and 0")
def a_bit_is_left(w):
    w.k.init_pid_ns.pidmap[0].page[100] |= 1
    w.k.init_pid_ns.pidmap[0].nr_free -= 1


@breaks(r"nr_free \d+, found \d+")
def free_numbers_miscounted(w):
    w.k.init_pid_ns.pidmap[0].nr_free += 1


@breaks(r"is not hashed")
def a_number_is_unhashed(w):
    del w.k.init_pid_ns.pids[w.reader.pid]


@breaks(r"number 77 leads to <pid \d+>")
def a_number_leads_elsewhere(w):
    w.k.init_pid_ns.pids[77] = w.reader.pids[0]


@breaks(r"as its PGID, which does not know")
def a_group_forgets_a_member(w):
    del w.reader.pids[1].tasks[1][w.reader]


@breaks(r"as a SID, whose is")
def a_session_keeps_a_member(w):
    w.main.pids[2].tasks[2][w.blocker] = None


@breaks(r"is a process group of several sessions")
def a_group_in_two_sessions(w):
    pid.change_pid(w.reader, 2, w.blocker.pids[2])


@breaks(r"is hashed, but nobody uses it")
def a_pid_without_users(w):
    pid.alloc_pid(w.k, w.k.init_pid_ns)


@breaks(r"leads a session that is not its own")
def a_false_session_leader(w):
    w.reader.signal.leader = True


@breaks(r"leader_pid is")
def a_false_leader_pid(w):
    w.reader.signal.leader_pid = w.main.pids[0]


@breaks(r"child_reaper is <zombie:\d+>")
def a_dead_reaper(w):
    w.k.init_pid_ns.child_reaper = w.zombie


@breaks(r"count of <pid \d+>: 2, found 1")
def a_pid_is_kept(w):
    pid.get_pid(w.reader.pids[0])


@breaks(r"pid objects: \d+, found \d+")
def a_pid_object_leaks(w):
    w.k.caches["pid"].alloc()


@breaks(r"count of PidNamespace: \d+, found \d+")
def a_pid_namespace_is_kept(w):
    w.k.init_pid_ns.count += 1


# Signals.


@breaks(r"signal 12 is queued, but not pending")
def an_entry_without_its_bit(w):
    w.blocker.pending.list.append(Sigqueue(Siginfo(signo=12), w.k.users.root_user))


@breaks(r"signal 10 is queued 2 times")
def a_signal_queued_twice(w):
    queue = w.blocker.pending.list or w.blocker.signal.shared_pending.list
    queue.append(Sigqueue(Siginfo(signo=10), w.k.users.root_user))


@breaks(r"blocks SIGKILL or SIGSTOP")
def kill_is_blocked(w):
    w.reader.blocked |= 1 << 8


@breaks(r"has 0x800 to take, but TIF_SIGPENDING is clear")
def a_thread_is_not_told(w):
    w.reader.pending.signal |= 1 << 11


@breaks(r"<stopped:\d+> has 0x800 to take, but TIF_SIGPENDING is clear")
def a_thread_that_left_its_stop_is_not_told(w):
    w.stopped.pending.signal |= 1 << 11
    w.stopped.waiting_on = None


@breaks(r"no thread of <threads:\d+> was told of 0x800")
def a_process_is_not_told(w):
    w.threads.signal.shared_pending.signal |= 1 << 11


@breaks(r"group_stop_count 1, threads to come 0")
def a_stop_is_miscounted(w):
    w.threads.signal.group_stop_count = 1


@breaks(r"is stopped, its process is not")
def a_stop_is_forgotten(w):
    w.stopped.signal.flags = 0


@breaks(r"is stopped with a stop to come")
def a_stop_stays_pending(w):
    w.stopped.jobctl |= 1 << 17


@breaks(r"user 0: sigpending \d+, found \d+")
def a_users_signals_miscounted(w):
    w.k.users.root_user.sigpending += 1


@breaks(r"sigqueue objects: \d+, found \d+")
def a_queue_entry_leaks(w):
    (w.blocker.pending.list or w.blocker.signal.shared_pending.list).clear()


@breaks(r"posix timers: 0, numbers taken 1")
def a_timer_number_leaks(w):
    w.k.timers.posix_timers_id.get_new()


# Tracers and tracees.


@breaks(r"is on the list of <main:17>, which does not trace it: 0x0")
def a_tracee_that_knows_nothing(w):
    w.main.ptraced[w.reader] = None


@breaks(r"<tracee:\d+> is not on the list of its tracer <main:17>")
def a_tracer_that_knows_nothing(w):
    del w.main.ptraced[w.tracee]


@breaks(r"<tracee:\d+> is not on the list of its tracer <init:1>")
def a_tracee_of_another(w):
    w.tracee.parent = w.init


@breaks(r"<tracee:\d+> is traced by <zombie:\d+>, which is dead")
def a_dead_tracer(w):
    w.tracee.parent, w.zombie.ptraced = w.zombie, {w.tracee: None}


@breaks(r"<tracee:\d+>: ptrace flags 0x10403")
def unknown_flags(w):
    w.tracee.ptrace = 0x10403


@breaks(r"has stopped for a tracer that it does not have")
def stopped_for_nobody(w):
    w.reader.state |= 8


@breaks(r"is to trap for a tracer that it does not have: jobctl 0x80000")
def a_trap_for_nobody(w):
    w.reader.jobctl = 1 << 19


@breaks(r"has the siginfo of a stop that it is not in")
def a_siginfo_outside_of_stops(w):
    w.reader.last_siginfo = Siginfo(signo=USR1)


@breaks(r"<tracee:\d+> has stopped for its tracer in user mode")
def stopped_elsewhere(w):
    w.tracee.wchan, w.tracee.last_siginfo = "", None


@breaks(r"<tracee:\d+> has stopped for its process and not for its tracer")
def a_tracee_that_stops_for_its_process(w):
    w.tracee.state = 0x104


@breaks(r"is on its way to a trap for which <main:17> does not wait: jobctl 0x280000")
def a_trap_nobody_waits_for(w):
    w.tracee.jobctl = 1 << 19 | 1 << 21


@breaks(r"<tracee:\d+> is not seized: jobctl 0x100000")
def a_notice_for_one_that_is_not_seized(w):
    w.tracee.ptrace, w.tracee.jobctl = 1, 1 << 20


@breaks(r"<tracee:\d+> listens outside of the stop of its group")
def listening_elsewhere(w):
    w.tracee.jobctl, w.tracee.last_siginfo = 1 << 22, Siginfo(signo=USR1)


# The scheduler, sleepers, timers, locks.


@breaks(r"on_rq True, queued on no CPU")
def on_no_queue(w):
    w.reader.se.on_rq = True


@breaks(r"state 0, on_rq False")
def awake_on_no_queue(w):
    w.reader.state = 0


@breaks(r"CPU 0: nr_running 1, found 0")
def runnable_miscounted(w):
    w.k.sched.runqueues[0].nr_running += 1


@breaks(r"CPU 0: load 1024, found 0")
def load_miscounted(w):
    w.k.sched.runqueues[0].cfs.load += 1024


@breaks(r"has 90, and nobody lends it that")
def a_boost_by_nobody(w):
    w.reader.prio = 90


@breaks(r"waits for a lock that does not know")
def a_waiter_that_the_lock_does_not_know(w):
    w.reader.pi_blocked_on = RtMutexWaiter(w.reader)


@breaks(r"who does not wait first for a lock of its")
def a_lender_who_does_not_wait(w):
    w.main.pi_waiters = [RtMutexWaiter(w.reader)]


@breaks(r"a group is queued that is none")
def a_group_that_is_none(w):
    rq = w.k.sched.runqueues[0]
    tg = sched_group.sched_create_group(w.k, w.k.sched.root_task_group)
    sched_fair.enqueue_entity(rq.cfs, tg.se[0], wakeup=True)
    del w.k.sched.task_groups[tg]


@breaks(r"ahead of")
def a_queue_out_of_order(w):
    cfs = w.k.sched.runqueues[0].cfs
    cfs.timeline[:] = [(5, 1, w.reader.se), (4, 2, w.main.se)]


@breaks(r"on_cpu True, CPU 0 runs")
def on_a_cpu_that_runs_another(w):
    w.reader.on_cpu = True


@breaks(r"nr_uninterruptible 1, found 0")
def blocked_miscounted(w):
    w.k.sched.runqueues[0].nr_uninterruptible += 1


@breaks(r"sleeps in pipe_wait on a queue that it is not on")
def a_sleeper_nobody_wakes(w):
    w.reader.waiting_on.task_list.clear()


@breaks(r"is dead and on a queue \(wait_chldexit.lock\)")
def a_dead_sleeper(w):
    w.main.signal.wait_chldexit.task_list.append(WaitQueueEntry(w.zombie))


@breaks(r"is in user mode and on a queue")
def a_sleeper_awake(w):
    w.main.stack.coro.close()
    w.main.stack = None
    w.main.signal.wait_chldexit.task_list.append(WaitQueueEntry(w.main))


@breaks(r"an entry is on a queue twice")
def queued_twice(w):
    queue = w.reader.waiting_on.task_list
    queue.append(queue[0])


@breaks(r"an empty queue is kept for futex 0x10")
def an_empty_futex_queue(w):
    w.k.futex_queues.queues[w.main.mm, 16, 0] = []


@breaks(r"who is dead, is armed")
def a_timer_of_the_dead(w):
    hrtimer.hrtimer_start(w.k, Hrtimer(print, data=w.zombie), 1 << 60)


@breaks(r"tasklist_lock is held")
def a_lock_is_held(w):
    w.k.tasklist_lock.held = w.k.tasklist_lock.cls.read


@breaks(r"rcu_read_lock is held 1 times")
def a_reader_stays(w):
    w.k.rcu.nesting += 1


@breaks(r"siglock of <main:17> is held")
def a_siglock_is_held(w):
    w.main.sighand.siglock.held = w.main.sighand.siglock.cls.irq


# Counts of references.


@breaks(r"usage of <reader:\d+>: 3, found 2")
def a_task_is_kept(w):
    get_task_struct(w.reader)


@breaks(r"usage of <reader:\d+>: 1, found 2")
def a_task_is_put_twice(w):
    w.reader.usage -= 1


@breaks(r"sigcnt of SignalStruct \[<threads:\d+>, <threads:\d+>\]: 3, found 2")
def a_signal_struct_is_kept(w):
    w.threads.signal.sigcnt += 1


@breaks(r"count of SighandStruct \[<reader:\d+>\]: 2, found 1")
def a_sighand_is_kept(w):
    w.reader.sighand.count += 1


@breaks(r"mm_users of MmStruct \[<reader:\d+>\]: 2, found 1")
def an_mm_has_a_user_more(w):
    w.reader.mm.mm_users += 1


@breaks(r"mm_count of MmStruct \[<reader:\d+>\]: 0, found 1")
def an_mm_is_dropped(w):
    w.reader.mm.mm_count -= 1


@breaks(r"belongs to <main:17>, who does not use it")
def an_mm_has_another_owner(w):
    w.reader.mm.owner = w.main


@breaks(r"count of FilesStruct \[<reader:\d+>\]: 2, found 1")
def a_descriptor_table_is_kept(w):
    w.reader.files.count += 1


@breaks(r"users of FsStruct \[<reader:\d+>\]: 2, found 1")
def an_fs_is_kept(w):
    w.reader.fs.users += 1


@breaks(r"count of Nsproxy \[.*\]: \d+, found \d+")
def an_nsproxy_is_kept(w):
    w.k.init_nsproxy.count += 1


@breaks(r"count of UtsNamespace: 2, found 1")
def a_uts_namespace_is_kept(w):
    w.k.init_uts_ns.count += 1


@breaks(r"usage of Cred \[<reader:\d+>\]: 3, found 2")
def a_cred_is_kept(w):
    w.reader.cred.usage += 1


@breaks(r"count of user 0: \d+, found \d+")
def a_user_is_kept(w):
    w.k.users.root_user.count += 1


@breaks(r"uid_cache objects: 1, found 0")
def a_user_object_leaks(w):
    w.k.caches["uid_cache"].alloc()


@breaks(r"f_count of PipeFile 'pipe:\[\d+\]': \d+, found \d+")
def a_file_is_kept(w):
    file_table.get_file(w.stopped.files.fd[6])


@breaks(r"filp objects: \d+, found \d+")
def a_file_object_leaks(w):
    w.k.caches["filp"].alloc()
    w.k.vfs.nr_files += 1


@breaks(r"i_count of PipeInode: 3, found 2")
def an_inode_is_kept(w):
    w.stopped.files.fd[6].inode.i_count += 1


@breaks(r"i_writecount of inode \d+: 1, found 0")
def a_writer_is_left(w):
    w.stopped.files.fd[6].inode.i_writecount += 1


@breaks(r"pipe \d+: writers 2, found 1")
def a_pipes_writers_miscounted(w):
    w.stopped.files.fd[6].pipe.writers += 1


def _pipe(w):
    return w.stopped.files.fd[6].pipe


@breaks(r"17 buffers in a pipe of 16")
def a_pipe_holds_too_much(w):
    _pipe(w).bufs.extend([b"x"] * 17)


@breaks(r"3 bytes of a pipe's first buffer are read, which has 1")
def more_of_a_pipe_is_read_than_there(w):
    _pipe(w).bufs.append(b"x")
    _pipe(w).offset = 3


@breaks(r"a pipe's buffer of 0 bytes at 4000")
def a_pipe_holds_nothing(w):
    _pipe(w).bufs.append(PipeBuffer(PipePage(bytearray(4096)), 0, 4000, 0, can_merge=True))


@breaks(r"count of a pipe's page: 2, found 1")
def a_pipes_page_is_kept(w):
    page = PipePage(bytearray(4096))
    page.count = 2
    _pipe(w).bufs.append(PipeBuffer(page, 0, 0, 1, can_merge=True))


@breaks(r"frame \d+: count \d+, found \d+")
def a_page_in_a_pipe_is_not_held(w):
    pfn = w.k.frames.q[w.entry(w.main)] >> 12 & 0xFFFFFFFF
    _pipe(w).bufs.append(PipeBuffer(None, pfn, 0, 1, can_merge=False))


def _context(w):
    slab.kmem_cache_create(w.k, "kiocb", 248)
    slab.kmem_cache_create(w.k, "kioctx", 576)
    w.k.caches["kioctx"].alloc()
    ctx = Kioctx(w.main.mm, w.k.wait_queue_head("wait"), SpinLock(w.k.lock_class("ctx_lock")), 5)
    w.k.vfs.aio_nr += 5
    w.main.mm.ioctx_list = [ctx]
    return ctx


@breaks(r"users of context 0x0: 2, found 1")
def a_context_is_kept(w):
    _context(w).users = 2


@breaks(r"context 0x0: reqs_active 1, found 0")
def a_request_is_lost(w):
    _context(w).reqs_active = 1


@breaks(r"kiocb objects: 1, found 0")
def a_request_leaks(w):
    _context(w)
    w.k.caches["kiocb"].alloc()


@breaks(r"kioctx objects: 1, found 0")
def a_context_leaks(w):
    _context(w)
    w.main.mm.ioctx_list = None


@breaks(r"aio_nr: 6, found 5")
def requests_are_miscounted(w):
    _context(w)
    w.k.vfs.aio_nr += 1


@breaks(r"descriptors 0x10 are open, but marked free")
def a_descriptor_is_marked_free(w):
    w.reader.files.open_fds[0] &= ~0x10


@breaks(r"a descriptor below next_fd 9 is free")
def a_free_descriptor_is_forgotten(w):
    w.reader.files.next_fd = 9


@breaks(r"<blocker:\d+> is in user mode and holds \[None\]")
def a_note_is_not_taken_back(w):
    w.blocker.stack.coro.close()
    w.blocker.stack = None
    w.blocker.held.append(None)


@breaks(r"<zombie:\d+> is dead and still has its held")
def a_note_of_the_dead(w):
    w.zombie.held.append(None)


@breaks(r"f_count of PipeFile 'pipe:\[\d+\]': \d+, found \d+")
def a_note_of_nothing(w):
    w.reader.held.append(w.reader.files.fd[5])


@breaks(r"sighand_cache objects: \d+, found \d+")
def a_sighand_object_leaks(w):
    w.k.caches["sighand_cache"].alloc()


@breaks(r"task_struct objects: \d+, found \d+")
def a_task_object_leaks(w):
    w.k.caches["task_struct"].alloc()


# Memory.


@breaks(r"frame \d+ is shared and writable, mm of <main:17>")
def a_shared_page_is_writable(w):
    w.k.frames.q[w.entry(w.main)] |= 2


@breaks(r"frame \d+: count \d+, found \d+, mm of")
def a_frame_is_kept(w):
    pfn = w.k.frames.q[w.entry(w.main)] >> 12 & 0xFFFFFFFF
    w.k.frames.count[pfn] += 1


@breaks(r"frame \d+: mapcount \d+, found \d+, mm of")
def a_mapping_is_miscounted(w):
    pfn = w.k.frames.q[w.entry(w.main)] >> 12 & 0xFFFFFFFF
    w.k.frames.mapcount[pfn] -= 1


@breaks(r"mm of <blocker:\d+>: rss \d+ anon \d+ file, found")
def an_entry_is_lost(w):
    w.k.frames.q[w.entry(w.blocker, 1)] = 0


@breaks(r"presence does not fit")
def a_page_is_hidden(w):
    w.k.frames.q[w.entry(w.blocker)] ^= 0x101


@breaks(r"NX does not fit")
def a_page_is_executable(w):
    w.k.frames.q[w.entry(w.blocker)] &= ~(1 << 63)


@breaks(r"page outside all areas")
def a_page_outlives_its_area(w):
    w.blocker.mm.mmap.pop(0)


@breaks(r"frame \d+ is on the free list 2 times")
def a_frame_is_freed_twice(w):
    w.k.mm.free_list[:0] = [w.k.mm.free_list[0]]


@breaks(r"free and in use, or neither")
def a_frame_is_lost(w):
    w.k.mm.free_list.pop()


@breaks(r"pte_tables does not lead to all tables")
def a_table_is_forgotten(w):
    w.blocker.mm.pte_tables.popitem()


@breaks(r"total_vm \d+, found \d+")
def an_area_is_miscounted(w):
    w.blocker.mm.total_vm += 1


@breaks(r"area 0x[0-9a-f]+ belongs to another mm")
def an_area_of_another_mm(w):
    w.blocker.mm.mmap[0].vm_mm = w.main.mm


@breaks(r"vm_committed \d+, found \d+")
def a_promise_is_forgotten(w):
    w.k.mm.vm_committed -= 1


@breaks(r"page cache: frame \d+ is not page 0 of its file")
def a_cached_page_is_unknown(w):
    pfn = w.k.mm.free_list.pop() if w.k.mm.free_list else w.k.mm.next_fresh
    w.k.mm.page_cache[pfn] = (w.main.files.fd[0].inode, 0)


# Mounts.


def mount_of(w, fstype):
    return next(mnt for mnt in w.main.nsproxy.mnt_ns.mounts if mnt.mnt_devname == fstype)


@breaks(r"mount proc is not hashed")
def a_mount_that_no_walk_finds(w):
    proc = mount_of(w, "proc")
    del w.k.vfs.mount_hashtable[proc.mnt_parent, proc.mnt_mountpoint]


@breaks(r"mount proc is hashed, but in no namespace")
def a_mount_that_is_in_no_list(w):
    w.main.nsproxy.mnt_ns.mounts.remove(mount_of(w, "proc"))


@breaks(r"d_mounted of 'proc': 2, found 1")
def a_mount_point_is_counted_twice(w):
    mount_of(w, "proc").mnt_mountpoint.d_mounted += 1


@breaks(r"mount 3 has another parent")
def a_mount_on_what_was_unmounted(w):
    mount_of(w, "devpts").mnt_parent = None


@breaks(r"the root of a namespace is not its own: proc")
def a_namespace_with_another_root(w):
    w.main.nsproxy.mnt_ns.root = mount_of(w, "proc")


@breaks(r"the mounts of a namespace are not its tree")
def a_mount_that_its_parent_forgot(w):
    proc = mount_of(w, "proc")
    proc.mnt_parent.mnt_mounts.remove(proc)


@breaks(r"mount 4 does not know its namespace")
def a_mount_of_no_namespace(w):
    mount_of(w, "proc").mnt_ns = None


@breaks(r"mnt_cache objects: 5, found 4")
def a_mount_is_lost(w):
    w.k.caches["mnt_cache"].alloc()


# System V objects: test_validate_ipc.py has more.


@breaks(r"nr_ipc_ns 2, found 1")
def a_namespace_is_counted_twice(w):
    w.k.ipc.nr_ipc_ns += 1


@breaks(r"used_sems 3, found 0")
def a_set_is_lost(w):
    w.k.init_ipc_ns.used_sems = 3


@breaks(r"messages 1 of 0 bytes, found 0 of 0")
def a_message_is_lost(w):
    w.k.init_ipc_ns.msg_hdrs = 1


@breaks(r"shm_tot 1, found 0")
def a_segment_is_lost(w):
    w.k.init_ipc_ns.shm_tot = 1


# Local sockets; tests/tools/test_validate_sockets.py has more.


@breaks(r"list of sockets on their way: 1, found 0")
def a_socket_on_no_way(w):
    w.k.net.gc_inflight_list[UnixSock(w.k, w.k.init_net_ns, 1)] = None


# POSIX queues and I/O priorities.


def a_queue(w):
    """A POSIX queue with a message, which main has made."""
    root = w.k.init_ipc_ns.mq_mnt.mnt_root.d_inode
    return mqueue.mqueue_create(w.main, root, "queue", 0o100600, (2, 8))


@breaks(r"mq_bytes of user 0: 5, found 0")
def bytes_of_no_queue(w):
    w.k.users.root_user.mq_bytes = 5


@breaks(r"mqueue_inode_cache objects: 2, found 1")
def a_queue_is_lost(w):
    a_queue(w)
    w.k.caches["mqueue_inode_cache"].alloc()


@breaks(r"mq_queues_count: 0, found 1")
def a_queue_is_not_counted(w):
    a_queue(w)
    w.k.init_ipc_ns.mq_queues_count = 0


@breaks(r"s_active of mqueue: 2, found 1")
def queues_are_kept_by_nobody(w):
    a_queue(w).i_sb.s_active += 1


@breaks(r"qsize 1, found 0")
def a_queue_of_another_size(w):
    a_queue(w).qsize = 1


@breaks(r"size of mqueue's root: 60 with 0 queues")
def a_directory_of_another_size(w):
    w.k.init_ipc_ns.mq_mnt.mnt_root.d_inode.i_size = 60


@breaks(r"receivers wait, though there are messages")
def a_receiver_that_was_not_woken(w):
    inode = a_queue(w)
    inode.messages.append(MsgMsg(b"", 1))
    w.k.caches["msg_msg"].alloc()
    inode.e_wait_q[mqueue.RECV].append(mqueue.ExtWaitQueue(w.reader))


@breaks(r"senders wait, though there is room")
def a_sender_that_was_not_woken(w):
    a_queue(w).e_wait_q[mqueue.SEND].append(mqueue.ExtWaitQueue(w.reader))


@breaks(r"messages of priorities \[2, 1\]")
def messages_out_of_order(w):
    inode = a_queue(w)
    for priority in (2, 1):
        w.k.caches["msg_msg"].alloc()
        inode.messages.append(MsgMsg(b"", 1))
        inode.messages[-1].m_type = priority


@breaks(r"blkdev_ioc objects: 1, found 0")
def an_io_context_of_nobody(w):
    w.k.caches["blkdev_ioc"].alloc()


@breaks(r"nr_tasks of IoContext.*: 1, found 2")
def an_io_context_with_another_user(w):
    w.k.caches["blkdev_ioc"].alloc()
    w.main.io_context = w.reader.io_context = IoContext()


@breaks(r"numbers of 4 mounts: 4, given out 5")
def a_mount_number_is_lost(w):
    w.k.vfs.mnt_id_ida.get_new()


@breaks(r"mount 4: flags 0x1020, group 0")
def a_shared_mount_without_a_group(w):
    mount_of(w, "proc").mnt_flags |= MNT_SHARED


@breaks(r"peer groups: 0, numbers given out 1")
def a_group_number_is_lost(w):
    namespace.mnt_alloc_group_id(w.k)


def shared(w, fstype, group=0):
    mnt = mount_of(w, fstype)
    mnt.mnt_group_id = group or namespace.mnt_alloc_group_id(w.k)
    mnt.mnt_flags |= MNT_SHARED
    return mnt


@breaks(r"mount 4: its peers are not all of group 1")
def a_peer_that_is_in_no_ring(w):
    shared(w, "devpts", shared(w, "proc").mnt_group_id)


@breaks(r"mount 4 is not known to its master")
def a_slave_that_its_master_does_not_know(w):
    mount_of(w, "proc").mnt_master = shared(w, "devpts")


@breaks(r"mount 4 follows another")
def a_slave_of_nobody(w):
    shared(w, "devpts").mnt_slave_list.append(mount_of(w, "proc"))


@breaks(r"mount 3 is a master without a group")
def a_master_that_is_not_shared(w):
    mount_of(w, "devpts").mnt_slave_list.append(mount_of(w, "proc"))
    mount_of(w, "proc").mnt_master = mount_of(w, "devpts")


# Terminals.


@breaks(r"count of pty_slave 0: 4, found 3")
def a_terminal_is_opened_without_a_file(w):
    w.terminal.signal.tty.count += 1


@breaks(r"kref of pty_slave 0: 3, found 2")
def a_terminal_is_kept(w):
    w.terminal.signal.tty.kref += 1


@breaks(r"pty_slave 0: the other end leads elsewhere")
def a_terminal_has_another_end(w):
    tty = w.terminal.signal.tty
    tty.link.link = tty.link


@breaks(r"pty_slave 0: foreground None, session <pid \d+>")
def a_session_without_a_foreground(w):
    tty = w.terminal.signal.tty
    pid.put_pid(w.k, tty.pgrp)
    tty.pgrp = None


@breaks(r"<terminal:\d+>: its terminal pty_slave 0 is another session's")
def a_terminal_of_another_session(w):
    tty = w.terminal.signal.tty
    pid.put_pid(w.k, tty.session)
    tty.session = pid.get_pid(w.blocker.pids[2])


@breaks(r"tty_struct objects: 3, found 2")
def a_terminal_is_lost(w):
    w.k.caches["tty_struct"].alloc()


@breaks(r"count of <pid \d+>: \d+, found \d+")
def a_terminal_counts_its_session_twice(w):
    pid.get_pid(w.terminal.signal.tty.session)


@breaks(r"pty_slave 0: 4097 bytes of input, 0 of echoes")
def a_terminal_has_too_much_input(w):
    w.terminal.signal.tty.disc_data.read_buf.extend(bytes(4097))


@breaks(r"pty_slave 0: lines end at 1, the input is 0 to 0")
def a_line_ends_behind_the_input(w):
    w.terminal.signal.tty.disc_data.canon_head = 1


@breaks(r"pty_slave 0: line ends at \[7\], lines 0 to 0")
def a_line_end_without_a_line(w):
    w.terminal.signal.tty.disc_data.read_flags.append(7)


@breaks(r"pty_slave 0: flip buffers of 1 bytes, 0 pages")
def a_flip_buffer_is_miscounted(w):
    w.terminal.signal.tty.buf.memory_used += 1


# Workers and works: those of a machine that has never had any.


def a_work(w, *, pending=True):
    work = WorkStruct(lambda *_: None)
    work.wq, work.pending = w.k.wq.system_wq, pending
    return work


@breaks("a work for .* is queued and not pending")
def a_queued_work_is_not_pending(w):
    w.k.wq.gcwq[0].worklist.append(a_work(w, pending=False))


@breaks("workqueue events: nr_active 1, found 0|workqueue events: nr_active 0, found 1")
def a_work_is_not_counted(w):
    w.k.wq.gcwq[0].worklist.append(a_work(w))


@breaks("workers of 0: works wait and all workers sleep")
def a_work_waits_for_nobody(w):
    w.k.wq.system_wq.nr_active = 1
    w.k.wq.gcwq[0].worklist.append(a_work(w))


@breaks("a work is queued twice")
def a_work_is_on_two_lists(w):
    work = a_work(w)
    w.k.wq.gcwq[0].worklist += work, work


@breaks("workqueue events: works wait, though only 1 are under way")
def a_delayed_work_is_forgotten(w):
    w.k.wq.system_wq.nr_active = 1
    w.k.wq.gcwq[0].worklist.append(a_work(w))
    w.k.wq.system_wq.delayed_works.append(a_work(w))


@breaks("an idle worker 3 that 0 does not have")
def an_idle_worker_is_none(w):
    w.k.wq.gcwq[0].idle_list.append(Worker(w.k.wq.gcwq[0], 3))


@breaks("worker 3 of 0 is listed as 4")
def a_worker_has_two_numbers(w):
    w.k.wq.gcwq[0].workers[4] = Worker(w.k.wq.gcwq[0], 3)


@breaks("worker .* with flags 0x")
def a_worker_is_a_program(w):
    worker = w.k.wq.gcwq[0].workers[3] = Worker(w.k.wq.gcwq[0], 3)
    worker.task = w.stopped


@breaks("is idle and works")
def a_worker_is_idle_and_works(w):
    worker = w.k.wq.gcwq[0].workers[3] = Worker(w.k.wq.gcwq[0], 3)
    worker.task, worker.current_work = w.stopped, a_work(w)
    w.k.wq.gcwq[0].idle_list.append(worker)


@breaks("kthreadd sleeps over a request")
def kthreadd_was_not_waked(w):
    w.k.kthreads.kthread_create_list.append(None)


# Control groups.


@breaks(r"init_css_set: refcount \d+, found \d+ tasks, \d+ leaving")
def a_task_that_its_groups_do_not_count(w):
    w.k.cgroups.init_css_set.refcount -= 1


@breaks(r"css_set objects: 1, found 0")
def a_css_set_is_lost(w):
    w.k.caches["css_set"].alloc()


@breaks(r"css_set /,/: not one link a hierarchy, in their order")
def a_css_set_without_a_group(w):
    w.k.cgroups.init_css_set.cg_links.append(w.k.cgroups.init_css_set.cg_links[0])


@breaks(r"hierarchy 0: 2 groups, found 1")
def a_group_is_counted_twice(w):
    w.k.cgroups.rootnode.number_of_cgroups += 1


@breaks(r"group /: count 2, found 1")
def a_group_with_a_css_set_too_many(w):
    w.k.cgroups.rootnode.top_cgroup.count += 1


@breaks(r"is frozen in a group that is not")
def a_task_frozen_by_nobody(w):
    w.main.flags |= PF_FROZEN


@breaks(r"1 pages are charged, 0 listed by groups")
def a_page_is_charged_to_nobody(w):
    w.k.mm.memcg = MemoryController(w.k)
    w.k.mm.memcg.pages[w.k.mm.zero_pfn] = mem_cgroup_from_task(w.main)


@breaks(r"1 pages are charged, 0 marked")
def a_page_is_charged_and_looks_as_if_it_were_not(w):
    w.k.mm.memcg = MemoryController(w.k)
    memcg = w.k.mm.memcg.pages[w.k.mm.zero_pfn] = mem_cgroup_from_task(w.main)
    memcg.rss[w.k.mm.zero_pfn] = None


# Keys: of the only one, main's process keyring.


def a_key(w):
    process_keys.install_process_keyring_to_cred(w.main, w.main.cred)
    return w.main.cred.tgcred.process_keyring


@breaks(r"usage of key \d+ b'_pid': 2, found 1")
def a_key_is_used_by_nobody(w):
    a_key(w).usage += 1


@breaks(r"key \d+ b'_pid' was freed and is in use")
def a_key_in_use_is_freed(w):
    del w.k.keys.serials[a_key(w).serial]


@breaks(r"quota of keys of user 0: 1 keys of 30 bytes")
def a_key_counts_for_more_than_it_is(w):
    a_key(w).user.qnbytes += 1


@breaks(r"keys of user 0: 4/3, found 1/1")
def a_key_is_counted_twice(w):
    a_key(w).user.nkeys += 1


@breaks(r"usage of a tgcred: 2, found 1")
def a_process_leaves_its_keys_behind(w):
    a_key(w)
    w.main.cred.tgcred.usage += 1


@breaks("key_jar or key_user objects")
def a_key_is_lost(w):
    w.k.caches["key_jar"].alloc()


@pytest.mark.parametrize(("mutate", "complaint"), MUTATIONS)
def test_a_broken_promise_is_noticed(world, mutate, complaint):
    mutate(world)
    wrong = "\n".join(validate_all(world.k))
    assert re.search(complaint, wrong), wrong


# Whose structures are damaged in test_validate_notify.py, tests/fs/test_fasync.py and tests/net/test_validate_inet.py.
BITES_ELSEWHERE = {"validate_dnotify", "validate_fasync", "validate_file_locks", "validate_inet", "validate_notify"}


def test_every_validator_bites():
    """Each is the one that notices some mutation."""
    silent = dict.fromkeys(one for one in (*AT_EVERY_TRAP, *OF_MEMORY) if one.__name__ not in BITES_ELSEWHERE)
    for mutate in (param.values[0] for param in MUTATIONS):
        world = build()
        mutate(world)
        seen = Census(world.k)
        for validate in list(silent):
            if validate(seen):
                del silent[validate]
        if not silent:
            return
    assert list(silent) == []


def test_who_is_stopped_need_not_be_told(world):
    """He looks for signals when he is continued."""
    world.stopped.pending.signal |= 1 << 11
    assert validate_all(world.k) == []


# The order of children, from one look to the next.


def adopt(father, child):
    del child.real_parent.children[child]
    father.children[child] = None


def test_children_that_change_places(world):
    order = tasks.ChildrensOrder()
    assert order.validate(Census(world.k)) == []
    world.main.children = dict(reversed(world.main.children.items()))
    [wrong] = order.validate(Census(world.k))
    assert re.match(r"children of <main:17>: \[<pid 24>, .*\], were \[<pid 18>", wrong)
    assert order.validate(Census(world.k)) == []


def test_a_child_that_is_not_put_last(world):
    order = tasks.ChildrensOrder()
    order.validate(Census(world.k))
    first = dict.fromkeys((world.reader, *world.init.children))
    del world.main.children[world.reader]
    world.init.children = first
    [wrong] = order.validate(Census(world.k))
    assert wrong.startswith("children of <init:1>")


@pytest.mark.parametrize("right", [True, False])
def test_orphans_are_adopted_in_order(world, right):
    order = tasks.ChildrensOrder()
    order.validate(Census(world.k))
    for child in [world.reader, world.blocker][:: 1 if right else -1]:
        adopt(world.init, child)
    wrong = order.validate(Census(world.k))
    assert bool(wrong) != right
    assert right or "adopted from among" in wrong[0]


def test_a_kernel_that_adopts_in_reverse(monkeypatch):
    async def main(sys):
        if await sys.fork() == 0:
            for _ in range(3):
                if await sys.fork() == 0:
                    await sys.pause()
            await sys.exit(0)
        await sys.wait()
        await sys.getpid()

    def first(father, p, dead):
        del father.children[p]
        p.real_parent.children = {p: None, **p.real_parent.children}
        p.exit_signal = 17

    machine = Machine(check=True)
    assert machine.run(main).exit_code == 0
    monkeypatch.setattr(exit, "reparent_leader", first)
    machine = Machine(check=True)
    with pytest.raises(KernelBug, match="children of <init:1>"):
        machine.run(main)


# Lines of the kernel taken out.


@pytest.mark.parametrize(("where", "name", "complaint"), [
    (signal_queue, "flush_sigqueue", "was released with signals pending"),
    (exit.pid, "detach_pid", "is hashed|was released"),
    (exit.file, "exit_files", "is dead and still has its files"),
    (exit.fs_struct, "exit_fs", "is dead and still has its fs"),
    (fork, "put_sighand", "sighand_cache objects"),
    (signal_queue, "sigqueue_put", "sigqueue objects"),
    (wait, "finish_wait", "is in user mode and on a queue"),
    (cred, "exit_creds", "cred_jar objects"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_missing_line_is_noticed(monkeypatch, where, name, complaint):
    async def main(sys):
        await sys.sigprocmask(0, {USR1})
        if await sys.fork() == 0:
            await sys.raise_signal(USR1)
            await sys.exit(0)
        await sys.wait()
        await sys.getpid()
        await sys.getpid()

    monkeypatch.setattr(where, name, lambda *_: None)
    machine = Machine(check=True)
    with pytest.raises(KernelBug, match=complaint):
        machine.run(main)


def test_a_set_of_namespaces_that_waits_for_its_readers():
    """Its last user sleeps for a grace period, and only the sleeper's stack knows of the set."""
    async def child(sys):
        for _ in range(5):
            await sys.unshare(CLONE_NEWUTS)

    async def main(sys):
        children = [await sys.clone(child) for _ in range(4)]
        for _ in range(300):
            await sys.getppid()
        for nr in children:
            await sys.waitpid(nr)

    result = Machine(cpus=3, check=True).run(main)
    assert result.exit_code == 0
    result.check_baseline()
