"""What the validators say of a single field that is wrong, where no other test breaks it."""

from __future__ import annotations

import struct

import pytest
from tests.tools.test_validate import THREAD, build

from procession import Machine
from procession.hw.memory import PG_EXEC
from procession.include.linux.hrtimer import Hrtimer
from procession.include.linux.mm_types import VM_EXEC, VM_WRITE
from procession.include.linux.rtmutex import RtMutex, RtMutexWaiter
from procession.include.linux.sched import JOBCTL_STOP_CONSUME, JOBCTL_STOP_PENDING, JOBCTL_TRAPPING, PF_EXITPIDONE
from procession.kernel import cred, entry, hrtimer, sched_fair, sched_group
from procession.kernel.futex_pi import FutexPiState
from procession.tools.validate import validate_all

pytestmark = pytest.mark.unchecked


def enqueue(w, p=None):
    """Put the reader's entity into its CPU's queue, as if it ran."""
    se = (p or w.reader).se
    cfs = w.k.sched.runqueues[0].cfs
    cfs.timeline[:] = [(se.vruntime, se.serial, se)]
    se.on_rq = True
    return cfs


def waiter(p, lock, prio=120):
    found = RtMutexWaiter(p)
    found.lock, found.prio = lock, prio
    return found


# The scheduler.


def a_released_task(w):
    enqueue(w, w.thread)
    del w.threads.signal.threads[w.thread]


def another_runs(w):
    enqueue(w).curr = w.reader.se


def the_idle_one_queued(w):
    enqueue(w, w.k.sched.runqueues[0].idle)


def of_the_other_class(w):
    enqueue(w)
    w.reader.prio = 10


def left_for_ever(w):
    w.k.sched.runqueues[0].dead = w.reader


def a_buddy(w):
    w.k.sched.runqueues[0].cfs.next = w.reader.se


def a_groups_weight(w):
    tg = sched_group.sched_create_group(w.k, w.k.sched.root_task_group)
    sched_fair.enqueue_entity(w.k.sched.runqueues[0].cfs, tg.se[0], wakeup=True)
    tg.shares += 1


def waiters_out_of_order(w):
    lock = RtMutex(w.main)
    lock.wait_list = [waiter(w.reader, lock, 120), waiter(w.blocker, lock, 100)]
    w.reader.pi_blocked_on = lock.wait_list[0]


def a_first_waiter_unknown(w):
    lock = RtMutex(w.main)
    lock.wait_list = [waiter(w.reader, lock)]
    w.reader.pi_blocked_on = lock.wait_list[0]


def a_futex_of_another(w):
    w.main.pi_state_list = [FutexPiState(w.reader)]


# Timers and locks.


def a_timer_in_the_wrong_place(w):
    timer = Hrtimer(print, data=w.main)
    w.k.timers.hrtimers.append((5, timer.serial, timer))
    timer.queued, timer.expires_ns = True, 1 << 60


def a_timer_of_a_dead_process(w):
    hrtimer.hrtimer_start(w.k, Hrtimer(print, data=w.zombie.signal), 1 << 60)


def an_armed_timer_nowhere(w):
    timer = w.main.signal.it_real_timer = Hrtimer(print, data=w.main.signal)
    timer.queued = True


def a_dead_timer(w):
    w.zombie.signal.it_real_timer = Hrtimer(print, data=w.zombie.signal)


def mmap_sem(w):
    w.main.mm.page_table_lock.held = w.main.mm.page_table_lock.cls.irq


def pidmap_lock(w):
    w.k.pidmap_lock.held = w.k.pidmap_lock.cls.irq


def a_lock_of_all(w):
    w.k.lockdep.chain = next(iter(w.k.lockdep.root.next.values()))


# Tasks, signals, numbers.


def exit_signal(w):
    w.reader.exit_signal = -1


def tgid(w):
    w.reader.tgid = 99


def group_leader(w):
    w.reader.group_leader = w.main


def a_dead_thread(w):
    w.thread.exit_state = 16


def group_exit_task(w):
    w.reader.signal.group_exit_task = w.main


def exitpidone(w):
    w.reader.flags |= PF_EXITPIDONE


def a_zombies_flags(w):
    w.zombie.flags &= ~PF_EXITPIDONE


def released_alive(w):
    del w.k.tasks[w.reader]
    w.k.sched.runqueues[0].dead = w.reader


def runs_released(w):
    del w.k.tasks[w.reader]
    w.k.sched.runqueues[0].curr = w.reader


