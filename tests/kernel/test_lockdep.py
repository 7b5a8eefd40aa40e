"""The lock validator finds what would go wrong on another day."""

from __future__ import annotations

import ast
from pathlib import Path
import re

import pytest

from procession.include.linux.bug import KernelBug
from procession.include.linux.hrtimer import Hrtimer
from procession.include.linux.rwsem import init_rwsem
from procession.include.linux.sched import TASK_INTERRUPTIBLE, set_task_state
from procession.include.linux.spinlock import RwLock, SpinLock
from procession.kernel import hrtimer, lockdep, mutex, rcupdate, sched

from .conftest import BareKernel


def lock(k, name):
    return SpinLock(k.lock_class(name))


def test_opposite_orders_are_reported_at_the_second_one(k):
    """ABBA: no deadlock happened, but one could."""
    a, b = lock(k, "a"), lock(k, "b")
    with a, b:
        pass
    with b, pytest.raises(KernelBug, match=r"circular locking dependency.*a -> b"), a:
        pass


def test_a_cycle_over_three_classes_is_found(k):
    """A -> B, B -> C, C -> A."""
    a, b, c = lock(k, "a"), lock(k, "b"), lock(k, "c")
    with a, b:
        pass
    with b, c:
        pass
    with c, pytest.raises(KernelBug, match="circular"), a:
        pass


def test_the_same_order_again_is_fine(k):
    """A known sequence is not even looked at twice."""
    a, b = lock(k, "a"), lock(k, "b")
    for _ in range(3):
        with a, b:
            pass
    assert k.lockdep.held() == []


def test_two_locks_of_one_class_must_not_nest(k):
    """Two tasks could take them in either order."""
    first, second = lock(k, "same"), lock(k, "same")
    with first, pytest.raises(KernelBug, match="recursive locking"), second:
        pass


def test_mmap_sem_of_parent_and_child_nest(k):
    """dup_mmap holds both."""
    parent, child = (init_rwsem(k.lock_class("mmap_sem")) for _ in range(2))
    with parent.write(), child.write():
        assert [cls.name for cls in k.lockdep.held()] == ["mmap_sem", "mmap_sem"]


def test_taking_a_held_spinlock_is_a_deadlock(k):
    """Nobody else could release it."""
    a = lock(k, "a")
    with a, pytest.raises(KernelBug, match="deadlock: the lock is held"), a:
        pass


def test_readers_nest(k):
    """3.2's rwlocks let a reader in again."""
    rw = RwLock(k.lock_class("rw"))
    with rw.read():
        with rw.read():
            rw.assert_held()
        rw.assert_held()
        with pytest.raises(KernelBug, match="not held for writing"):
            rw.assert_held_write()
        with pytest.raises(KernelBug, match="deadlock"), rw.write_irq():
            pass


def test_a_writer_is_alone(k):
    """And may be asserted."""
    rw = RwLock(k.lock_class("rw"))
    for check in (rw.assert_held, rw.assert_held_write):
        with pytest.raises(KernelBug, match="not held"):
            check()
    with rw.write_irq():
        rw.assert_held()
        rw.assert_held_write()
        with pytest.raises(KernelBug, match="deadlock"), rw.read():
            pass


def test_readers_do_not_wait_for_readers():
    """A lock remembers when it was last released by who had it alone, and only where there are several CPUs."""
    for cpus in (1, 2):
        k = BareKernel(cpus)
        rw = RwLock(k.lock_class("rw"))
        with rw.read(), rw.read():
            k.clock.advance(5)
        assert rw.released_ns == 0
        with rw.write_irq():
            k.clock.advance(5)
        assert rw.released_ns == (k.clock.now_ns if cpus > 1 else 0)


def test_alloc_lock_and_the_task_list_read_lock_nest_both_ways(k):
    """Spec 15.2, item 7; with the write lock the first combination is already wrong."""
    alloc, tasklist = lock(k, "alloc"), RwLock(k.lock_class("tasklist"))
    with alloc, tasklist.read():
        pass
    with tasklist.read(), alloc:
        pass
    with tasklist.write_irq(), pytest.raises(KernelBug, match=r"circular.*alloc -> tasklist"), alloc:
        pass


def test_reading_halves_do_not_make_a_cycle(k):
    """Readers do not wait for each other."""
    a, b = RwLock(k.lock_class("a")), RwLock(k.lock_class("b"))
    with a.read(), b.read():
        pass
    with b.read(), a.read():
        pass
    with b.write_irq():
        pass
    with a.write_irq():
        pass


def test_a_lock_taken_in_interrupts_must_not_be_taken_with_interrupts_on(k):
    """The interrupt could hit its own holder."""
    a = lock(k, "a")
    with k.lockdep.hard_irq, a:
        pass
    with a.irq():
        pass
    with pytest.raises(KernelBug, match="inconsistent lock state"), a:
        pass


def test_the_other_way_round_is_found_in_the_interrupt(k):
    """First with interrupts on, then from a timer."""
    a = lock(k, "a")
    with a:
        pass

    def fire(timer):
        with a:
            pass

    hrtimer.hrtimer_start(k, Hrtimer(fire), k.clock.now_ns)
    with pytest.raises(KernelBug, match="inconsistent lock state"):
        hrtimer.run_queues(k)


def test_a_lock_inside_one_that_is_off_is_taken_with_interrupts_off(k):
    """What counts is the state, not how the inner lock is written."""
    outer, inner = lock(k, "outer"), lock(k, "inner")
    with outer.irq(), inner:
        pass
    with k.lockdep.hard_irq, inner:
        pass


