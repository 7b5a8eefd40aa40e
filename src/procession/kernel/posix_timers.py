"""POSIX clocks and timers (kernel/posix-timers.c; spec 10.14, 20)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_SYS_TIME
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.hrtimer import Hrtimer
from procession.include.linux.sched import TASK_INTERRUPTIBLE, same_thread_group, set_task_state, signal_pending
from procession.include.linux.signal import NSIG, SI_TIMER, SIGALRM, Sigevent, Siginfo
from procession.include.linux.syscalls import syscall
from procession.include.linux.time import (
    CLOCK_BOOTTIME,
    CLOCK_MONOTONIC,
    CLOCK_MONOTONIC_COARSE,
    CLOCK_PROCESS_CPUTIME_ID,
    CLOCK_REALTIME,
    CLOCK_REALTIME_COARSE,
    CLOCK_THREAD_CPUTIME_ID,
    NSEC_PER_SEC,
    TICK_NSEC,
    TICK_PERIOD_NS,
    TIMER_ABSTIME,
    ClockArg,
    ItimerspecIn,
    ItimerspecOut,
    RealtimeArg,
    SleepClockArg,
    TimerArg,
    TimerClockArg,
    TimespecIn,
    TimespecLeft,
    TimespecOut,
)
from procession.include.linux.timex import TimexPtr
from procession.include.linux.types import Int, IntOut, UserPtr
from procession.kernel import capability, hrtimer, ntp, pid, posix_cpu_timers, sched, signal_send, time
from procession.mm import slab, uaccess

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.pid import Pid
    from procession.include.linux.sched import Task
    from procession.include.linux.signal import Sigqueue

__all__ = (
    "KItimer",
    "clock_getres",
    "clock_gettime",
    "exit_itimers",
    "posix_timers_init",
    "sys_clock_adjtime",
    "sys_clock_getres",
    "sys_clock_gettime",
    "sys_clock_nanosleep",
    "sys_clock_settime",
    "sys_timer_create",
    "sys_timer_delete",
    "sys_timer_getoverrun",
    "sys_timer_gettime",
    "sys_timer_settime",
)

SIGEV_SIGNAL: Final = 0
SIGEV_NONE: Final = 1
SIGEV_THREAD: Final = 2
SIGEV_THREAD_ID: Final = 4
_DELAYTIMER_MAX: Final = 0x7FFFFFFF
# MAKE_..._CPUCLOCK(0, CPUCLOCK_SCHED)
_CPU_PROCESS: Final = ~0 << 3 | 2
_CPU_THREAD: Final = ~0 << 3 | 6
# a device's clock, by its open file: nobody has one
_CLOCKFD: Final = 3
_CLOCKFD_MASK: Final = 7
_WITH_TIMERS: Final = (CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME)


def posix_timers_init(k: Kernel) -> None:
    """Start without timers; their ids are the machine's, not the process's, in 3.2."""
    slab.kmem_cache_create(k, "posix_timers_cache", 176)


# Clocks.


def _cpu_clock(clock: int) -> int:
    """Return the dynamic id of a CPU clock, 0 if clock is another; raises EINVAL if there is no such clock."""
    if clock == CLOCK_PROCESS_CPUTIME_ID:
        return _CPU_PROCESS
    if clock == CLOCK_THREAD_CPUTIME_ID:
        return _CPU_THREAD
    if clock < 0:
        return clock
    if clock > CLOCK_BOOTTIME:
        raise LinuxError(Errno.EINVAL, f"clock {clock}")
    return 0


def clock_gettime(current: Task, clock: int) -> int:
    """Return a clock's time in ns; raises EINVAL for a clock that 3.2 does not have."""
    k = current.kernel
    cpu_clock = _cpu_clock(clock)
    if cpu_clock:
        sample = posix_cpu_timers.clock_sample(cpu_clock, posix_cpu_timers.clock_target(current, cpu_clock))
        return posix_cpu_timers.sample_to_ns(cpu_clock, sample)
    now_ns = k.clock.now_ns
    if clock in (CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE):
        now_ns -= now_ns % TICK_PERIOD_NS
    if clock in (CLOCK_REALTIME, CLOCK_REALTIME_COARSE):
        now_ns += k.boot_time_ns
    return now_ns