def released_and_held(w):
    del w.k.tasks[w.reader]
    w.main.held.append(w.reader)


def pending(w):
    w.blocker.pending.signal |= 1 << 70


def signal_flags(w):
    w.stopped.signal.flags |= 1 << 30


def stop_consumed(w):
    w.stopped.jobctl = w.stopped.jobctl & ~JOBCTL_STOP_PENDING | JOBCTL_STOP_CONSUME


def trapping(w):
    w.stopped.jobctl |= JOBCTL_TRAPPING


def charged_to_nobody(w):
    (w.blocker.pending.list or w.blocker.signal.shared_pending.list)[0].user = None


def no_number(w):
    w.reader.pids[0] = None


def anothers_number(w):
    w.reader.pids[0] = w.main.pids[0]


def no_group(w):
    w.reader.pids[1] = None


def a_threads_group(w):
    w.thread.pids[1] = w.main.pids[1]


def number_not_found(w):
    w.reader.pids[0].numbers[0].nr = 77


def number_of_two(w):
    w.reader.pids[0].tasks[0][w.main] = None


# References.


def boot_pid(w):
    w.k.init_struct_pid.count += 1


def freed_cred(w):
    w.k.rcu.next.append((cred.put_cred_rcu, (w.k, w.main.cred)))


def user_not_hashed(w):
    w.k.users.uidhash.clear()


def nr_files(w):
    w.k.vfs.nr_files += 1


def pipe_readers(w):
    w.reader.files.fd[3].pipe.readers += 1


def bitmaps(w):
    w.main.files.open_fds.append(0)


def max_fds(w):
    w.main.files.max_fds = 1


# Memory.


def shared(w):
    return next(vma for vma in w.main.mm.mmap if not vma.vm_file)


def area_order(w):
    shared(w).vm_end += 5


def far_frame(w):
    w.k.frames.q[w.entry(w.main)] |= 0xFFFFFF << 12


def zero_page(w):
    w.k.frames.q[w.entry(w.main)] = w.k.frames.q[w.entry(w.main)] & ~(0xFFFFFFFF << 12) | w.k.mm.zero_pfn << 12 | 2


def read_only_area(w):
    shared(w).vm_flags &= ~VM_WRITE
    w.k.frames.q[w.entry(w.main)] |= 2


def executable(w, flags):
    shared(w).vm_flags |= VM_EXEC
    w.k.frames.q[w.entry(w.main)] &= ~(1 << 63)
    pfn = w.k.frames.q[w.entry(w.main)] >> 12 & 0xFFFFFFFF
    w.k.frames.pflags[pfn] |= flags


def unmarked_code(w):
    executable(w, 0)


def writable_code(w):
    executable(w, PG_EXEC)
    w.k.frames.q[w.entry(w.main)] |= 2


def no_anon_vma(w):
    shared(w).anon_vma = None


def never_given_out(w):
    w.k.mm.free_list.append(w.k.mm.next_fresh + 5)


