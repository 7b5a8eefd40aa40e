"""Making processes: what fails, and what is left behind when it does."""

from __future__ import annotations

import errno
import struct

import pytest

from procession import Machine

from .faults import E2BIG, ENFILE, ENOMEM, every_failure


def run(main, **options):
    """Run a program that must leave nothing behind; returns its output and the machine."""
    result = Machine(**options).run(main)
    assert result.stderr == b""
    result.kernel.check_baseline()
    return result


async def reap(sys):
    """Wait until there is no child left."""
    while True:
        try:
            await sys.waitpid(-1, sys.WALL)
        except ChildProcessError:
            return


# Every step of copy_process fails once.


async def forks(sys):
    """Exit code: the errno of fork(2)."""
    try:
        pid = await sys.fork()
    except OSError as error:
        return error.errno
    if pid == 0:
        return 0
    await reap(sys)
    return 0


def test_each_allocation_of_fork_is_undone():
    """In 3.2's order, each failure ENOMEM, nothing left."""
    hits = []
    for hit, result in every_failure(forks, "fork"):
        assert result.exit_code == ENOMEM, hit
        hits.append(hit.what)
    order = [hits.index(name) for name in (
        "task_struct", "cred_jar", "files_cache", "fs_cache", "sighand_cache", "signal_cache", "mm_struct", "pid",
    )]
    assert order == sorted(order)


def test_each_page_of_fork_is_undone():
    """Page tables are allocated too, once the parent has memory of its own."""
    async def main(sys):
        for base in (0x10000000, 0x7000000000):
            await sys.mmap(base, 4096, 3, 0x32)
            await sys.poke(base, b"x")
        return await forks(sys)

    hits = [result.exit_code for _, result in every_failure(main, "fork", kind="page")]

    assert len(hits) >= 5
    assert set(hits) == {ENOMEM}


def _clone(flags):
    async def main(sys):
        async def child(sys):
            return 0

        try:
            await sys.clone(child, flags=flags)
        except OSError as error:
            return error.errno
        if flags & sys.CLONE_THREAD:
            await sys.sched_yield()
        await reap(sys)
        return 0

    return main


@pytest.mark.parametrize("flags", [
    0x100 | 0x200 | 0x400 | 0x800 | 0x10000,                                # a thread
    0x100 | 0x4000 | 17,                                                    # vfork
    0x20000 | 0x4000000 | 0x8000000 | 0x20000000 | 0x40000000 | 17,         # all namespaces but the user's
    0x10000000 | 17,                                                        # the user's
    0x10000000 | 0x20000000 | 0x20000 | 17,
    0x100 | 0x800 | 17,
], ids=["thread", "vfork", "namespaces", "user", "container", "sighand"])
def test_each_allocation_of_clone_is_undone(flags):
    """Whatever is shared and whatever is made anew."""
    hits = set()
    for hit, result in every_failure(_clone(flags), "clone"):
        assert result.exit_code in (ENOMEM, 0), hit
        assert result.exit_code == ENOMEM or hit.what not in ("task_struct", "pid", "nsproxy", "cred_jar")
        hits.add(hit.what)
    assert {"task_struct", "pid"} <= hits
    if flags & 0x10000000:
        assert {"user_namespace", "uid_cache"} <= hits
    if flags & 0x20000000:
        assert {"nsproxy", "pid_namespace"} <= hits


def test_each_allocation_of_unshare_is_undone():
    """All or nothing: the task keeps what it had."""
    async def main(sys):
        async def other(sys):
            await sys.pause()

        await sys.clone(other, flags=sys.CLONE_VM | sys.CLONE_FS | sys.CLONE_FILES | sys.SIGCHLD)
        code = 0
        try:
            flags = sys.CLONE_NEWNS | sys.CLONE_NEWUTS | sys.CLONE_NEWIPC | sys.CLONE_NEWNET | sys.CLONE_FILES
            await sys.unshare(flags)
        except OSError as error:
            code = error.errno
        await sys.kill(-1, sys.SIGKILL)
        await reap(sys)
        return code

    hits = [(hit.what, result.exit_code) for hit, result in every_failure(main, "unshare")]

    assert {"fs_cache", "files_cache", "nsproxy", "mnt_cache"} <= {hit for hit, _ in hits}
    assert {code for _, code in hits} == {ENOMEM}


# execve.


async def other(sys):
    """What is executed."""
    return 77


# A static program, and one that names it as its interpreter, with a bss: exit_group(77).
_CODE = bytes.fromhex("bf4d000000 b8e7000000 0f05")