def clock_getres(current: Task, clock: int) -> int:
    """Return a clock's resolution in ns; raises EINVAL."""
    cpu_clock = _cpu_clock(clock)
    if cpu_clock:
        posix_cpu_timers.clock_target(current, cpu_clock)
        return posix_cpu_timers.clock_getres(cpu_clock)
    return TICK_NSEC if clock in (CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE) else 1


@syscall
def sys_clock_gettime(current: Task, which_clock: ClockArg, tp: TimespecOut) -> int:
    """Read a clock (clock_gettime(2)); raises EINVAL, EFAULT."""
    time.put_timespec(current, tp, clock_gettime(current, which_clock))
    return 0


@syscall
def sys_clock_getres(current: Task, which_clock: ClockArg, tp: TimespecOut) -> int:
    """Read a clock's resolution (clock_getres(2)); raises EINVAL, EFAULT."""
    resolution_ns = clock_getres(current, which_clock)
    if tp:
        time.put_timespec(current, tp, resolution_ns)
    return 0


@syscall
def sys_clock_settime(current: Task, which_clock: RealtimeArg, tp: TimespecIn) -> int:
    """Set CLOCK_REALTIME, the only one that can be set (clock_settime(2)); raises EINVAL, EFAULT, EPERM."""
    if which_clock < 0:
        uaccess.copy_from_user(current, tp, 16)
        posix_cpu_timers.clock_target(current, which_clock)
        raise LinuxError(Errno.EPERM, "CPU clocks cannot be set")
    if which_clock != CLOCK_REALTIME:
        raise LinuxError(Errno.EINVAL, f"clock {which_clock} cannot be set")
    sec, nsec = time.copy_timespec(current, tp)
    if not capability.capable(current, CAP_SYS_TIME):
        raise LinuxError(Errno.EPERM, "setting the time needs CAP_SYS_TIME")
    time.do_settimeofday(current.kernel, sec * NSEC_PER_SEC + nsec)
    return 0


@syscall
def sys_clock_adjtime(current: Task, which_clock: RealtimeArg, utx: TimexPtr) -> int:
    """Report and set the state of a clock's discipline (clock_adjtime(2)).

    Returns what adjtimex(2) does, but stores only if that is 0. Raises EINVAL, EOPNOTSUPP for a clock that cannot be
    adjusted, EFAULT, EPERM.
    """
    is_file = _cpu_clock(which_clock) & _CLOCKFD_MASK == _CLOCKFD
    if which_clock != CLOCK_REALTIME and not is_file:
        raise LinuxError(Errno.EOPNOTSUPP, f"clock {which_clock} cannot be adjusted")
    timex = ntp.Timex(uaccess.copy_from_user(current, utx, ntp.TIMEX_SIZE))
    if is_file:
        raise LinuxError(Errno.EINVAL, "no clock is open as a file")
    state, data = time.do_adjtimex(current, timex)
    if not state:
        uaccess.copy_to_user(current, utx, data)
    return state


@syscall
async def sys_clock_nanosleep(
    current: Task, which_clock: SleepClockArg, flags: TimerArg, rqtp: TimespecIn, rmtp: TimespecLeft
) -> int:
    """Sleep on a clock, for a time or until a time (clock_nanosleep(2)).

    Raises EINVAL for an unknown clock or time, EOPNOTSUPP for a clock to sleep on that makes no sense, EFAULT;
    ERESTARTNOHAND if until a time, else ERESTART_RESTARTBLOCK.
    """
    cpu_clock = _cpu_clock(which_clock)
    if (
        (cpu_clock == _CPU_THREAD and which_clock > 0)
        or cpu_clock & _CLOCKFD_MASK == _CLOCKFD
        or (not cpu_clock and which_clock not in _WITH_TIMERS)
    ):
        raise LinuxError(Errno.EOPNOTSUPP, f"sleeping on clock {which_clock}")
    sec, nsec = time.copy_timespec(current, rqtp)
    absolute = bool(flags & TIMER_ABSTIME)
    if cpu_clock:
        request = posix_cpu_timers.timespec_to_sample(cpu_clock, sec, nsec)
        return await _cpu_nanosleep(current, cpu_clock, request, rmtp, absolute=absolute)
    expires_ns = time.ktime_set(sec, nsec)
    if not absolute:
        expires_ns = hrtimer.ktime_add_safe(current.kernel.clock.now_ns, expires_ns)
    return await hrtimer.hrtimer_nanosleep(
        current, expires_ns, rmtp, absolute=absolute, realtime=absolute and which_clock == CLOCK_REALTIME
    )


