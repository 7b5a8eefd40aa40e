"""Timers on the virtual clock."""

from __future__ import annotations

from procession.hw.clock import NEVER
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.hrtimer import Hrtimer
from procession.include.linux.time import KTIME_MAX
from procession.kernel import hrtimer, itimer, posix_cpu_timers, sched, signal_queue, signal_send, time

from .conftest import sleep, work


def test_timers_expire_by_time_then_by_order_of_arming(k):
    """A total order."""
    log = []
    for name, at in (("c", 30), ("a", 10), ("b1", 20), ("b2", 20)):
        hrtimer.hrtimer_start(k, Hrtimer(lambda t: log.append(t.data), data=name), at)
    k.settle()
    assert log == ["a", "b1", "b2", "c"]
    assert hrtimer.next_timer_event(k) == NEVER


def test_a_cancelled_timer_does_not_expire_and_may_be_armed_again(k):
    """Its old entry in the heap means nothing."""
    log = []
    t = Hrtimer(lambda _: log.append(k.clock.now_ns))
    hrtimer.hrtimer_start(k, t, 1000)
    assert hrtimer.hrtimer_cancel(k, t)
    assert not hrtimer.hrtimer_cancel(k, t)
    assert hrtimer.next_timer_event(k) == NEVER
    hrtimer.hrtimer_start(k, t, 500_000)
    hrtimer.hrtimer_start(k, t, 900_000)
    k.settle()
    assert log == [900_000]


def test_a_timer_function_may_arm_its_timer_again(k):
    """HRTIMER_RESTART."""
    log = []

    def fire(t):
        log.append(t.expires_ns)
        return t.expires_ns + 1000 if len(log) < 3 else None

    hrtimer.hrtimer_start(k, Hrtimer(fire), 5000)
    k.settle()
    assert log == [5000, 6000, 7000]


def test_forward_skips_periods_that_are_over():
    """And counts them."""
    t = Hrtimer(lambda _: None, expires_ns=100)
    assert hrtimer.hrtimer_forward_to(t, 50, 10) == 0
    assert hrtimer.hrtimer_forward_to(t, 125, 10) == 3
    assert t.expires_ns == 130


def test_cancelled_timers_do_not_pile_up(k):
    """A poll() loop with long timeouts must not grow the heap."""
    t = Hrtimer(lambda _: None)
    for n in range(10_000):
        hrtimer.hrtimer_start(k, t, 10**15 + n)
        hrtimer.hrtimer_cancel(k, t)
    assert len(k.timers.hrtimers) < 200


