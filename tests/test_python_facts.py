"""What programs/*.c show of ELF programs, of Python programs: each asserts inside the kernel what Linux 3.2 does.

A failed assertion ends the process with a traceback on standard error, which `run` below does not let pass.
"""

from __future__ import annotations

import errno

import pytest

from procession import Machine

MS = 1_000_000
SECOND = 1_000_000_000


def run(main, **options):
    """Run a program in which nothing may go wrong; returns what it wrote."""
    result = Machine(**options).run(main)
    assert result.stderr == b"", result.stderr.decode()
    assert result.exit_code == 0
    result.kernel.check_baseline()
    return result.output


async def errno_of(call):
    """Name the error that a call ends with, None if it ends well."""
    try:
        await call
    except OSError as error:
        return errno.errorcode[error.errno]
    return None


async def state_of(sys, pid):
    """The state letter of /proc/PID/stat, None if there is no such process."""
    try:
        return (await sys.read_file(f"/proc/{pid}/stat")).decode().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return None


async def spawn(sys, fn, *args, **options):
    """Start fn in a process of its own and let it run until it sleeps or ends."""
    pid = await sys.clone(fn, *args, **options)
    await errno_of(sys.nanosleep(MS))
    return pid


async def exits(sys, code=0):
    return code


async def pauses(sys):
    while True:
        await errno_of(sys.pause())


# fork.


def test_a_child_inherits_what_a_process_is():
    """Ids, group, session, directory, umask, limits, niceness, mask: all as in the parent."""

    async def main(sys):
        await sys.chdir("/tmp")
        await sys.umask(0o27)
        await sys.nice(5)
        await sys.setrlimit(sys.RLIMIT_NOFILE, (100, 200))
        await sys.sigprocmask(sys.SIG_BLOCK, {sys.SIGUSR1})
        await sys.set_name("somebody")

        async def all_of_it():
            return (
                await sys.getpgrp(),
                await sys.getsid(),
                await sys.getcwd(),
                await sys.getpriority(),
                await sys.getrlimit(sys.RLIMIT_NOFILE),
                await sys.sigprocmask(sys.SIG_BLOCK),
                await sys.getresuid(),
                await sys.read_file("/proc/self/comm"),
            )

        mine = await all_of_it()
        if await sys.fork() == 0:
            assert await all_of_it() == mine
            assert await sys.umask(0) == 0o27
            await sys.exit(0)
        await sys.wait()
        assert await sys.umask(0) == 0o27

    run(main)


def test_a_child_does_not_inherit_what_is_under_way():
    """No pending signals, no alarm, no CPU time, no record locks' owner: it begins anew."""

    async def main(sys):
        await sys.sigprocmask(sys.SIG_BLOCK, {sys.SIGUSR1})
        await sys.raise_signal(sys.SIGUSR1)
        await sys.alarm(100)
        for _ in range(45_000):
            await sys.getpid()
        assert (await sys.getrusage()).stime_ns
        if await sys.fork() == 0:
            assert not await sys.sigpending()
            assert await sys.alarm(0) == 0
            assert (await sys.getrusage()).stime_ns == 0
            assert (await sys.getrusage(sys.RUSAGE_CHILDREN)).stime_ns == 0
            await sys.exit(0)
        await sys.wait()
        assert await sys.sigpending() == {sys.SIGUSR1}
        assert 99 <= await sys.alarm(0) <= 100

    run(main)


def test_descriptors_are_copied_their_files_shared():
    """One offset for both; what the child closes stays open in the parent."""

    async def main(sys):
        await sys.write_file("/tmp/f", "abcdef")
        fd = await sys.open("/tmp/f")
        if await sys.fork() == 0:
            assert await sys.read(fd, 2) == b"ab"
            await sys.close(fd)
            await sys.exit(0)
        await sys.wait()
        assert await sys.read(fd, 2) == b"cd"

    run(main)


def test_a_tree_of_processes():
    """Everybody knows its parent, and every parent its children's codes."""

    async def main(sys):
        async def node(depth):
            me, total = await sys.getpid(), 1
            for _ in range(2 if depth else 0):
                if await sys.fork() == 0:
                    assert await sys.getppid() == me
                    await sys.exit(await node(depth - 1))
                total += sys.WEXITSTATUS((await sys.wait())[1])
            return total

        assert await node(4) == 31

    run(main)


# Waiting.


def test_wnohang():
    """(0, 0) while nobody has ended, ECHILD when nobody is left."""

    async def main(sys):
        pid = await spawn(sys, pauses)
        assert await sys.waitpid(-1, sys.WNOHANG) == (0, 0)
        await sys.kill(pid, sys.SIGKILL)
        await sys.nanosleep(MS)
        assert await sys.waitpid(-1, sys.WNOHANG) == (pid, sys.SIGKILL)
        assert await errno_of(sys.waitpid(-1, sys.WNOHANG)) == "ECHILD"

    run(main)


def test_selectors():
    """A pid, any, one's own group, another group; and who is not meant stays a zombie."""

    async def main(sys):
        a, b, c = [await spawn(sys, exits, code) for code in (1, 2, 3)]
        d = await spawn(sys, pauses)
        await sys.setpgid(d, d)
        await sys.kill(d, sys.SIGTERM)
        assert await sys.waitpid(b) == (b, 2 << 8)
        assert await errno_of(sys.waitpid(b)) == "ECHILD"
        assert await sys.waitpid(-d) == (d, sys.SIGTERM)
        assert await errno_of(sys.waitpid(-d)) == "ECHILD"
        assert await sys.waitpid(0) == (a, 1 << 8)
        assert await sys.waitpid(-1) == (c, 3 << 8)
        assert await errno_of(sys.waitpid(1)) == "ECHILD"

    run(main)


def test_the_oldest_zombie_is_reaped_first():
    """By birth, not by death."""

    async def sleeps(sys, seconds):
        await sys.sleep(seconds)

    async def main(sys):
        pids = [await sys.clone(sleeps, seconds) for seconds in (3, 1, 2)]
        await sys.sleep(4)
        assert [(await sys.wait())[0] for _ in pids] == pids

    run(main)


def test_bad_options():
    """wait4 and waitid know what they know."""

    async def main(sys):
        assert await errno_of(sys.waitpid(-1, sys.WEXITED)) == "EINVAL"
        assert await errno_of(sys.waitpid(-1, 0x100)) == "EINVAL"
        assert await errno_of(sys.waitid(sys.P_ALL, 0, sys.WNOHANG)) == "EINVAL"
        assert await errno_of(sys.waitid(3, 0, sys.WEXITED)) == "EINVAL"
        assert await errno_of(sys.waitid(sys.P_PID, 0, sys.WEXITED)) == "EINVAL"
        assert await errno_of(sys.waitid(sys.P_ALL, 0, sys.WEXITED)) == "ECHILD"

    run(main)


def test_stop_and_continue():
    """Each change is reported once, and only to those who ask."""

    async def main(sys):
        pid = await spawn(sys, pauses)
        await sys.kill(pid, sys.SIGSTOP)
        assert await sys.waitpid(pid, sys.WNOHANG) == (0, 0)
        _, status = await sys.waitpid(pid, sys.WUNTRACED)
        assert sys.WIFSTOPPED(status)
        assert sys.WSTOPSIG(status) == sys.SIGSTOP
        assert await sys.waitpid(pid, sys.WUNTRACED | sys.WNOHANG) == (0, 0)
        assert await state_of(sys, pid) == "T"

        await sys.kill(pid, sys.SIGCONT)
        _, status = await sys.waitpid(pid, sys.WCONTINUED)
        assert sys.WIFCONTINUED(status)
        assert await sys.waitpid(pid, sys.WCONTINUED | sys.WNOHANG) == (0, 0)
        await sys.kill(pid, sys.SIGTERM)
        assert await sys.wait() == (pid, sys.SIGTERM)

    run(main)


