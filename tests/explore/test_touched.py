"""What calls touch that are seldom made, seen at one step each; that it is enough is test_objects.py's."""

from __future__ import annotations

from procession.explorer.dpor import dpor
from procession.explorer.steps import EVERYTHING, READS, WRITES
from procession.explorer.subject import Subject

F_GETLK, PAGE = 5, 4096


def steps_of(program):
    """The calls of all threads with what their steps touch, but for what every step does, and the end's."""
    run = next(iter(dpor(Subject(program))))
    assert run.outcome.how == "exit", run.detail
    found = [
        (step.what, {thing: how for thing, how in step.touched.items() if thing[0] not in ("pending", "inode")})
        for step in run.recorder.steps
    ]
    return [(what, touched) for what, touched in found if what not in ("", "exit_group")]


async def tried(call):
    try:
        return await call
    except OSError as error:
        return -error.errno


def test_names():
    async def main(sys):
        await sys.symlinkat("there", sys.AT_FDCWD, "/tmp/link")
        await sys.creat("/tmp/new", 0o600)
        await sys.symlink("self", "/tmp/self")
        await tried(sys.stat("/tmp/self/x"))
        await tried(sys.syscall("newfstatat", 77, b"x\0", bytearray(144), 0))
        await tried(sys.syscall("mkdirat", 77, b"x\0", 0o700))
        await tried(sys.syscall("mkdir", b"\0", 0o700))

    link, new, made, around, nowhere, no_dir, empty = [touched for _, touched in steps_of(main)]
    assert link["name", "link"] & WRITES
    assert new["name", "new"] & WRITES
    assert made["name", "self"] & WRITES
    assert around == {("name", "tmp"): READS, ("name", "self"): READS}      # and not "x": a link to itself has no end
    assert nowhere == no_dir == empty == {}


def test_paths_that_are_nowhere():
    """A wrong address is no path; the text at the end of memory goes as far as there is some."""
    async def main(sys):
        await tried(sys.syscall("access", 8, 0))
        await tried(sys.syscall("access", object(), 0))

    assert [touched for _, touched in steps_of(main)] == [{}, {}]


def test_limits_and_priorities():
    async def main(sys):
        pid = await sys.fork()
        if not pid:
            await sys.pause()
        await sys.prlimit64(0, sys.RLIMIT_CORE)
        await sys.prlimit64(0, sys.RLIMIT_CORE, (0, 0))
        await sys.prlimit64(pid, sys.RLIMIT_CORE)
        await sys.prlimit64(pid, sys.RLIMIT_CORE, (0, 0))
        await tried(sys.syscall("sched_getscheduler", 0))
        await tried(sys.syscall("sched_getscheduler", pid))
        await sys.kill(pid, 9)

    found = [(what, touched) for what, touched in steps_of(main) if what.startswith(("prlimit", "sched_get"))]
    assert [touched for _, touched in found] == [
        {("task", 17): READS}, {("task", 17): WRITES}, {("task", 18): READS}, {EVERYTHING: WRITES},
        {("task", 17): READS}, {("task", 18): READS},
    ]


def test_descriptors():
    async def main(sys):
        fd = await sys.open("/tmp/file", sys.O_CREAT | sys.O_RDWR)
        await tried(sys.fcntl(77, sys.F_GETFL))
        await tried(sys.ioctl(77, 0x5401, bytearray(64)))
        await tried(sys.syscall("flock", 77, 1))
        await tried(sys.ioctl(fd, 0x5401, bytearray(64)))
        await tried(sys.fcntl(fd, 1033))
        await tried(sys.syscall("fcntl", fd, F_GETLK, bytearray(32)))

    _, *nothing, other, lock = [touched for _, touched in steps_of(main)]
    assert nothing == [{}] * 4
    assert other == {EVERYTHING: WRITES}
    assert {(thing[0], how) for thing, how in lock.items()} == {("locks", READS)}


def test_a_message_that_is_nowhere():
    async def main(sys):
        one, _ = await sys.socketpair()
        await tried(sys.syscall("sendmsg", one, 8, 0))
        await tried(sys.syscall("sendmsg", one, bytearray(8), 0))

    assert [touched[EVERYTHING] for what, touched in steps_of(main) if what == "sendmsg"] == [WRITES, WRITES]


def test_numbers_in_a_namespace():
    """Processes and groups by their first numbers; who is not there may have been anybody."""
    async def main(sys):
        pid = await sys.clone(inside, flags=sys.CLONE_NEWPID | sys.SIGCHLD)
        await sys.waitpid(pid)

    async def inside(sys):
        pid = await sys.fork()
        if not pid:
            await sys.pause()
        await sys.setpgid(pid, pid)
        await tried(sys.setpgid(0, pid))
        await tried(sys.setpgid(pid, 77))
        await tried(sys.getpgid(77))
        await sys.kill(pid, 9)

    steps = steps_of(main)
    own, joined, lost, gone = [touched for what, touched in steps if what in ("setpgid", "getpgid")]
    assert own["task", 118] == READS
    assert ("groups", 118) in own
    assert ("groups", 118) in joined
    assert ("task", 18) in joined
    for touched in (lost, gone):
        assert touched[EVERYTHING] == WRITES
