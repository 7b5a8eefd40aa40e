"""Kernel threads."""

from __future__ import annotations

import pytest

from procession.include.linux.bug import KernelBug
from procession.include.linux.errno import LinuxError
from procession.include.linux.sched import (
    PF_KTHREAD,
    TASK_INTERRUPTIBLE,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    set_task_state,
)
from procession.kernel import completion, kthread, sched


@pytest.fixture
def kd(k):
    """With kthreadd running."""
    k.kthreads.kthreadd_task = k.start(kthread.kthreadd, completion.init_completion(k))
    return k


def run_in_task(k, fn):
    """Run the coroutine function fn in a task of its own; returns what it returned."""
    result = []

    async def body(current, arg):
        result.append(await fn(current))
        return 0

    k.start(body)
    return result[0]


async def until_stopped(current, data):
    data.append("running")
    while True:
        set_task_state(current, TASK_INTERRUPTIBLE)
        if kthread.kthread_should_stop(current):
            break
        await sched.schedule(current)
    set_task_state(current, TASK_RUNNING)
    return 42


def test_a_created_thread_sleeps_until_it_is_woken(kd):
    """State D, named, ordinary policy, child of kthreadd."""
    log = []
    p = run_in_task(kd, lambda current: kthread.kthread_create(current, until_stopped, log, "worker/0"))
    assert (p.comm, p.state, log) == ("worker/0", TASK_UNINTERRUPTIBLE, [])
    assert p.flags & PF_KTHREAD
    assert p.real_parent is kd.kthreads.kthreadd_task
    assert kthread.kthread_data(p) is log
    sched.wake_up_process(p)
    kd.settle()
    assert log == ["running"]


def test_stop_returns_what_the_thread_returned(kd):
    """The raw value, no shift."""
    log = []

    async def body(current):
        p = await kthread.kthread_run(current, until_stopped, log, "worker")
        await sched.schedule(current)
        return await kthread.kthread_stop(current, p)

    assert run_in_task(kd, body) in (42, -4)


def test_a_thread_that_never_ran_returns_eintr(kd):
    """Its function is not called."""
    log = []

    async def body(current):
        p = await kthread.kthread_create(current, until_stopped, log, "worker")
        return await kthread.kthread_stop(current, p)

    assert run_in_task(kd, body) == -4
    assert log == []


def test_threads_are_reaped_without_anybody_waiting(kd):
    """kthreadd ignores SIGCHLD."""
    before = kd.nr_threads

    async def short(current, data):
        return 0

    run_in_task(kd, lambda current: kthread.kthread_run(current, short, None, "short"))
    assert kd.nr_threads == before + 1      # the caller's zombie


def test_returning_to_user_mode_is_a_bug(k):
    """A kernel thread has none."""
    thread = kthread.KthreadThread(until_stopped, None)
    thread.started = True
    with pytest.raises(KernelBug, match="returned to user mode"):
        thread.run(k.init_task, None)


def test_a_thread_that_cannot_be_made_is_its_creators_error(kd):
    """kthreadd hands on what fork says, and goes on."""
    log = []

    async def body(current):
        most, kd.max_threads = kd.max_threads, 0
        with pytest.raises(LinuxError, match="EAGAIN"):
            await kthread.kthread_create(current, until_stopped, log, "worker")
        kd.max_threads = most
        return await kthread.kthread_create(current, until_stopped, log, "worker")

    assert run_in_task(kd, body).comm == "worker"
    assert log == []