def test_a_stopped_process_dies_only_of_sigkill():
    """Other signals wait for SIGCONT."""

    async def main(sys):
        pid = await spawn(sys, pauses)
        await sys.kill(pid, sys.SIGSTOP)
        await sys.sleep(1)                                  # else the lower number would come first
        await sys.kill(pid, sys.SIGTERM)
        await sys.sleep(1)
        assert await sys.waitpid(pid, sys.WNOHANG) == (0, 0)
        await sys.kill(pid, sys.SIGCONT)
        assert await sys.wait() == (pid, sys.SIGTERM)
        pid = await spawn(sys, pauses)
        await sys.kill(pid, sys.SIGSTOP)
        await sys.kill(pid, sys.SIGKILL)
        assert await sys.wait() == (pid, sys.SIGKILL)

    run(main)


def test_waitid_looks_without_reaping():
    """WNOWAIT leaves the zombie; the result is a siginfo."""

    async def main(sys):
        await sys.setpgid()                                 # the group so far is init's, and has no number
        pid = await spawn(sys, exits, 7)
        for options in (sys.WEXITED | sys.WNOWAIT, sys.WEXITED):
            assert await sys.waitid(sys.P_ALL, 0, options) == (pid, 0, sys.SIGCHLD, 7, sys.CLD_EXITED)
        pid = await spawn(sys, pauses)
        assert await sys.waitid(sys.P_PID, pid, sys.WEXITED | sys.WNOHANG) is None
        await sys.kill(pid, sys.SIGKILL)
        found = await sys.waitid(sys.P_PGID, await sys.getpgrp(), sys.WEXITED)
        assert found == (pid, 0, sys.SIGCHLD, sys.SIGKILL, sys.CLD_KILLED)

    run(main)


def test_times_of_children_are_added_when_they_are_reaped():
    """Not before, and those of grandchildren through their parents."""

    async def works(sys):
        for _ in range(45_000):
            await sys.getpid()

    async def has_a_child(sys):
        await sys.clone(works)
        await sys.wait()

    async def main(sys):
        await sys.clone(has_a_child)
        await sys.sleep(1)
        assert (await sys.getrusage(sys.RUSAGE_CHILDREN)).stime_ns == 0
        _, _, usage = await sys.wait4()
        assert usage.stime_ns >= 4_000_000  # a tick
        assert await sys.getrusage(sys.RUSAGE_CHILDREN) == usage

    run(main)


def test_a_child_with_another_exit_signal():
    """It is a clone child: wait needs WCLONE or WALL, and the signal is sent all the same."""

    async def main(sys):
        seen = []
        await sys.sigaction(sys.SIGUSR1, seen.append)
        pid = await spawn(sys, exits, flags=sys.SIGUSR1)
        assert seen == [sys.SIGUSR1]
        assert await errno_of(sys.waitpid(-1, sys.WNOHANG)) == "ECHILD"
        assert await sys.waitpid(-1, sys.WCLONE) == (pid, 0)
        pid = await spawn(sys, exits, flags=0)
        assert await errno_of(sys.waitpid(pid)) == "ECHILD"
        assert await sys.waitpid(pid, sys.WALL) == (pid, 0)

    run(main)


# Zombies and orphans.


def test_a_zombie_is_a_process():
    """It has a number, a state, a parent; signals are accepted and do nothing; its memory is gone."""

    async def main(sys):
        pid = await spawn(sys, exits, 3)
        assert await state_of(sys, pid) == "Z"
        assert await sys.read_file(f"/proc/{pid}/cmdline") == b""
        assert await sys.read_file(f"/proc/{pid}/maps") == b""
        for sig in (0, sys.SIGTERM, sys.SIGKILL):
            assert await sys.kill(pid, sig) == 0
        assert await sys.getpgid(pid) == await sys.getpgrp()
        assert await sys.waitpid(pid) == (pid, 3 << 8)
        assert await state_of(sys, pid) is None
        assert await errno_of(sys.kill(pid, 0)) == "ESRCH"

    run(main)


@pytest.mark.parametrize("how", ["SIG_IGN", "SA_NOCLDWAIT"])
def test_children_of_those_who_do_not_care_leave_no_zombies(how):
    """wait sleeps until the last has ended, and then there never were any."""

    async def main(sys):
        if how == "SIG_IGN":
            await sys.sigaction(sys.SIGCHLD, sys.SIG_IGN)
        else:
            await sys.sigaction(sys.SIGCHLD, lambda _: None, sys.SA_NOCLDWAIT | sys.SA_RESTART)

        async def sleeps(sys):
            await sys.sleep(1)

        pid = await sys.clone(sleeps)
        assert await errno_of(sys.wait()) == "ECHILD"
        assert await sys.clock_gettime() >= SECOND
        assert await state_of(sys, pid) is None

    run(main)


def test_an_orphan_goes_to_init_zombies_too():
    """A living grandchild gets PID 1 as its parent; one that is dead already is reaped by it."""

    async def main(sys):
        reader, writer = await sys.pipe()

        async def grandchild(sys):
            before = await sys.getppid()
            await sys.sleep(1)
            await sys.print(before, await sys.getppid(), fd=writer)

        async def middle(sys):
            await sys.clone(grandchild)
            dead = await spawn(sys, exits)
            await sys.print(dead, fd=writer)
            return 0

        pid = await sys.clone(middle)
        await sys.waitpid(pid)
        dead = int(await sys.read(reader, 100))
        assert await state_of(sys, dead) is None
        assert (await sys.read(reader, 100)).split() == [b"%d" % pid, b"1"]

    run(main)


def test_an_orphan_stays_in_the_family_of_threads():
    """If another thread of the parent lives on, that one takes the child over."""

    async def main(sys):
        async def thread(sys, pids):
            pids.append(await sys.clone(exits, 9))
            await sys.exit(0)

        pids = []
        await spawn(sys, thread, pids, flags=sys.CLONE_VM | sys.CLONE_SIGHAND | sys.CLONE_THREAD)
        assert await sys.waitpid(pids[0]) == (pids[0], 9 << 8)

    run(main)


def test_the_signal_for_the_parents_death():
    """PR_SET_PDEATHSIG."""

    async def main(sys):
        reader, writer = await sys.pipe()

        async def grandchild(sys):
            await sys.prctl(sys.PR_SET_PDEATHSIG, sys.SIGUSR1)
            await sys.sigprocmask(sys.SIG_BLOCK, {sys.SIGUSR1})
            info = await sys.sigwaitinfo({sys.SIGUSR1})
            await sys.print(info.si_signo, await sys.getppid(), fd=writer)

        async def middle(sys):
            await spawn(sys, grandchild)

        await sys.clone(middle)
        assert await sys.read(reader, 100) == b"10 1\n"
        await sys.wait()

    run(main)


def test_sigwait_takes_only_what_it_waits_for():
    """A handler that runs meanwhile does not end it."""

    async def main(sys):
        await sys.sigprocmask(sys.SIG_BLOCK, {sys.SIGUSR1, sys.SIGUSR2})
        await sys.sigaction(sys.SIGALRM, lambda _sig: None)
        me = await sys.getpid()

        async def child(sys):
            await sys.sleep(1)
            await sys.kill(me, sys.SIGALRM)
            await sys.kill(me, sys.SIGUSR2)
            await sys.sleep(1)
            await sys.kill(me, sys.SIGUSR1)

        await sys.clone(child)
        assert await sys.sigwait({sys.SIGUSR1}) == sys.SIGUSR1
        assert await sys.sigpending() == {sys.SIGUSR2}
        await sys.wait()

    run(main)