BROKEN = [
    (a_released_task, "a released task is on a run queue"),
    (another_runs, "its fair class <reader:"),
    (the_idle_one_queued, "CPU 0: <swapper:0> of CPU 0 is queued here"),
    (of_the_other_class, "of priority 10 is in the other class's queue"),
    (left_for_ever, "has left for ever in state 1"),
    (another_runs, "runs, and is in the queue"),
    (a_buddy, "a buddy is <reader:18>, which is not queued"),
    (a_groups_weight, "a group weighs 1024, its shares are 1025"),
    (waiters_out_of_order, "waits for is out of order"),
    (a_first_waiter_unknown, "does not know who waits first for a lock of its"),
    (a_futex_of_another, "has a PI futex of <reader:18> in its list"),
    (a_timer_in_the_wrong_place, f"a timer for {1 << 60} ns stands at 5 ns"),
    (a_timer_of_a_dead_process, "ITIMER_REAL of the dead process"),
    (an_armed_timer_nowhere, "is armed, but not queued"),
    (a_dead_timer, "is dead and still has timers"),
    (mmap_sem, "mmap_sem or page_table_lock of"),
    (pidmap_lock, "pidmap_lock is held"),
    (a_lock_of_all, "locks held: ["),
    (exit_signal, "is on the task list with the exit signal of a thread"),
    (tgid, "leads process 99"),
    (group_leader, "is on the task list, but its leader is <main:17>"),
    (a_dead_thread, "is a dead thread and was not released"),
    (group_exit_task, "group_exit_task <main:17> is none of its threads"),
    (exitpidone, "is through with exiting, but neither a zombie nor dead"),
    (a_zombies_flags, "is a zombie with flags"),
    (released_alive, "<reader:18> was released with exit_state 0"),
    (runs_released, "<reader:18> was released with exit_state 0"),
    (released_and_held, "<reader:18> was released with exit_state 0"),
    (pending, "pending 0x4000000000"),
    (signal_flags, "signal flags 0x4000000"),
    (stop_consumed, "is counted in a stop that it is not asked for"),
    (trapping, "is trapping without a trap"),
    (charged_to_nobody, "1 queued signals are charged to nobody"),
    (no_number, "<reader:18> is hashed, but has no number"),
    (anothers_number, "<reader:18> has <pid 17>"),
    (no_group, "<reader:18> leads a process and has no PGID"),
    (a_threads_group, "is a thread and has a PGID"),
    (number_not_found, "is not found by number 77 in its namespace of level 0"),
    (number_of_two, "is the number of [<reader:18>, <main:17>]"),
    (boot_pid, "count of the boot task's pid"),
    (freed_cred, "waits to be freed with usage"),
    (user_not_hashed, "user 0 is not in the hash"),
    (nr_files, "filp objects"),
    (pipe_readers, "readers 2, found 1"),
    (bitmaps, "bitmaps of other lengths than 1 words"),
    (max_fds, "descriptors, room for 1"),
    (area_order, "after 0x0"),
    (far_frame, "a page table entry leads out of memory"),
    (zero_page, "the zero page is writable"),
    (unmarked_code, "executable page is not marked"),
    (writable_code, "executable page can be written"),
    (no_anon_vma, "anonymous page in an area without anon_vma"),
    (never_given_out, "a frame is mapped or free that was never given out"),
    (read_only_area, "writable page in a read-only area"),
]


@pytest.mark.parametrize(("mutate", "complaint"), BROKEN, ids=lambda value: getattr(value, "__name__", ""))
def test_a_wrong_field_is_noticed(mutate, complaint):
    world = build()
    mutate(world)
    found = validate_all(world.k)
    assert any(complaint in text for text in found), found


# Futexes, queues, connections, locks of files and groups need others who wait.


async def waiters(sys):
    address = await sys.mmap()

    async def waiter(sys):
        await sys.syscall("futex", address, 0, 0, 0, 0, 0)

    for _ in range(2):
        await sys.clone(waiter, flags=THREAD)
    await sys.pause()


async def queue(sys):
    fd = await sys.syscall("mq_open", "q", 0o102, 0o600, 0)
    if await sys.fork() == 0:
        await sys.syscall("mq_timedreceive", fd, bytearray(8192), 8192, 0, 0)
    await sys.pause()


async def connection(sys):
    listener = await sys.socket(2, 1, 0)
    name = struct.pack("<H", 2) + struct.pack(">H", 80) + bytes([127, 0, 0, 1]) + bytes(8)
    await sys.bind(listener, name)
    await sys.listen(listener, 5)
    client = await sys.socket(2, 1, 0)
    await sys.connect(client, name)
    await sys.accept(listener)
    await sys.pause()


async def locks(sys):
    await sys.close(await sys.open("/tmp/file", 0o102, 0o600))
    await sys.fcntl(await sys.open("/tmp/file", 0), 1024, 0)    # a lease
    other = await sys.open("/tmp/other", 0o102, 0o600)
    await sys.syscall("flock", other, 2)
    await sys.fcntl(await sys.open("/tmp", 0), 1026, 0x80000004)    # F_NOTIFY
    r, _ = await sys.pipe()
    await sys.fcntl(r, 4, 0o20000)      # O_ASYNC
    await sys.pause()


async def groups(sys):
    await sys.mkdir("/cg", 0o700)
    await sys.mount("none", "/cg", "cgroup", 0, "freezer")
    await sys.mkdir("/cg/one", 0o700)
    fd = await sys.open("/cg/one/tasks", 1)
    await sys.write(fd, b"0")
    await sys.open("/cg/one/tasks", 0)
    await sys.pause()


def built(main):
    machine = Machine()
    with pytest.raises(entry.Deadlock):
        machine.run(main)
    assert validate_all(machine.kernel) == []
    return machine.kernel


def futex_queue(k):
    return next(iter(k.futex_queues.queues.values()))


def key(k):
    futex_queue(k)[0].key = (0, 0, 0)


def futex_of_the_running(k):
    futex_queue(k)[0].task.exit_state = 16


def futex_order(k):
    futex_queue(k).reverse()