async def _cpu_nanosleep(current: Task, clock: int, request: int, rmtp: UserPtr, *, absolute: bool) -> int:
    """Sleep until somebody else's CPU clock, or that of the own process, has moved on; request is in its unit."""
    p = posix_cpu_timers.clock_target(current, clock)
    if p is current and clock & posix_cpu_timers.CPUCLOCK_PERTHREAD_MASK:
        raise LinuxError(Errno.EINVAL, "waiting for one's own CPU time")
    expires = request if absolute else posix_cpu_timers.clock_sample(clock, p) + request
    left = await _cpu_sleep_until(current, clock, p, expires)
    if not left:
        return 0
    if absolute:
        raise LinuxError(Errno.ERESTARTNOHAND, "clock_nanosleep")
    if rmtp:
        time.put_timespec(current, rmtp, posix_cpu_timers.sample_to_ns(clock, left))

    async def posix_cpu_nsleep_restart(current: Task) -> int:
        return await _cpu_nanosleep(current, clock, expires, rmtp, absolute=True)

    current.restart_block = posix_cpu_nsleep_restart
    raise LinuxError(Errno.ERESTART_RESTARTBLOCK, "clock_nanosleep")


def _wake(p: Task) -> None:
    sched.wake_up_process(p)


async def _cpu_sleep_until(current: Task, clock: int, p: Task, expires: int) -> int:
    """Return 0 when the clock has come to expires, the rest if a signal came first; in the clock's unit."""
    timer = posix_cpu_timers.CpuTimer(clock, p, lambda _: _wake(current))
    timer.expires = expires
    try:
        while True:
            left = expires - posix_cpu_timers.clock_sample(clock, p)
            if left <= 0:
                return 0
            if signal_pending(current):
                return left
            set_task_state(current, TASK_INTERRUPTIBLE)
            posix_cpu_timers.posix_cpu_timer_del(timer)
            posix_cpu_timers.arm_timer(timer)
            await sched.schedule(current, "posix_cpu_nsleep")
    finally:
        posix_cpu_timers.posix_cpu_timer_del(timer)


# Timers.


class KItimer:
    """A timer made by timer_create (struct k_itimer)."""

    __slots__ = (
        "clock",
        "cpu_timer",
        "expired",
        "id",
        "interval_ns",
        "notify",
        "overrun",
        "overrun_last",
        "signo",
        "sigq",
        "target",
        "task",
        "timer",
    )

    def __init__(self, id: int, clock: int, current: Task) -> None:
        self.id = id
        self.clock = clock
        self.task = current.group_leader  # whose process owns it
        self.target: Pid | None = None  # of the thread that gets the signal with SIGEV_THREAD_ID
        self.notify = SIGEV_SIGNAL
        self.signo = SIGALRM
        self.interval_ns = 0  # of a timer that is not on a CPU clock
        self.overrun = -1  # the expiry that the signal itself stands for is none
        self.overrun_last = 0
        self.expired = False  # its signal is on the way: the next period begins when it is taken
        self.sigq: Sigqueue | None = None
        self.timer: Hrtimer | None = None
        self.cpu_timer: posix_cpu_timers.CpuTimer | None = None


def _is_reaped(timer: KItimer) -> bool:
    """Whether the task is gone whose CPU clock the timer is on."""
    return timer.cpu_timer is not None and timer.cpu_timer.task.sighand is None


def _is_silent(timer: KItimer) -> bool:
    """Whether nobody is to hear of it: such a timer is only looked at."""
    return timer.notify & ~SIGEV_THREAD_ID == SIGEV_NONE


def _cancel(timer: KItimer) -> None:
    timer.expired = False
    if timer.cpu_timer is not None:
        posix_cpu_timers.posix_cpu_timer_del(timer.cpu_timer)
    elif timer.timer is not None:
        timer.timer.queued = False