# Pipes.


def test_a_pipe_ends_when_its_last_writer_is_gone():
    """The reader's own copy counts, and so does a child's."""

    async def main(sys):
        reader, writer = await sys.pipe()

        async def holds(sys):
            await sys.sleep(2)

        await sys.clone(holds)
        await sys.write(writer, b"x")
        await sys.close(writer)
        assert await sys.read(reader, 10) == b"x"
        assert await sys.read(reader, 10) == b""
        assert await sys.clock_gettime() >= 2 * SECOND
        await sys.wait()

    run(main)


def test_writing_without_a_reader():
    """SIGPIPE kills; who ignores or blocks it gets EPIPE."""

    async def main(sys):
        async def writes(sys, prepare=None):
            if prepare:
                await prepare(sys)
            reader, writer = await sys.pipe()
            await sys.close(reader)
            assert await errno_of(sys.write(writer, b"x")) == "EPIPE"

        async def ignore(sys):
            await sys.sigaction(sys.SIGPIPE, sys.SIG_IGN)

        async def block(sys):
            await sys.sigprocmask(sys.SIG_BLOCK, {sys.SIGPIPE})

        assert (await sys.waitpid(await sys.clone(writes)))[1] == sys.SIGPIPE
        assert (await sys.waitpid(await sys.clone(writes, ignore)))[1] == 0
        assert (await sys.waitpid(await sys.clone(writes, block)))[1] == 0

    run(main)


def test_a_full_pipe_blocks():
    """64 KiB go in; the rest waits for a reader, or for nobody with O_NONBLOCK."""

    async def main(sys):
        reader, writer = await sys.pipe()
        await sys.fcntl(writer, sys.F_SETFL, sys.O_NONBLOCK)
        assert await sys.write(writer, bytes(100_000)) == 65536
        assert await errno_of(sys.write(writer, b"x")) == "EAGAIN"
        await sys.fcntl(writer, sys.F_SETFL, 0)

        async def drains(sys):
            await sys.sleep(1)
            total = 0
            while total < 65536 + 5000:
                total += len(await sys.read(reader, 4096))

        await sys.clone(drains)
        assert await sys.write(writer, bytes(5000)) == 5000
        assert await sys.clock_gettime() >= SECOND
        await sys.wait()

    run(main)


# Signals and the calls they interrupt.


RESTARTED = ["read", "wait", "write", "futex"]


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("call", [*RESTARTED, "poll", "nanosleep", "pause", "sigsuspend", "epoll"])
def test_which_calls_are_restarted(call, restart):
    """SA_RESTART helps read, write, wait and futex; sleeping and polling end with EINTR in any case."""
    restarted = restart and call in RESTARTED

    async def main(sys):
        reader, writer = await sys.pipe()
        full_reader, full = await sys.pipe()
        await sys.fcntl(full, sys.F_SETFL, sys.O_NONBLOCK)
        await sys.write(full, bytes(65536))
        await sys.fcntl(full, sys.F_SETFL, 0)
        word = await sys.mmap(flags=sys.MAP_SHARED | sys.MAP_ANONYMOUS)
        epoll = await sys.epoll_create()
        parent = await sys.getpid()

        async def child(sys):
            await sys.sleep(1)
            await sys.kill(parent, sys.SIGUSR1)
            await sys.sleep(1)
            await sys.write(writer, b"x")
            await sys.read(full_reader, 65536)
            await sys.futex(word, sys.FUTEX_WAKE, 1)

        seen = []
        await sys.sigaction(sys.SIGUSR1, seen.append, sys.SA_RESTART if restart else 0)
        await sys.clone(child)
        calls = {
            "read": lambda: sys.read(reader, 1),
            "write": lambda: sys.write(full, b"x"),
            "wait": sys.wait,
            "futex": lambda: sys.futex(word, sys.FUTEX_WAIT, 0),
            "poll": lambda: sys.poll([(0, 0)]),
            "nanosleep": lambda: sys.sleep(10),
            "pause": sys.pause,
            "sigsuspend": sys.sigsuspend,
            "epoll": lambda: sys.epoll_wait(epoll),
        }
        assert await errno_of(calls[call]()) == (None if restarted else "EINTR")
        assert seen == [sys.SIGUSR1]
        assert (await sys.clock_gettime()) // SECOND == (2 if restarted else 1)
        if not (call == "wait" and restarted):
            await sys.wait()

    run(main)


def test_a_read_that_has_data_is_not_interrupted():
    """A handler changes nothing about what was transferred; ignored signals do not even wake."""

    async def main(sys):
        reader, writer = await sys.pipe()
        parent = await sys.getpid()

        async def child(sys):
            await sys.sleep(1)
            await sys.kill(parent, sys.SIGWINCH)            # ignored by default
            await sys.kill(parent, sys.SIGCONT)
            await sys.sleep(1)
            await sys.write(writer, b"x")
            await sys.kill(parent, sys.SIGUSR1)

        seen = []
        await sys.sigaction(sys.SIGUSR1, seen.append, sys.SA_RESTART)
        await sys.clone(child)
        assert await sys.read(reader, 10) == b"x"
        await sys.wait()
        assert seen == [sys.SIGUSR1]

    run(main)


def test_a_sleep_goes_on_after_stop_and_continue():
    """To the same moment."""

    async def sleeps(sys):
        await sys.sleep(5)
        return (await sys.clock_gettime()) // SECOND

    async def main(sys):
        pid = await spawn(sys, sleeps)
        await sys.kill(pid, sys.SIGSTOP)
        await sys.sleep(2)
        await sys.kill(pid, sys.SIGCONT)
        assert await sys.waitpid(pid) == (pid, 5 << 8)

    run(main)


def test_who_sleeps_too_long_after_a_stop_ends_at_once():
    """The moment has passed while it was stopped."""

    async def sleeps(sys):
        await sys.sleep(1)
        return (await sys.clock_gettime()) // SECOND

    async def main(sys):
        pid = await spawn(sys, sleeps)
        await sys.kill(pid, sys.SIGSTOP)
        await sys.sleep(3)
        await sys.kill(pid, sys.SIGCONT)
        assert await sys.waitpid(pid) == (pid, 3 << 8)

    run(main)


# Masks and handlers.


def test_a_handler_blocks_its_own_signal():
    """And those of its mask; SA_NODEFER does not."""

    async def main(sys):
        for flags, expected in ((0, {sys.SIGUSR1, sys.SIGUSR2}), (sys.SA_NODEFER, {sys.SIGUSR2})):
            seen = []

            async def handler(sig, seen=seen):
                seen.append(await sys.sigprocmask(sys.SIG_BLOCK))

            await sys.sigaction(sys.SIGUSR1, handler, flags, {sys.SIGUSR2})
            await sys.raise_signal(sys.SIGUSR1)
            assert seen == [expected]
            assert await sys.sigprocmask(sys.SIG_BLOCK) == set()

    run(main)


def test_sa_resethand_works_once():
    """The second signal kills."""

    async def child(sys):
        seen = []
        await sys.sigaction(sys.SIGUSR1, seen.append, sys.SA_RESETHAND)
        await sys.raise_signal(sys.SIGUSR1)
        assert seen == [sys.SIGUSR1]
        assert await sys.sigaction(sys.SIGUSR1) == sys.SIG_DFL
        await sys.raise_signal(sys.SIGUSR1)

    async def main(sys):
        await sys.clone(child)
        assert (await sys.wait())[1] == sys.SIGUSR1

    run(main)