def _elf(*, interpreter=b"", base=0x400000):
    count = 2 if interpreter else 1
    start = 64 + 56 * count
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    head = struct.pack("<16sHHIQQQIHHHHHH", ident, 2, 62, 1, base + start, 64, 0, 0, 64, 56, count, 0, 0, 0)
    size = start + len(_CODE) + len(interpreter)
    phdrs = struct.pack("<IIQQQQQQ", 1, 7, 0, base, base, size, size + 8192, 4096)
    if interpreter:
        phdrs += struct.pack("<IIQQQQQQ", 3, 4, start + len(_CODE), 0, 0, len(interpreter), len(interpreter), 1)
    return head + phdrs + _CODE + interpreter


ROOT = {
    "/static": _elf(), "/dynamic": _elf(interpreter=b"/loader\0"), "/loader": _elf(base=0x10000000),
    "/script": b"#!/dynamic -x\n",
}


def _execs(prepare, path):
    async def main(sys):
        pid = await sys.fork()
        if pid == 0:
            await prepare(sys)
            try:
                await sys.execve(path, ["other"])
            except OSError as error:
                await sys.exit_group(error.errno)
        _, status = await sys.waitpid(pid)
        await reap(sys)
        return status >> 8 if not status & 0x7F else 128 + (status & 0x7F)

    return main


async def _alone(sys):
    pass


async def _shares(sys):
    """Share files and signal actions with a process that stays, so that exec has to copy them."""
    async def sharer(sys):
        await sys.sleep(0.01)

    await sys.clone(sharer, flags=sys.CLONE_VM | sys.CLONE_SIGHAND | sys.CLONE_FILES | sys.SIGCHLD)


async def _threads(sys):
    """Have another thread, which the exec ends."""
    async def worker(sys):
        while True:
            await sys.pause()

    await sys.clone(worker, flags=sys.CLONE_VM | sys.CLONE_SIGHAND | sys.CLONE_FILES | sys.CLONE_FS | sys.CLONE_THREAD)


PROGRAMS = {"/bin/other": other}


@pytest.mark.parametrize("prepare", [_alone, _shares, _threads], ids=["alone", "sharing", "threads"])
@pytest.mark.parametrize("path", ["/bin/other", "/dynamic", "/script"])
def test_each_allocation_of_exec_is_undone(prepare, path):
    """Before the point of no return ENOMEM, behind it a signal."""
    hits = {}
    for hit, result in every_failure(_execs(prepare, path), "execve", root=ROOT, programs=PROGRAMS):
        hits.setdefault(hit.what, []).append(result.exit_code)
    codes = {code for codes in hits.values() for code in codes}
    assert ENOMEM in codes
    assert codes <= {ENOMEM, ENFILE, E2BIG, 128 + 9, 128 + 11, 77}
    assert set(hits["filp"]) == {ENFILE}
    for name in ("cred_jar", "mm_struct"):
        assert set(hits[name]) == {ENOMEM}


@pytest.mark.parametrize("path", ["/static", "/dynamic", "/script"])
def test_each_page_of_exec_is_undone(path):
    """Strings, page tables, the program's first pages."""
    codes = [
        result.exit_code
        for _, result in every_failure(
            _execs(_alone, path), "execve", kind="page", root=ROOT, programs=PROGRAMS,
        )
    ]
    assert len(codes) > 3
    assert set(codes) <= {ENOMEM, E2BIG, 128 + 9, 128 + 11}


# Numbers run out.


def test_no_number_left_is_enomem():
    """Not EAGAIN; and nothing is left of the attempts."""
    result = run(_exhaust)
    lines = result.output.split()
    assert lines == ["ENOMEM", "ENOMEM", "again"]


async def _exhaust(sys):
    fd = await sys.open("/proc/sys/kernel/pid_max", sys.O_WRONLY)
    await sys.write(fd, b"310")
    await sys.close(fd)
    children = []
    while True:
        try:
            pid = await sys.fork()
        except OSError as error:
            await sys.print(errno.errorcode[error.errno])
            break
        if pid == 0:
            while True:
                await sys.pause()
        children.append(pid)
    # After the end of the numbers comes 300, and never less: a low one is lost.
    for free in children[5], 305:
        await sys.kill(free, sys.SIGKILL)
        await sys.waitpid(free)
        try:
            pid = await sys.fork()
        except OSError as error:
            await sys.print(errno.errorcode[error.errno])
            continue
        if pid == 0:
            return 0
        await sys.waitpid(pid)
        await sys.print("again" if pid == free else pid)
    for child in children:
        if child not in (children[5], 305):
            await sys.kill(child, sys.SIGKILL)
    await reap(sys)
    return 0