def _lock_timer(current: Task, timer_id: int) -> KItimer:
    """Return the caller's timer; raises EINVAL if it has none of this number."""
    timers = current.signal.posix_timers
    timer: KItimer | None = timers.get(timer_id) if timers else None
    if timer is None:
        raise LinuxError(Errno.EINVAL, f"no timer {timer_id}")
    return timer


def _timer_expired(timer: KItimer) -> None:
    """The timer has expired: send its signal. If nobody wants it, a periodic timer just goes on."""
    if timer.interval_ns:
        timer.expired = True
    if _send(timer) or not timer.interval_ns:
        return
    timer.expired = False
    hr, k = timer.timer, timer.task.kernel
    assert hr is not None
    now_ns = hrtimer.hrtimer_cb_get_time(k, hr)
    # An ignored timer of a tiny interval must not eat the machine.
    if timer.interval_ns < TICK_PERIOD_NS:
        now_ns += TICK_PERIOD_NS
    timer.overrun += hrtimer.hrtimer_forward_to(hr, now_ns, timer.interval_ns)
    hrtimer.hrtimer_start(k, hr, hr.expires_ns)


def cpu_timer_fire(timer: KItimer, cpu_timer: posix_cpu_timers.CpuTimer) -> None:
    """As _timer_expired, for a timer on a CPU clock."""
    if _is_silent(timer):
        cpu_timer.expires = 0
        return
    if not cpu_timer.incr:
        _send(timer)
        cpu_timer.expires = 0
        return
    timer.expired = True
    if not _send(timer):
        timer.expired = False
        # In 3.2 no more than once a tick, which is when it looks.
        after = TICK_PERIOD_NS if posix_cpu_timers.clock_getres(cpu_timer.clock) == 1 else 0
        posix_cpu_timer_schedule(timer, cpu_timer, after)
        timer.overrun = -1  # it forgets what was ignored, which a timer on another clock does not


def posix_cpu_timer_schedule(timer: KItimer, cpu_timer: posix_cpu_timers.CpuTimer, after: int = 0) -> None:
    """Let a periodic timer on a CPU clock run until its first period that ends later than `after` from now."""
    now = posix_cpu_timers.clock_sample(cpu_timer.clock, cpu_timer.task)
    timer.overrun += posix_cpu_timers.bump_cpu_timer(cpu_timer, now + after)
    posix_cpu_timers.arm_timer(cpu_timer)


def _send(timer: KItimer) -> bool:
    """Send the timer's signal; returns False if it is ignored (posix_timer_event)."""
    assert timer.sigq is not None
    if not timer.notify & SIGEV_THREAD_ID:
        return signal_send.send_sigqueue(timer.sigq, timer.task, group=True)
    thread = pid.pid_task(timer.target, 0)
    if thread is None or thread.sighand is None:
        return True  # the thread is gone: nobody else gets it, and the timer stops
    return signal_send.send_sigqueue(timer.sigq, thread, group=False)


def do_schedule_next_timer(current: Task, info: Siginfo) -> None:
    """A timer's signal was dequeued: say how many expiries it stands for, and start the next period.

    The timer may have been deleted since: its signal outlives it.
    """
    timers = current.signal.posix_timers
    timer: KItimer | None = timers.get(info.tid) if timers else None
    if timer is None or not timer.expired:
        return
    timer.expired = False
    if timer.cpu_timer is not None:
        posix_cpu_timer_schedule(timer, timer.cpu_timer)
    else:
        hr, k = timer.timer, timer.task.kernel
        assert hr is not None
        timer.overrun += hrtimer.hrtimer_forward(k, hr, timer.interval_ns)
        hrtimer.hrtimer_start(k, hr, hr.expires_ns)
    assert timer.sigq is not None
    timer.overrun_last = min(timer.overrun + timer.sigq.info.overrun, _DELAYTIMER_MAX)
    info.overrun += timer.overrun
    timer.overrun = -1
    timer.sigq.info.overrun = 0