def test_ordinary_signals_merge_and_real_time_ones_queue():
    """Lowest number first, each real-time signal in the order it was sent."""

    async def main(sys):
        seen = []
        every = {sys.SIGUSR1, sys.SIGUSR2, 40, 41}
        for sig in every:
            await sys.sigaction(sig, lambda sig, info: seen.append((sig, info.si_value)), sys.SA_SIGINFO, every)
        await sys.sigprocmask(sys.SIG_BLOCK, every)
        me = await sys.getpid()
        for sig, value in ((41, 1), (40, 2), (40, 3), (sys.SIGUSR2, 4), (sys.SIGUSR2, 5), (sys.SIGUSR1, 6)):
            await sys.sigqueue(me, sig, value)
        await sys.sigprocmask(sys.SIG_UNBLOCK, every)
        assert seen == [(10, 6), (12, 4), (40, 2), (40, 3), (41, 1)]

    run(main)


def test_the_two_signals_that_nobody_escapes():
    """SIGKILL and SIGSTOP cannot be caught, ignored or blocked."""

    async def main(sys):
        for sig in (sys.SIGKILL, sys.SIGSTOP):
            assert await errno_of(sys.sigaction(sig, sys.SIG_IGN)) == "EINVAL"
            assert await errno_of(sys.sigaction(sig, lambda _: None)) == "EINVAL"
        await sys.sigprocmask(sys.SIG_SETMASK, (1 << 64) - 1)
        blocked = await sys.sigprocmask(sys.SIG_BLOCK)
        assert set(range(1, 65)) - blocked == {sys.SIGKILL, sys.SIGSTOP}
        for sig in (0, 65, -1):
            assert await errno_of(sys.sigaction(sig, sys.SIG_IGN)) == "EINVAL"
        assert await errno_of(sys.sigprocmask(3, {1})) == "EINVAL"

    run(main)


def test_ignoring_a_signal_drops_what_is_pending():
    """Also if it is unblocked only later."""

    async def main(sys):
        await sys.sigprocmask(sys.SIG_BLOCK, {sys.SIGUSR1, sys.SIGCHLD})
        await sys.raise_signal(sys.SIGUSR1)
        await sys.raise_signal(sys.SIGCHLD)
        assert await sys.sigpending() == {sys.SIGUSR1, sys.SIGCHLD}
        await sys.sigaction(sys.SIGUSR1, sys.SIG_IGN)
        await sys.sigaction(sys.SIGCHLD, sys.SIG_DFL)       # ignored by default: the same
        assert await sys.sigpending() == set()

    run(main)


def test_sets_of_signals_hold_signals_only():
    """What is no signal cannot be put into a set (sigaddset(3)); a number is the set itself, of which 64 bits count."""

    async def main(sys):
        for wrong in ({0}, {65}, {sys.SIGUSR1, -1}):
            assert await errno_of(sys.sigprocmask(sys.SIG_BLOCK, wrong)) == "EINVAL"
            assert await errno_of(sys.sigaction(sys.SIGUSR1, sys.SIG_IGN, 0, wrong)) == "EINVAL"
            assert await errno_of(sys.sigwaitinfo(wrong, 0)) == "EINVAL"
        assert await sys.sigprocmask(sys.SIG_BLOCK) == frozenset()
        assert await sys.sigaction(sys.SIGUSR1) == sys.SIG_DFL

        await sys.sigprocmask(sys.SIG_SETMASK, -1)
        assert await sys.sigprocmask(sys.SIG_BLOCK) == frozenset(range(1, 65)) - {sys.SIGKILL, sys.SIGSTOP}

    run(main)


def test_sigsuspend_swaps_the_mask_for_as_long_as_it_sleeps():
    """The handler runs with the temporary mask, the old one is back afterwards."""

    async def main(sys):
        seen = []

        async def handler(sig):
            seen.append((sig, await sys.sigprocmask(sys.SIG_BLOCK)))

        await sys.sigaction(sys.SIGUSR1, handler)
        await sys.sigprocmask(sys.SIG_BLOCK, {sys.SIGUSR1})
        await sys.raise_signal(sys.SIGUSR1)
        assert seen == []
        assert await errno_of(sys.sigsuspend({sys.SIGUSR2})) == "EINTR"
        assert seen == [(sys.SIGUSR1, {sys.SIGUSR1, sys.SIGUSR2})]
        assert await sys.sigprocmask(sys.SIG_BLOCK) == {sys.SIGUSR1}

    run(main)


def test_who_may_send_to_whom():
    """ESRCH, EINVAL, EPERM; SIGCONT within the session."""

    async def main(sys):
        assert await errno_of(sys.kill(299, 0)) == "ESRCH"
        assert await errno_of(sys.kill(await sys.getpid(), 65)) == "EINVAL"
        assert await errno_of(sys.kill(-299, 0)) == "ESRCH"
        assert await errno_of(sys.tgkill(1, await sys.gettid(), 0)) == "ESRCH"
        assert await errno_of(sys.tgkill(0, 1, 0)) == "EINVAL"
        root = await sys.getpid()
        victim = await spawn(sys, pauses)

        async def nobody(sys):
            await sys.setuid(1000)
            assert await errno_of(sys.kill(root, sys.SIGTERM)) == "EPERM"
            assert await errno_of(sys.kill(victim, 0)) == "EPERM"
            assert await errno_of(sys.kill(victim, sys.SIGCONT)) is None
            await sys.setsid()
            assert await errno_of(sys.kill(victim, sys.SIGCONT)) == "EPERM"

        await sys.waitpid(await sys.clone(nobody))
        await sys.kill(victim, sys.SIGKILL)
        await sys.wait()

    run(main)


def test_groups_and_everybody():
    """kill(0), kill(-group), kill(-1): never PID 1, and with -1 not the sender."""

    async def main(sys):
        one, two, three = [await spawn(sys, pauses) for _ in range(3)]
        await sys.setpgid(two, two)
        await sys.setpgid(three, two)
        await sys.kill(-two, sys.SIGUSR1)
        assert [await sys.wait() for _ in range(2)] == [(two, sys.SIGUSR1), (three, sys.SIGUSR1)]
        await sys.sigaction(sys.SIGUSR2, sys.SIG_IGN)
        assert await sys.waitpid(one, sys.WNOHANG) == (0, 0)
        await sys.kill(0, sys.SIGUSR2)
        assert await sys.wait() == (one, sys.SIGUSR2)
        four = await spawn(sys, pauses)
        await sys.kill(-1, sys.SIGKILL)
        assert await sys.wait() == (four, sys.SIGKILL)

    run(main)


def test_an_orphaned_group_with_stopped_members_is_woken():
    """SIGHUP and SIGCONT, when the last link to the session's other groups ends."""

    async def main(sys):
        reader, writer = await sys.pipe()

        async def stopped(sys):
            await sys.sigaction(sys.SIGHUP, lambda _: None)
            await sys.setpgid()
            await sys.raise_signal(sys.SIGSTOP)
            await sys.print("woken", await sys.getppid(), fd=writer)

        async def link(sys):
            await spawn(sys, stopped)

        await sys.clone(link)
        assert await sys.read(reader, 100) == b"woken 1\n"
        await sys.wait()

    run(main)


# Limits.


def test_rlimit_nofile():
    """EMFILE; dup2 beyond the limit is EBADF; what is open stays open."""

    async def main(sys):
        await sys.setrlimit(sys.RLIMIT_NOFILE, (5, 5))
        assert [await sys.dup(0), await sys.dup(0)] == [3, 4]
        assert await errno_of(sys.dup(0)) == "EMFILE"
        assert await errno_of(sys.pipe()) == "EMFILE"
        assert await errno_of(sys.dup2(0, 5)) == "EBADF"
        await sys.setrlimit(sys.RLIMIT_NOFILE, (2, 5))
        assert (await sys.fstat(4)).st_mode

    run(main)


