"""Mounts, user namespaces and capabilities for which there is no memory: what was begun is undone."""

from __future__ import annotations

import errno

import pytest

from procession import Machine
from procession.tools.fault_inject import every_failure

MS_BIND, MS_REC, MS_MOVE = 0x1000, 0x4000, 0x2000
MS_SHARED, MS_SLAVE, MS_PRIVATE = 1 << 20, 1 << 19, 1 << 18
NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWNET, SIGCHLD = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x40000000, 17


async def cat(sys, path):
    fd = await sys.open(path)
    text = b""
    while piece := await sys.read(fd, 4096):
        text += piece
    await sys.close(fd)
    return text


async def peers(sys):
    """A shared mount with a peer, a slave, a slave that is shared; and a tree of two beside them."""
    await sys.unshare(NEWNS)
    await sys.mount("none", "/tmp", "tmpfs")
    for name in ("a", "b", "c", "d", "tree"):
        await sys.mkdir(f"/tmp/{name}")
    await sys.mount("none", "/tmp/a", "tmpfs")
    await sys.mkdir("/tmp/a/x")
    await sys.mount("", "/tmp/a", "", MS_SHARED)
    for name in ("b", "c", "d"):
        await sys.mount("/tmp/a", f"/tmp/{name}", "", MS_BIND)
    await sys.mount("", "/tmp/c", "", MS_SLAVE)
    await sys.mount("", "/tmp/d", "", MS_SLAVE)
    await sys.mount("", "/tmp/d", "", MS_SHARED)
    await sys.mount("none", "/tmp/tree", "tmpfs")
    await sys.mkdir("/tmp/tree/in")
    await sys.mount("none", "/tmp/tree/in", "tmpfs")


SETUP = 11      # calls of mount in peers()


def failures(main, call, at):
    machines = []

    def make():
        machines.append(Machine())
        return machines[-1]

    return [(hit, result.exit_code) for hit, result in every_failure(make, main, call, at=at, kinds=("slab",))]


def attempt(call):
    """A program that makes a call on peers(), and ends with its errno; what has failed has changed nothing."""
    async def main(sys):
        await peers(sys)
        before = await cat(sys, "/proc/self/mountinfo")
        try:
            await call(sys)
        except OSError as error:
            assert await cat(sys, "/proc/self/mountinfo") == before
            return error.errno
        return 0

    return main


@pytest.mark.parametrize(("flags", "source", "least"), [
    (MS_BIND | MS_REC, "/tmp/tree", 8), (MS_BIND, "/tmp/tree", 4), (MS_MOVE, "/tmp/tree", 6), (0, "none", 4),
])
def test_a_mount_comes_everywhere_or_nowhere(flags, source, least):
    async def call(sys):
        await sys.mount(source, "/tmp/a/x", "tmpfs", flags)

    found = failures(attempt(call), "mount", SETUP + 1)

    assert {hit.what for hit, _ in found} == {"mnt_cache"}
    assert {code for _, code in found} == {errno.ENOMEM}
    assert len(found) == least


def test_a_namespace_has_all_its_mounts_or_is_none():
    found = failures(attempt(lambda sys: sys.unshare(NEWNS)), "unshare", 2)

    assert {code for _, code in found} == {errno.ENOMEM}
    assert [hit.what for hit, _ in found].count("mnt_cache") == 11


def test_a_user_namespace_and_what_it_owns():
    async def child(sys):
        await sys.sethostname("inside")
        return 7

    async def main(sys):
        try:
            pid = await sys.clone(child, flags=NEWUSER | NEWUTS | NEWIPC | NEWNET | NEWNS | SIGCHLD)
        except OSError as error:
            return error.errno
        return (await sys.waitpid(pid)).exit_code

    found = failures(main, "clone", 1)

    assert {"user_namespace", "uid_cache", "nsproxy", "mnt_cache"} <= {hit.what for hit, _ in found}
    assert {code for _, code in found} == {errno.ENOMEM}


def test_setns_without_memory_leaves_one_where_one_was():
    async def main(sys):
        fd = await sys.open("/proc/self/ns/uts")
        await sys.unshare(NEWUTS)
        await sys.sethostname("other")
        try:
            await sys.setns(fd, 0)
        except OSError as error:
            assert (await sys.uname()).nodename == "other"
            return error.errno
        return 0

    found = failures(main, "setns", 1)

    assert [(hit.what, code) for hit, code in found] == [("nsproxy", errno.ENOMEM)]


def test_a_tmpfs_gives_back_what_it_held_unless_somebody_has_a_file_open():
    """Its pages and inodes, when the last mount goes; a file that is open stays whole."""
    async def fill(sys):
        await sys.mount("none", "/tmp", "tmpfs")
        await sys.mkdir("/tmp/d")
        fd = await sys.open("/tmp/d/f", sys.O_CREAT | sys.O_RDWR)
        await sys.write(fd, bytes(200_000))
        return fd

    async def free(sys):
        lines = (await cat(sys, "/proc/meminfo")).splitlines()
        return next(int(line.split()[1]) for line in lines if b"MemFree" in line)

    async def main(sys):
        found = []
        for _ in range(3):
            await sys.close(await fill(sys))
            await sys.umount2("/tmp", 0)
            found.append(await free(sys))
        assert len(set(found)) == 1
        fd = await fill(sys)
        await sys.write(fd, b"end")
        await sys.umount2("/tmp", 2)
        assert await sys.pread(fd, 10, 199_998) == b"\0\0end"
        assert await free(sys) < found[0]
        return 0

    machine = Machine()
    result = machine.run(main)

    assert (result.exit_code, result.stderr) == (0, b"")
    machine.check_baseline()