@syscall
def sys_timer_create(
    current: Task, which_clock: TimerClockArg, timer_event_spec: Sigevent, created_timer_id: IntOut
) -> int:
    """Make a timer that is not armed (timer_create(2)).

    Raises EINVAL for an unknown clock or event, EOPNOTSUPP, EAGAIN without memory or beyond RLIMIT_SIGPENDING, EFAULT.
    """
    k = current.kernel
    cpu_clock = _cpu_clock(which_clock)
    if not cpu_clock and which_clock not in _WITH_TIMERS:
        raise LinuxError(Errno.EOPNOTSUPP, f"timers on clock {which_clock}")
    sigq = alloc_posix_timer(current)
    timer = KItimer(k.timers.posix_timers_id.get_new(), which_clock, current)
    timer.sigq = sigq
    try:
        value = _read_sigevent(current, timer, timer_event_spec)
        uaccess.put_user(current, created_timer_id, timer.id, 4)
        if cpu_clock:
            p = posix_cpu_timers.clock_target(current, cpu_clock)
            timer.cpu_timer = posix_cpu_timers.CpuTimer(cpu_clock, p, lambda fired: cpu_timer_fire(timer, fired))
        else:
            timer.timer = Hrtimer(posix_timer_fn, data=timer)
    except LinuxError:
        _release(current, timer)
        raise
    sigq.info = Siginfo(signo=timer.signo, code=SI_TIMER, tid=timer.id, value=value)
    sigq.requeue = do_schedule_next_timer
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        if current.signal.posix_timers is None:
            current.signal.posix_timers = {}
        current.signal.posix_timers[timer.id] = timer
    return 0


def alloc_posix_timer(current: Task) -> Sigqueue:
    """Count a timer and return the queue entry that stays with it; raises EAGAIN if there is not memory for both."""
    cache = current.kernel.caches["posix_timers_cache"]
    try:
        cache.alloc()
    except LinuxError:
        raise LinuxError(Errno.EAGAIN, "no memory for a timer") from None
    try:
        return signal_send.sigqueue_alloc(current)
    except LinuxError:
        cache.free()
        raise


def posix_timer_fn(timer: Hrtimer) -> int | None:
    _timer_expired(timer.data)  # type: ignore[arg-type]
    return None


def _read_sigevent(current: Task, timer: KItimer, ptr: UserPtr) -> int:
    """Set how the timer notifies; returns the signal's value; raises EFAULT, EINVAL (good_sigevent)."""
    if not ptr:
        return timer.id
    value, signo, notify, tid = struct.unpack("<Qiii", uaccess.copy_from_user(current, ptr, 64)[:20])
    timer.signo, timer.notify = signo, notify
    if notify & SIGEV_THREAD_ID:
        thread = pid.find_task_by_vpid(current, tid)
        if thread is None or not same_thread_group(thread, current) or notify & ~SIGEV_THREAD_ID != SIGEV_SIGNAL:
            raise LinuxError(Errno.EINVAL, f"SIGEV_THREAD_ID {tid}")
        timer.target = pid.get_task_pid(thread, 0)
    if notify & ~SIGEV_THREAD_ID != SIGEV_NONE and not 0 < signo <= NSIG:
        raise LinuxError(Errno.EINVAL, f"signal {signo}")
    return int(value)


def _release(current: Task, timer: KItimer) -> None:
    k = current.kernel
    k.timers.posix_timers_id.remove(timer.id)
    pid.put_pid(k, timer.target)
    assert timer.sigq is not None
    signal_send.sigqueue_free(current, timer.sigq)
    k.caches["posix_timers_cache"].free()


def common_timer_get(timer: KItimer) -> tuple[int, int]:
    """Return (ns left, interval); an armed timer that is due has 1 ns left."""
    hr, k = timer.timer, timer.task.kernel
    assert hr is not None
    silent = _is_silent(timer)
    if not timer.interval_ns and not hr.queued and not silent:
        return 0, 0
    if timer.interval_ns and (timer.expired or silent):
        timer.overrun += hrtimer.hrtimer_forward(k, hr, timer.interval_ns)
    left_ns = hrtimer.hrtimer_get_remaining(k, hr)
    if left_ns <= 0:
        left_ns = 0 if silent else 1
    return left_ns, timer.interval_ns