def test_changing_limits():
    """The soft one freely up to the hard one, that one only downwards without CAP_SYS_RESOURCE."""

    async def main(sys):
        assert await errno_of(sys.setrlimit(sys.RLIMIT_CORE, (2, 1))) == "EINVAL"
        assert await errno_of(sys.getrlimit(16)) == "EINVAL"
        await sys.setrlimit(sys.RLIMIT_CORE, (1, 10))
        await sys.setrlimit(sys.RLIMIT_CORE, (2, 20))        # root may
        assert await errno_of(sys.setrlimit(sys.RLIMIT_NOFILE, (1, (1 << 20) + 1))) == "EPERM"
        await sys.setuid(1000)
        await sys.setrlimit(sys.RLIMIT_CORE, (15, 15))
        assert await errno_of(sys.setrlimit(sys.RLIMIT_CORE, (15, 16))) == "EPERM"
        assert await sys.prlimit64(0, sys.RLIMIT_CORE) == (15, 15)
        assert await errno_of(sys.prlimit64(1, sys.RLIMIT_CORE)) == "EPERM"

    run(main)


def test_rlimit_nproc():
    """It counts the user's processes, and root is free of it."""

    async def main(sys):
        await sys.setrlimit(sys.RLIMIT_NPROC, (2, 2))
        pid = await sys.clone(pauses)
        other = await sys.clone(pauses)

        async def user(sys):
            await sys.setuid(1000)
            child = await sys.clone(exits)
            assert await errno_of(sys.clone(exits)) == "EAGAIN"     # the zombie counts
            await sys.waitpid(child)
            await sys.waitpid(await sys.clone(exits))

        await sys.waitpid(await sys.clone(user))
        for each in (pid, other):
            await sys.kill(each, sys.SIGKILL)
            await sys.waitpid(each)

    run(main)


def test_rlimit_fsize():
    """Up to the limit it goes, at the limit there is SIGXFSZ, or EFBIG for those who ignore it."""

    async def main(sys):
        await sys.setrlimit(sys.RLIMIT_FSIZE, (10, 10))
        fd = await sys.open("/tmp/f", sys.O_CREAT | sys.O_WRONLY)
        assert await sys.write(fd, b"12345678") == 8
        assert await sys.write(fd, b"12345678") == 2

        async def child(sys):
            await sys.write(fd, b"x")

        assert (await sys.waitpid(await sys.clone(child)))[1] & 0x7F == sys.SIGXFSZ
        await sys.sigaction(sys.SIGXFSZ, sys.SIG_IGN)
        assert await errno_of(sys.write(fd, b"x")) == "EFBIG"
        assert await errno_of(sys.ftruncate(fd, 11)) == "EFBIG"

    run(main)


def test_rlimit_sigpending():
    """Beyond it a real-time signal is EAGAIN, an ordinary one still arrives."""

    async def main(sys):
        await sys.setrlimit(sys.RLIMIT_SIGPENDING, (2, 2))
        await sys.sigprocmask(sys.SIG_BLOCK, {sys.SIGUSR1, 40})
        me = await sys.getpid()
        await sys.sigqueue(me, 40, 1)
        await sys.sigqueue(me, 40, 2)
        assert await errno_of(sys.sigqueue(me, 40, 3)) == "EAGAIN"
        await sys.kill(me, sys.SIGUSR1)
        assert await sys.sigpending() == {sys.SIGUSR1, 40}

    run(main)


# Groups and sessions.


def test_setpgid_errors():
    """Only oneself and children that have not exec-ed, in one's session, into groups that exist there."""

    async def idle(sys):
        await pauses(sys)

    async def main(sys):
        me = await sys.getpid()
        assert await errno_of(sys.setpgid(0, -1)) == "EINVAL"
        assert await errno_of(sys.setpgid(1, 1)) == "ESRCH"         # not a child
        assert await errno_of(sys.setpgid(299, 0)) == "ESRCH"
        child = await spawn(sys, pauses)
        assert await errno_of(sys.setpgid(child, 299)) == "EPERM"    # no such group
        await sys.setpgid(child, child)

        async def leads_a_session(sys):
            await sys.setsid()
            assert await errno_of(sys.setpgid(0, 0)) == "EPERM"
            await pauses(sys)

        session = await spawn(sys, leads_a_session)
        assert await errno_of(sys.setpgid(session, session)) == "EPERM"
        assert await errno_of(sys.setpgid(child, session)) == "EPERM"   # a group of another session

        async def execs(sys):
            await sys.execve("/bin/idle", ["idle"])

        changed = await spawn(sys, execs)
        assert await errno_of(sys.setpgid(changed, changed)) == "EACCES"

        async def thread(sys, found):
            found.append(await errno_of(sys.setpgid(await sys.gettid(), 0)))

        found = []
        await spawn(sys, thread, found, flags=sys.CLONE_VM | sys.CLONE_SIGHAND | sys.CLONE_THREAD)
        assert found == ["EINVAL"]
        await sys.setpgid(0, 0)
        assert await sys.getpgrp() == me
        assert await errno_of(sys.getpgid(299)) == "ESRCH"
        for pid in (child, session, changed):
            await sys.kill(pid, sys.SIGKILL)
            await sys.waitpid(pid)

    run(main, programs={"/bin/idle": idle})


def test_setsid():
    """Not for a group leader, even one that has died; else a new session, group and no terminal."""

    async def main(sys):
        me = await sys.getpid()
        await sys.setpgid()
        assert await errno_of(sys.setsid()) == "EPERM"

        async def child(sys):
            pid = await sys.getpid()
            assert await sys.getpgrp() == me
            assert await sys.setsid() == pid
            assert (await sys.getsid(), await sys.getpgrp()) == (pid, pid)
            assert await errno_of(sys.setsid()) == "EPERM"
            assert await errno_of(sys.open("/dev/tty", sys.O_RDWR)) == "ENXIO"

        await sys.waitpid(await sys.clone(child))

    run(main)


# Memory.


@pytest.mark.parametrize("first", ["child", "parent"])
def test_copy_on_write_in_both_orders(first):
    """Whoever writes first, each sees its own; pages that nobody writes are read as they were."""

    async def main(sys):
        address = await sys.mmap(length=3 * 4096)
        await sys.poke(address, b"old" * 4096)
        if await sys.fork() == 0:
            await sys.nanosleep((1 if first == "child" else 3) * MS)
            if first == "parent":
                assert await sys.peek(address, 3) == b"old"
            await sys.poke(address + 4095, b"CHILD")            # across a page boundary
            assert await sys.peek(address + 4090, 12) == (b"old" * 4096)[4090:4095] + b"CHILD" + b"do"
            await sys.exit(0)
        await sys.nanosleep((3 if first == "child" else 1) * MS)
        if first == "child":
            assert await sys.peek(address + 4095, 5) == (b"old" * 4096)[4095:4100]
        await sys.poke(address + 4095, b"PARENT")
        await sys.wait()
        assert await sys.peek(address + 4095, 6) == b"PARENT"
        assert await sys.peek(address + 8192, 6) == (b"old" * 4096)[8192:8198]

    run(main)


def test_many_generations_of_copies():
    """Each generation changes one byte and sees all its ancestors' changes, and none of its descendants'."""

    async def main(sys):
        address = await sys.mmap()
        depth = 0
        for generation in range(8):
            await sys.poke(address + generation, bytes([65 + generation]))
            if await sys.fork():
                _, status = await sys.wait()
                assert status == 0
                assert await sys.peek(address, 8) == b"ABCDEFGH"[: generation + 1].ljust(8, b"\0")
                await sys.exit(0)
            depth += 1
        assert depth == 8

    run(main)