def test_sleeping_takes_no_host_time_and_exactly_the_guests(k):
    """An hour."""
    log = []

    async def sleeper(current, arg):
        start = k.clock.now_ns
        log.append(await hrtimer.hrtimer_nanosleep(current, start + 3600 * 10**9, 0, absolute=True))
        log.append((k.clock.now_ns - start) // 10**9)
        return 0

    k.spawn(sleeper)
    k.settle()
    assert log == [0, 3600]


def test_a_signal_ends_a_sleep_and_its_restart_goes_on_to_the_same_moment(k):
    """restart_syscall(2)."""
    log = []

    async def sleeper(current, arg):
        try:
            await hrtimer.hrtimer_nanosleep(current, 10_000_000, 0, absolute=False)
        except LinuxError as error:
            log.append(error.errno)
            signal_queue.flush_signals(current)
            log.append(await current.restart_block(current))
            log.append(k.clock.now_ns // 1_000_000)
        return 0

    async def sender(current, arg):
        await sleep(current, 1_000_000)
        signal_send.send_sig(15, p, 1)
        return 0

    p = k.spawn(sleeper)
    k.spawn(sender)
    k.settle()
    assert log == [Errno.ERESTART_RESTARTBLOCK, 0, 10]


def test_setting_the_time_moves_those_who_wait_for_a_time_of_day(k):
    """clock_was_set."""
    log = []
    boot_ns = k.boot_time_ns
    hrtimer.hrtimer_start(k, Hrtimer(lambda _: log.append(("real", k.clock.now_ns)), realtime=True), boot_ns + 10**9)
    hrtimer.hrtimer_start(k, Hrtimer(lambda _: log.append(("monotonic", k.clock.now_ns))), 10**9)
    time.do_settimeofday(k, time.getnstimeofday(k) + 5 * 10**8)
    k.settle()
    assert log == [("real", 5 * 10**8), ("monotonic", 10**9)]


def test_alarm_rounds_what_is_left_but_not_to_zero(k):
    """Spec 10.14."""
    p = k.init_task
    assert itimer.alarm_setitimer(p, 10) == 0
    k.clock.advance(9_400_000_000)
    assert itimer.alarm_setitimer(p, 10) == 1       # 0.6 s
    k.clock.advance(8_600_000_000)
    assert itimer.alarm_setitimer(p, 10) == 1       # 1.4 s
    k.clock.advance(9_900_000_000)
    assert itimer.alarm_setitimer(p, 0) == 1        # 0.1 s
    assert itimer.alarm_setitimer(p, 0) == 0


def test_a_timer_for_the_end_of_time_never_expires(k):
    """Nor does it if the clock is set beyond that."""
    log = []
    for realtime in (False, True):
        timer = Hrtimer(lambda _: log.append("expired"), realtime=realtime)
        hrtimer.hrtimer_start(k, timer, hrtimer.ktime_add_safe(KTIME_MAX, 1))
        assert hrtimer.hrtimer_get_remaining(k, timer) == KTIME_MAX - hrtimer.hrtimer_cb_get_time(k, timer)
    time.do_settimeofday(k, KTIME_MAX + 10**9)
    k.settle()
    assert hrtimer.next_timer_event(k) == NEVER
    assert log == []


def test_a_forwarded_timer_stops_at_the_end_of_time(k):
    """ktime_add_safe."""
    t = Hrtimer(lambda _: None, 5)
    k.clock.advance(10)
    assert hrtimer.hrtimer_forward(k, t, KTIME_MAX - 1) == 1
    assert t.expires_ns == KTIME_MAX


def test_itimer_prof_expires_a_tick_after_the_cpu_time(k):
    """It counts in ticks. Time asleep does not count."""
    log = []

    async def worker(current, arg):
        itimer.do_setitimer(current, itimer.ITIMER_PROF, (0, 3000), (0, 0))
        await sleep(current, 10**9)
        while not current.signal.shared_pending.signal:
            await work(current, 10_000, 10_000)
        log.append(current.utime)
        log.append(current.signal.it)
        return 0

    k.spawn(worker)
    k.settle()
    assert 7_900_000 <= log[0] <= 8_000_000
    assert log[1] is None


def test_rlimit_cpu_sends_sigxcpu_and_moves_on_by_a_second(k):
    """The soft limit rises with each signal."""
    log = []

    async def worker(current, arg):
        current.signal.rlim[0] = (1, 3)
        posix_cpu_timers.update_rlimit_cpu(current, 1)
        for _ in range(2):
            while not current.signal.shared_pending.signal:
                await work(current, 10_000_000, 10_000_000)
            log.append((current.signal.shared_pending.signal.bit_length(), current.signal.rlim[0],
                        (current.utime + current.stime) // 10**9))
            signal_queue.flush_signals(current)
        return 0

    k.spawn(worker)
    k.settle()
    assert log == [(24, (2, 3), 1), (24, (3, 3), 2)]


def test_thread_group_cputime_counts_the_dead(k):
    """signal->utime and friends."""
    p = k.init_task
    p.signal.utime, p.signal.sum_sched_runtime = 5, 7
    assert posix_cpu_timers.thread_group_cputime(p)[0] == 5
    assert sched.task_sched_runtime(p) >= 0