def posix_cpu_timer_get(timer: KItimer, cpu_timer: posix_cpu_timers.CpuTimer) -> tuple[int, int]:
    """As common_timer_get, for a timer on a CPU clock."""
    clock = cpu_timer.clock
    interval_ns = posix_cpu_timers.sample_to_ns(clock, cpu_timer.incr)
    if not cpu_timer.expires or _is_reaped(timer):
        return 0, interval_ns
    now = posix_cpu_timers.clock_sample(clock, cpu_timer.task)
    posix_cpu_timers.bump_cpu_timer(cpu_timer, now)
    left = cpu_timer.expires - now
    return (posix_cpu_timers.sample_to_ns(clock, left) if left > 0 else 1), interval_ns


def _get(timer: KItimer) -> tuple[int, int]:
    cpu_timer = timer.cpu_timer
    return common_timer_get(timer) if cpu_timer is None else posix_cpu_timer_get(timer, cpu_timer)


@syscall
def sys_timer_gettime(current: Task, timer_id: Int, setting: ItimerspecOut) -> int:
    """Read a timer (timer_gettime(2)); raises EINVAL, EFAULT."""
    value_ns, interval_ns = _get(_lock_timer(current, timer_id))
    time.put_itimerspec(current, setting, value_ns, interval_ns)
    return 0


@syscall
def sys_timer_settime(
    current: Task, timer_id: Int, flags: TimerArg, new_setting: ItimerspecIn, old_setting: ItimerspecOut
) -> int:
    """Arm a timer, or disarm it with a value of zero (timer_settime(2)); raises EINVAL, EFAULT, ESRCH."""
    if not new_setting:
        raise LinuxError(Errno.EINVAL, "timer_settime without a setting")
    value, interval = time.copy_itimerspec(current, new_setting)
    timer = _lock_timer(current, timer_id)
    if _is_reaped(timer):
        raise LinuxError(Errno.ESRCH, "the clock's task is gone")
    old_value_ns, old_interval_ns = _get(timer)
    _cancel(timer)
    timer.overrun, timer.overrun_last = -1, 0
    absolute = bool(flags & TIMER_ABSTIME)
    cpu_timer = timer.cpu_timer
    if cpu_timer is None:
        common_timer_set(timer, value, interval, absolute=absolute)
    else:
        cpu_timer.incr = posix_cpu_timers.timespec_to_sample(cpu_timer.clock, *interval)
        if posix_cpu_timers.posix_cpu_timer_set(cpu_timer, *value, absolute=absolute):
            cpu_timer_fire(timer, cpu_timer)  # its clock may never go on
    if old_setting:
        time.put_itimerspec(current, old_setting, old_value_ns, old_interval_ns)
    return 0


def common_timer_set(timer: KItimer, value: tuple[int, int], interval: tuple[int, int], *, absolute: bool) -> None:
    """Arm a timer that is not on a CPU clock; times are (sec, nsec), and value zero does not."""
    hr, k = timer.timer, timer.task.kernel
    assert hr is not None
    timer.interval_ns = 0
    value_ns = time.ktime_set(*value)
    if not value_ns:
        return
    hr.realtime = absolute and timer.clock == CLOCK_REALTIME
    hr.expires_ns = value_ns if absolute else hrtimer.ktime_add_safe(k.clock.now_ns, value_ns)
    timer.interval_ns = time.ktime_set(*interval)
    if not _is_silent(timer):
        hrtimer.hrtimer_start(k, hr, hr.expires_ns)


@syscall
def sys_timer_getoverrun(current: Task, timer_id: Int) -> int:
    """Return how many expiries the last signal stood for beside its own (timer_getoverrun(2)); raises EINVAL."""
    return _lock_timer(current, timer_id).overrun_last


@syscall
def sys_timer_delete(current: Task, timer_id: Int) -> int:
    """Remove a timer (timer_delete(2)); raises EINVAL."""
    timer = _lock_timer(current, timer_id)
    _cancel(timer)
    assert current.signal.posix_timers is not None
    del current.signal.posix_timers[timer_id]
    _release(current, timer)
    return 0


def exit_itimers(current: Task) -> None:
    """Remove all timers of current's process: it is ending, or executes another program."""
    timers: dict[int, KItimer] | None = current.signal.posix_timers
    current.signal.posix_timers = None
    for timer in (timers or {}).values():
        _cancel(timer)
        _release(current, timer)