def test_kernel_writes_break_copy_on_write_too():
    """A wait status stored by the kernel goes to the caller's copy."""

    async def main(sys):
        address = await sys.mmap()
        await sys.poke(address, b"\xff" * 8)
        if await sys.fork() == 0:
            pid = await sys.clone(exits, 5)
            await sys.syscall("wait4", pid, address, 0, 0)
            assert await sys.peek(address, 8) == b"\0\5\0\0\xff\xff\xff\xff"
            await sys.exit(0)
        await sys.wait()
        assert await sys.peek(address, 8) == b"\xff" * 8

    run(main)


def test_shared_memory_stays_shared():
    """Over fork and fork again; MADV_DONTFORK memory is not there in the child."""

    async def main(sys):
        shared = await sys.mmap(flags=sys.MAP_SHARED | sys.MAP_ANONYMOUS)
        hidden = await sys.mmap()
        await sys.poke(hidden, b"x")
        await sys.madvise(hidden, 4096, 10)
        if await sys.fork() == 0:
            if await sys.fork() == 0:
                await sys.poke(shared, b"grandchild")
                await sys.exit(0)
            await sys.wait()
            await sys.peek(hidden, 1)
        assert (await sys.wait())[1] & 0x7F == sys.SIGSEGV
        assert await sys.peek(shared, 10) == b"grandchild"
        assert await sys.peek(hidden, 1) == b"x"

    run(main)


def test_protection():
    """A store to read-only memory is SIGSEGV, and a handler that allows it lets the store happen."""

    async def main(sys):
        address = await sys.mmap()

        async def handler(sig, info):
            faults.append(info.si_addr)
            await sys.mprotect(address, 4096, sys.PROT_READ | sys.PROT_WRITE)

        faults = []
        await sys.mprotect(address, 4096, sys.PROT_READ)
        await sys.sigaction(sys.SIGSEGV, handler, sys.SA_SIGINFO)
        await sys.poke(address + 8, b"now")
        assert await sys.peek(address + 8, 3) == b"now"
        assert faults == [address + 8]
        assert await errno_of(sys.syscall("write", 1, 0x1000, 1)) == "EFAULT"

    run(main)


# exec.


def test_exec_keeps_what_a_process_is():
    """Pid, parent, group, descriptors but the close-on-exec ones, mask, pending signals, alarm; not its memory."""

    async def after(sys):
        pid, ppid, open_fd, closed_fd = map(int, sys.argv[1:5])
        assert (await sys.getpid(), await sys.getppid()) == (pid, ppid)
        assert (await sys.fstat(open_fd)).st_mode
        assert await errno_of(sys.fstat(closed_fd)) == "EBADF"
        assert await sys.sigprocmask(sys.SIG_BLOCK) == {sys.SIGUSR1}
        assert await sys.sigpending() == {sys.SIGUSR1}
        assert 99 <= await sys.alarm(0) <= 100
        assert await sys.getcwd() == "/tmp"
        assert await sys.read_file("/proc/self/comm") == b"after\n"
        assert await sys.read_file("/proc/self/cmdline") == "\0".join([*sys.argv, ""]).encode()
        await sys.peek(int(sys.argv[5]), 1)                 # what was mapped is gone

    async def main(sys):
        pid = await sys.fork()
        if pid == 0:
            reader, writer = await sys.pipe()
            await sys.fcntl(writer, sys.F_SETFD, sys.FD_CLOEXEC)
            await sys.sigprocmask(sys.SIG_BLOCK, {sys.SIGUSR1})
            await sys.raise_signal(sys.SIGUSR1)
            await sys.alarm(100)
            await sys.chdir("/tmp")
            address = await sys.mmap()
            await sys.poke(address, b"x")
            numbers = await sys.getpid(), await sys.getppid(), reader, writer, address
            await sys.execve("/bin/after", ["after", *map(str, numbers)])
        assert await sys.waitpid(pid) == (pid, sys.SIGSEGV)

    run(main, programs={"/bin/after": after})


def test_a_failed_exec_changes_nothing():
    """ENOENT, EACCES, ENOEXEC, ENOTDIR, E2BIG: the caller lives on with everything it had."""

    async def main(sys):
        await sys.write_file("/tmp/data", "no program", 0o644)
        await sys.write_file("/tmp/text", "no program either", 0o755)
        await sys.write_file("/tmp/script", "#!/no/such/interpreter\n", 0o755)
        _, writer = await sys.pipe(sys.O_CLOEXEC)
        await sys.sigaction(sys.SIGUSR1, pauses)
        for path, error in (
            ("/nothing", "ENOENT"),
            ("/tmp/data", "EACCES"),
            ("/tmp", "EACCES"),
            ("/tmp/text", "ENOEXEC"),
            ("/tmp/text/x", "ENOTDIR"),
            ("/tmp/script", "ENOENT"),
            ("", "ENOENT"),
        ):
            assert await errno_of(sys.execve(path, ["x"])) == error, path
        assert await errno_of(sys.execve("/bin/main", ["x" * 131072])) == "E2BIG"
        assert await errno_of(sys.execve("/bin/main", ["x" * 100000] * 30)) == "E2BIG"
        assert (await sys.fstat(writer)).st_mode
        assert await sys.sigaction(sys.SIGUSR1) is pauses

    run(main)


# clone.


def test_clone_flag_errors():
    """The combinations that 3.2 refuses."""

    async def main(sys):
        for flags in (
            sys.CLONE_SIGHAND,
            sys.CLONE_THREAD,
            sys.CLONE_THREAD | sys.CLONE_VM,
            sys.CLONE_NEWNS | sys.CLONE_FS,
            sys.CLONE_NEWPID | sys.CLONE_VM | sys.CLONE_SIGHAND | sys.CLONE_THREAD,
            sys.CLONE_NEWPID | sys.CLONE_PARENT,
        ):
            assert await errno_of(sys.clone(exits, flags=flags)) == "EINVAL", hex(flags)
        await sys.setuid(1000)
        for flags in (sys.CLONE_NEWPID, sys.CLONE_NEWNS, sys.CLONE_NEWUTS):
            assert await errno_of(sys.clone(exits, flags=flags)) == "EPERM", hex(flags)
        assert await errno_of(sys.wait()) == "ECHILD"

    run(main)


def test_init_has_no_siblings():
    """CLONE_PARENT is refused to PID 1, since nobody could reap its sibling."""

    async def main(sys):
        assert await sys.getpid() == 1
        assert await errno_of(sys.clone(exits, flags=sys.CLONE_PARENT | sys.SIGCHLD)) == "EINVAL"

    result = Machine().run(main, as_init=True)
    assert (result.stderr, result.exit_code) == (b"", 0)


def test_clone_files_and_fs():
    """One table, one directory and umask for both; without the flags each its own."""

    async def main(sys):
        async def child(sys):
            await sys.dup2(0, 50)
            await sys.chdir("/tmp")

        await sys.waitpid(await sys.clone(child))
        assert await errno_of(sys.fstat(50)) == "EBADF"
        assert await sys.getcwd() == "/"
        await sys.waitpid(await sys.clone(child, flags=sys.CLONE_FILES | sys.CLONE_FS | sys.SIGCHLD))
        assert (await sys.fstat(50)).st_mode
        assert await sys.getcwd() == "/tmp"

    run(main)