def mqueue(k):
    return next(inode for p in k.tasks for file in (p.files.fd if p.files else ()) if file is not None
                for inode in [file.inode] if hasattr(inode, "e_wait_q"))


def mqueue_ready(k):
    mqueue(k).e_wait_q[1][0].ready = True


def mqueue_full(k):
    mqueue(k).maxmsg = -1


def table(k):
    return file(k, 3).private_data.net.inet


def sock(k):
    return next(iter(table(k).ehash.values()))


def owned(k):
    sock(k).owned = True


def send_head(k):
    sock(k).send_head = 3


def packets_out(k):
    sock(k).packets_out = 3


def wrong_place(k):
    sock(k).dport += 1


def tcp_objects(k):
    k.caches["TCP"].alloc()


def packets_under_way(k):
    k.net.softnet.disabled = True


def file(k, at):
    main = next(p for p in k.tasks if p.pid == 17)
    return main.files.fd[at]


def lease_last(k):
    inode = file(k, 3).inode
    inode.i_flock.insert(0, file(k, 4).inode.i_flock[0])


def lock_objects(k):
    k.caches["file_lock_cache"].nr_active += 100


def lock_waits(k):
    held = file(k, 4).inode.i_flock[0]
    held.fl_next = held


def lock_of_no_file(k):
    file(k, 4).inode.i_flock[0].fl_file = file(k, 3)


def lease_ends(k):
    file(k, 3).inode.i_flock[0].fl_break_ns = 5


def news_of_no_file(k):
    file(k, 6).pipe.fasync_readers[0].fa_file = None


def empty_list(k):
    file(k, 6).pipe.fasync_readers = []


def notify_closed(k):
    next(iter(k.vfs.dnotify_group.marks)).dn[0].dn_filp = None


def css_set(k):
    return next(p for p in k.tasks if p.pid == 17).cgroups


def css_refcount(k):
    css_set(k).refcount += 1


def css_link(k):
    css_set(k).cg_links[0].cgrp.css_sets.clear()


def css_state(k):
    css_set(k).subsys = k.cgroups.init_css_set.subsys


def css_tasks(k):
    css_set(k).tasks.clear()


def group(k):
    return next(link.cgrp for link in css_set(k).cg_links if link.cgrp.name)


def root_bits(k):
    group(k).root.subsys_bits = 0


def group_name(k):
    group(k).name = "two"


def no_hierarchy(k):
    group(k).root.subsys_list.clear()


def group_objects(k):
    k.caches["cgroup"].alloc()


@pytest.mark.parametrize(("main", "mutate", "complaint"), [
    (waiters, key, "stands on the queue of another futex"),
    (waiters, futex_of_the_running, "is queued on a futex and does not sleep"),
    (waiters, futex_order, "is out of order"),
    (queue, mqueue_ready, "waits, though all is done"),
    (queue, mqueue_full, "0 messages, room for -1"),
    (connection, owned, "a call that is over has kept its socket"),
    (connection, send_head, "what is to be sent from port"),
    (connection, packets_out, "3, segments 0"),
    (connection, wrong_place, "a connection in the wrong place"),
    (connection, tcp_objects, "TCP objects: 4, found 3"),
    (connection, packets_under_way, "packets under way"),
    (locks, lease_last, "leases are not the first"),
    (locks, lock_objects, "file_lock_cache objects: 102, found 2"),
    (locks, lock_waits, "is held, and waits"),
    (locks, lock_of_no_file, "its file is not open"),
    (locks, lease_ends, "a lease that ends though nobody is in its way"),
    (locks, news_of_no_file, "are for a file that is not open"),
    (locks, empty_list, "an empty list of inode"),
    (locks, notify_closed, "F_NOTIFY of a directory that is not open"),
    (groups, css_refcount, "css_set /,one: refcount 2, found 1"),
    (groups, css_link, "does not know it"),
    (groups, css_state, "the state of freezer is another group's"),
    (groups, css_tasks, "is not listed in its css_set /,one"),
    (groups, root_bits, "bits 0x0 of other controllers"),
    (groups, group_name, "group one is not what its parent takes it for"),
    (groups, no_hierarchy, "a controller is in no hierarchy"),
    (groups, group_objects, "cgroup objects: 2, found 1"),
], ids=lambda value: getattr(value, "__name__", ""))
def test_a_wrong_field_of_what_others_wait_for_is_noticed(main, mutate, complaint):
    k = built(main)
    mutate(k)
    found = validate_all(k)
    assert any(complaint in text for text in found), found