def test_an_irq_safe_lock_must_not_depend_on_an_unsafe_one(k):
    """CPU 0 holds unsafe and is interrupted, wanting safe; CPU 1 holds safe and wants unsafe."""
    safe, unsafe = lock(k, "safe"), lock(k, "unsafe")
    with k.lockdep.hard_irq, safe:
        pass
    with unsafe:
        pass
    with safe.irq(), pytest.raises(KernelBug, match=r"irq lock inversion.*safe -> unsafe"), unsafe:
        pass


def test_scheduling_under_a_spinlock_is_a_bug(k):
    """A critical section does not contain an await."""
    a = lock(k, "a")

    async def bad(current, arg):
        with a:
            set_task_state(current, TASK_INTERRUPTIBLE)
            await sched.schedule(current)
        return 0

    k.spawn(bad)
    with pytest.raises(KernelBug, match=r"^scheduling while atomic.*bad"):
        k.go()


def test_scheduling_inside_an_rcu_reader_is_a_bug(k):
    """Its grace period would never end."""

    async def bad(current, arg):
        with rcupdate.rcu_read_lock(k):
            set_task_state(current, TASK_INTERRUPTIBLE)
            await sched.schedule(current)
        return 0

    k.spawn(bad)
    with pytest.raises(KernelBug, match="inside rcu_read_lock"):
        k.go()


def test_taking_a_sleeping_lock_under_a_spinlock_is_a_bug_even_if_it_is_free(k):
    """It will not always be."""
    a, sem = lock(k, "a"), init_rwsem(k.lock_class("mmap_sem"))
    with a, pytest.raises(KernelBug, match=r"^sleeping function.*holding.*a"), sem.read():
        pass

    async def bad(current, arg):
        with a:
            await mutex.mutex_lock(current, mutex.mutex_init(k, "m"))
        return 0

    k.spawn(bad)
    a.held = None
    k.lockdep.chain = k.lockdep.root
    with pytest.raises(KernelBug, match=r"^sleeping function"):
        k.go()


def test_might_sleep_is_quiet_where_sleeping_is_allowed(k):
    """Under a sleeping lock it is."""
    lockdep.might_sleep(k)
    with init_rwsem(k.lock_class("mmap_sem")).read():
        lockdep.might_sleep(k)
    with lock(k, "a"), pytest.raises(KernelBug, match=r"^sleeping function"):
        lockdep.might_sleep(k)


def test_leaving_the_kernel_with_a_lock_held_is_a_bug(k):
    """A lock() without an unlock()."""
    a = lock(k, "a")

    class UserSide:
        def run(self, current, budget_ns):
            a.__enter__()

        def syscall_nr(self):
            return -1

        user_pc = user_sp = syscall_nr

    async def to_user_mode(current, arg):
        current.thread = UserSide()
        return 0

    k.spawn(to_user_mode)
    with pytest.raises(KernelBug, match="lock held when returning to user space"):
        k.go()


def test_switched_off_it_reports_nothing(k):
    """Kernel.lockdep.enabled."""
    k.lockdep.enabled = False
    a, b = lock(k, "a"), lock(k, "b")
    with a, b:
        pass
    with b, a:
        pass


def test_the_kernels_own_order_is_recorded(k):
    """Waking a task takes its run queue's lock under the lock of the wait queue, and so on."""

    async def child(current, arg):
        return 0

    k.spawn(child)
    k.settle()
    order = {cls.name: [after.name for after in edges] for cls, edges in k.lockdep.edges.items()}
    assert "sighand->siglock" in order["tasklist_lock"]
    assert "tasklist_lock" not in order["sighand->siglock"]


SOURCES = Path(lockdep.__file__).parent.parent
WANTS_A_LOCK = re.compile(r"\b\w*(lock|sem) held\b|\bcaller holds\b|\bunder \w+_?lock\b|\bHolds: ")


# Names of 3.2 that are about another lock: of files, and rtnl, which nobody needs here.
OTHER_LOCKS = {"dev_ifsioc_locked", "locks_verify_locked"}


def who_says_nothing(sources):
    """Functions that promise to be called with a lock held, by name or docstring, and do not look."""
    for text in sources:
        for f in ast.walk(ast.parse(text)):
            if not isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            docstring = ast.get_docstring(f) or ""
            named = f.name.endswith("_locked") and f.name not in OTHER_LOCKS and not f.name.endswith("_is_locked")
            if (named or WANTS_A_LOCK.search(docstring)) and not re.search(r"assert_\w*held", ast.unparse(f)):
                yield f.name


def test_who_wants_a_lock_looks_first():
    """And not only says so."""
    sources = [
        path.read_text(encoding="utf-8")
        for folder in ("kernel", "fs", "mm", "net", "drivers", "arch", "init")
        for path in sorted((SOURCES / folder).rglob("*.py"))
        if path.name != "lockdep.py"
    ]
    assert list(who_says_nothing(sources)) == []


@pytest.mark.parametrize("text", [
    "def take_locked(x):\n    x.n = 1\n",
    'def take(x):\n    """Take one.\n\n    Context: siglock held.\n    """\n    x.n = 1\n',
    'def take(x):\n    """Take one; the caller holds mmap_sem."""\n    x.n = 1\n',
])
def test_who_only_says_so_is_found(text):
    """By its name or by its words."""
    assert list(who_says_nothing([text]))