def test_clone_parent():
    """The child is the caller's sibling, and is waited for by its parent."""

    async def main(sys):
        reader, writer = await sys.pipe()
        me = await sys.getpid()

        async def sibling(sys):
            await sys.print(await sys.getppid() == me, fd=writer)

        async def child(sys):
            await sys.clone(sibling, flags=sys.CLONE_PARENT | sys.SIGCHLD)
            assert await errno_of(sys.wait()) == "ECHILD"

        await sys.clone(child)
        await sys.wait()
        await sys.wait()
        assert await sys.read(reader, 100) == b"True\n"

    run(main)


def test_clone_vfork_waits_for_exec_or_exit():
    """vfork's two flags, with a function."""

    async def other(sys):
        await sys.sleep(5)

    async def main(sys):
        address = await sys.mmap()

        async def child(sys, way):
            await sys.sleep(1)
            await sys.poke(address, way.encode())
            if way == "exec":
                await sys.execve("/bin/other", ["other"])

        flags = sys.CLONE_VM | sys.CLONE_VFORK | sys.SIGCHLD
        for seconds, way in ((1, "exec"), (2, "exit")):
            await sys.clone(child, way, flags=flags)
            assert (await sys.clock_gettime()) // SECOND == seconds
            assert await sys.peek(address, 4) == way.encode()
        await sys.wait()
        await sys.wait()

    run(main, programs={"/bin/other": other})


def test_numbers_are_stored_where_they_were_asked_for():
    """CLONE_PARENT_SETTID, CLONE_CHILD_SETTID; CLONE_CHILD_CLEARTID clears and wakes, as pthread_join needs it."""

    async def main(sys):
        address = await sys.mmap()
        flags = sys.CLONE_VM | sys.CLONE_SIGHAND | sys.CLONE_THREAD | sys.CLONE_PARENT_SETTID
        flags |= sys.CLONE_CHILD_SETTID | sys.CLONE_CHILD_CLEARTID

        async def thread(sys):
            tid = await sys.gettid()
            assert await sys.peek(address, 8) == tid.to_bytes(4, "little") * 2
            await sys.sleep(1)

        tid = await sys.clone(thread, flags=flags, parent_tid=address, child_tid=address + 4)
        assert await sys.peek(address, 4) == tid.to_bytes(4, "little")
        await sys.nanosleep(MS)
        await sys.futex(address + 4, sys.FUTEX_WAIT, tid)
        assert await sys.peek(address, 8) == tid.to_bytes(4, "little") + bytes(4)

    run(main)


# Threads.


def test_exit_group_ends_all_threads():
    """And its code is the process's."""

    async def main(sys):
        async def thread(sys):
            await sys.sleep(1)
            await sys.exit_group(42)

        async def process(sys):
            await sys.clone(thread, flags=sys.CLONE_VM | sys.CLONE_SIGHAND | sys.CLONE_THREAD)
            await pauses(sys)

        pid = await sys.clone(process)
        assert await sys.wait() == (pid, 42 << 8)

    run(main)


def test_a_leader_that_ends_first_is_reaped_last():
    """It shows as a zombie, but wait has to wait for the last thread; the status is the leader's."""

    async def main(sys):
        async def thread(sys):
            await sys.sleep(2)
            await sys.exit(9)

        async def process(sys):
            await sys.clone(thread, flags=sys.CLONE_VM | sys.CLONE_SIGHAND | sys.CLONE_THREAD)
            await sys.exit(5)

        pid = await sys.clone(process)
        await sys.sleep(1)
        assert await state_of(sys, pid) == "Z"
        assert await sys.waitpid(pid, sys.WNOHANG) == (0, 0)
        assert await sys.waitpid(pid) == (pid, 5 << 8)
        assert (await sys.clock_gettime()) // SECOND == 2

    run(main)


def test_a_signal_for_a_process_goes_to_a_thread_that_takes_it():
    """The leader blocks it; one for a thread stays with that thread."""

    async def main(sys):
        seen = []
        leader = await sys.gettid()

        async def handler(sig):
            seen.append((sig, await sys.gettid() == leader))

        await sys.sigaction(sys.SIGUSR1, handler)
        await sys.sigaction(sys.SIGUSR2, handler)
        await spawn(sys, pauses, flags=sys.CLONE_VM | sys.CLONE_SIGHAND | sys.CLONE_THREAD)
        await sys.sigprocmask(sys.SIG_BLOCK, {sys.SIGUSR1, sys.SIGUSR2})
        await sys.kill(leader, sys.SIGUSR1)
        await sys.tgkill(leader, leader, sys.SIGUSR2)
        await sys.nanosleep(MS)
        assert seen == [(sys.SIGUSR1, False)]
        await sys.sigprocmask(sys.SIG_UNBLOCK, {sys.SIGUSR1, sys.SIGUSR2})
        assert seen[1:] == [(sys.SIGUSR2, True)]

    run(main)


# Namespaces.


def test_the_end_of_a_namespaces_init_is_the_end_of_everybody_in_it():
    """SIGKILL for all, grandchildren included, before init itself is reaped."""

    async def main(sys):
        reader, writer = await sys.pipe()

        async def child(sys):
            await sys.clone(pauses)
            await pauses(sys)

        async def init(sys):
            await spawn(sys, child)
            await sys.sleep(1)
            return 7

        pid = await sys.clone(init, flags=sys.CLONE_NEWPID | sys.SIGCHLD)
        assert await sys.waitpid(pid) == (pid, 7 << 8)
        await sys.close(writer)
        assert await sys.read(reader, 1) == b""             # all three copies of the writing end are closed

    run(main)


def test_signals_across_a_pid_namespace():
    """From inside, init gets only what it handles; from above SIGKILL works. The sender from above is 0."""

    async def main(sys):
        reader, writer = await sys.pipe()

        async def init(sys):
            await sys.sigaction(sys.SIGUSR1, lambda _, info: heard.append(info.si_pid), sys.SA_SIGINFO)
            heard = []
            await sys.kill(1, sys.SIGTERM)
            await sys.kill(1, sys.SIGKILL)
            assert await errno_of(sys.kill(3, 0)) == "ESRCH"        # nobody out there has a number here
            await errno_of(sys.pause())
            await sys.print(heard, fd=writer)
            await pauses(sys)

        pid = await spawn(sys, init, flags=sys.CLONE_NEWPID | sys.SIGCHLD)
        await sys.kill(pid, sys.SIGTERM)                            # not handled: dropped, too
        await sys.kill(pid, sys.SIGUSR1)
        assert await sys.read(reader, 100) == b"[0]\n"
        await sys.kill(pid, sys.SIGKILL)
        assert await sys.wait() == (pid, sys.SIGKILL)

    run(main)


def test_an_orphan_in_a_namespace_goes_to_its_init():
    """Not to PID 1 of the machine."""

    async def main(sys):
        async def grandchild(sys):
            await sys.sleep(1)
            await sys.exit(40 + await sys.getppid())

        async def child(sys):
            await sys.clone(grandchild)

        async def init(sys):
            assert await sys.waitpid(await sys.clone(child)) == (2, 0)
            assert await sys.wait() == (3, 41 << 8)

        await sys.clone(init, flags=sys.CLONE_NEWPID | sys.SIGCHLD)
        assert (await sys.wait())[1] == 0

    run(main)


def test_a_host_name_of_ones_own():
    """CLONE_NEWUTS and unshare."""

    async def main(sys):
        before = (await sys.uname()).nodename

        async def child(sys, unshare):
            if unshare:
                await sys.unshare(sys.CLONE_NEWUTS)
            await sys.sethostname("other")
            assert (await sys.uname()).nodename == "other"

        await sys.waitpid(await sys.clone(child, False, flags=sys.CLONE_NEWUTS | sys.SIGCHLD))
        await sys.waitpid(await sys.clone(child, True))
        assert (await sys.uname()).nodename == before

    run(main)


# Time and priorities.


def test_timers():
    """alarm, an interval timer, a timer descriptor."""

    async def main(sys):
        ticks = []

        async def handler(sig):
            ticks.append((await sys.clock_gettime()) // (SECOND // 2))

        await sys.sigaction(sys.SIGALRM, handler)
        assert await sys.alarm(10) == 0
        assert await sys.alarm(1) == 10
        assert await errno_of(sys.pause()) == "EINTR"
        assert await sys.setitimer(sys.ITIMER_REAL, 500_000, 1_000_000) == (0, 0)
        for _ in range(3):
            await errno_of(sys.pause())
        value, interval = await sys.setitimer(sys.ITIMER_REAL, 0)
        assert 0 < value <= 1_000_000
        assert interval == 1_000_000
        assert ticks == [2, 3, 5, 7]
        fd = await sys.timerfd_create()
        await sys.timerfd_settime(fd, SECOND, SECOND)
        await sys.nanosleep(3 * SECOND + MS)
        assert int.from_bytes(await sys.read(fd, 8), "little") == 3

    run(main)


def test_niceness():
    """Down is for everybody, up for root; the bare call returns 20 minus it."""

    async def main(sys):
        assert await sys.getpriority() == 20
        await sys.nice(-5)
        assert await sys.getpriority() == 25
        await sys.setuid(1000)
        await sys.nice(3)
        assert await sys.getpriority() == 22
        assert await errno_of(sys.nice(-1)) == "EACCES"
        assert await errno_of(sys.setpriority(sys.PRIO_PROCESS, 1, 5)) == "EPERM"
        assert await errno_of(sys.getpriority(sys.PRIO_PROCESS, 299)) == "ESRCH"

    run(main)


def test_descriptors_that_are_no_files():
    """eventfd, signalfd and epoll with a pipe between processes."""

    async def main(sys):
        event = await sys.eventfd()
        await sys.sigprocmask(sys.SIG_BLOCK, {sys.SIGCHLD})
        signals = await sys.signalfd(-1, {sys.SIGCHLD})
        epoll = await sys.epoll_create()
        await sys.epoll_ctl(epoll, sys.EPOLL_CTL_ADD, event, sys.EPOLLIN)
        await sys.epoll_ctl(epoll, sys.EPOLL_CTL_ADD, signals, sys.EPOLLIN, 1234)
        assert await sys.epoll_wait(epoll, timeout_ms=0) == []

        async def child(sys):
            await sys.write(event, (5).to_bytes(8, "little"))
            await sys.sleep(1)
            return 3

        pid = await sys.clone(child)
        assert await sys.epoll_wait(epoll) == [(event, sys.EPOLLIN)]
        assert await sys.read(event, 8) == (5).to_bytes(8, "little")
        assert await sys.epoll_wait(epoll) == [(1234, sys.EPOLLIN)]
        info = await sys.read(signals, 128)
        assert info[0] == sys.SIGCHLD
        assert await sys.wait() == (pid, 3 << 8)

    run(main)


def test_signalfd_tells_the_status_of_a_child_with_another_exit_signal():
    """In 3.2 si_code has its class in it, CHLD; today's kernels go by the signal's number and tell no status."""

    async def child(sys):
        return 3

    async def main(sys):
        await sys.sigprocmask(sys.SIG_BLOCK, {sys.SIGUSR1})
        fd = await sys.signalfd(-1, {sys.SIGUSR1})
        pid = await sys.clone(child, flags=sys.SIGUSR1)
        data = await sys.read(fd, 128)
        found = [int.from_bytes(data[at:at + 4], "little") for at in (0, 8, 12, 40)]
        await sys.print(found == [sys.SIGUSR1, sys.CLD_EXITED, pid, 3])

    assert Machine().run(main).output == "True\n"


# What this kernel lacks.


REFUSED = {
    ("mbind", 0, 4096, 0, None, 0, 0): "ENOSYS",
    ("set_mempolicy", 0, None, 0): "ENOSYS",
    ("get_mempolicy", None, None, 0, 0, 0): "ENOSYS",
    ("migrate_pages", 0, 0, None, None): "ENOSYS",
    ("move_pages", 0, 0, None, None, None, 0): "ENOSYS",
    ("remap_file_pages", 0, 4096, 0, 0, 0): "EINVAL",
    ("swapon", "/swap", 0): "ENOSYS",
    ("swapoff", "/swap"): "ENOSYS",
}


@pytest.mark.parametrize(("call", "answer"), REFUSED.items(), ids=[" ".join(map(str, call)) for call in REFUSED])
def test_what_is_not_modelled_is_refused_and_noted(call, answer):
    """The answer of a machine without it, and a line of the result's `unsupported` where 3.2 would have done it."""
    async def main(sys):
        assert await errno_of(sys.syscall(*call)) == answer

    result = Machine().run(main)

    assert result.stderr == b""
    assert bool(result.kernel.unsupported) == (answer not in {None, "EBADF"})


def test_the_superuser_sets_the_clock():
    """clock_settime, settimeofday and stime-like calls move the time of day, and no timer of CLOCK_MONOTONIC."""
    async def main(sys):
        before = await sys.clock_gettime(1)
        assert await sys.syscall("clock_settime", 0, (1_000_000_000).to_bytes(8, "little") + bytes(8)) == 0
        assert (await sys.clock_gettime(0)) // SECOND == 1_000_000_000
        assert await sys.syscall("settimeofday", (2_000_000_000).to_bytes(8, "little") + bytes(8), None) == 0
        assert (await sys.clock_gettime(0)) // SECOND == 2_000_000_000
        assert await sys.syscall("settimeofday", None, bytes(8)) == 0
        out = bytearray(8)
        assert await sys.syscall("time", out) == 2_000_000_000 == int.from_bytes(out, "little")
        assert await errno_of(sys.syscall("clock_settime", 1, bytes(16))) == "EINVAL"
        assert (await sys.clock_gettime(1)) - before < SECOND

    run(main)


def test_the_kernel_log():
    """syslog(2): its size, its text, clearing it; a line written to /dev/kmsg is in it."""
    async def main(sys):
        await sys.write_file("/dev/kmsg", b"hello from outside\n")
        size = await sys.syscall("syslog", 10, None, 0)
        assert size >= 4096
        text = bytearray(size)
        length = await sys.syscall("syslog", 3, text, size)
        assert b"hello from outside\n" in text[:length]
        assert await sys.syscall("syslog", 9, None, 0) == length
        short = bytearray(8)
        assert await sys.syscall("syslog", 3, short, 8) == 8
        assert text[:length].endswith(short)
        assert await errno_of(sys.syscall("syslog", 3, None, -1)) == "EINVAL"
        assert await errno_of(sys.syscall("syslog", 99, None, 0)) == "EINVAL"
        assert await errno_of(sys.syscall("syslog", 8, None, 9)) == "EINVAL"
        assert await sys.syscall("syslog", 8, None, 7) == 0
        assert await sys.syscall("syslog", 4, text, size) == length
        assert await sys.syscall("syslog", 3, text, size) == 0
        await sys.setuid(1000)
        assert await errno_of(sys.syscall("syslog", 5, None, 0)) == "EPERM"

    run(main)


def test_the_machine_is_switched_off_by_the_superuser():
    async def main(sys):
        assert await errno_of(sys.syscall("reboot", 1, 2, 3, None)) == "EINVAL"
        assert await errno_of(sys.syscall("reboot", 0xFEE1DEAD, 672274793, 0x1234, None)) == "EINVAL"
        assert await sys.syscall("reboot", 0xFEE1DEAD, 672274793, 0, None) == 0

    run(main)
