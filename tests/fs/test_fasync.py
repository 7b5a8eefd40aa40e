"""Who is told of files, leases and locks for which there is no memory: the call fails, and nothing is left behind."""

import errno
import struct

import pytest

from procession import Machine
from procession.tools.fault_inject import census, every_failure
from procession.tools.validate import validate_all

RDONLY, WRONLY, RDWR, CREAT, NONBLOCK, ASYNC = 0, 1, 2, 0o100, 0o4000, 0o20000
SETFL, SETLK, SETOWN, SETLEASE, NOTIFY = 4, 6, 8, 1024, 1026
RD, WR, UNLCK = 0, 1, 2


async def everything(sys):
    """A FIFO that tells both its ends, a lease that somebody breaks, a directory, locks that are cut in two."""
    await sys.mknod("/tmp/fifo", 0o010600, 0)
    fifo = await sys.open("/tmp/fifo", RDWR)
    await sys.fcntl(fifo, SETFL, ASYNC | NONBLOCK)
    await sys.fcntl(fifo, SETOWN, 0)
    await sys.write(fifo, b"x")
    file = await sys.open("/tmp/f", RDWR | CREAT, 0o600)
    await sys.syscall("fcntl", file, SETLK, bytearray(struct.pack("<hh4xqqi4x", WR, 0, 0, 0, 0)))
    await sys.syscall("fcntl", file, SETLK, bytearray(struct.pack("<hh4xqqi4x", UNLCK, 0, 5, 5, 0)))
    await sys.syscall("flock", file, 1)
    await sys.close(file)
    lease = await sys.open("/tmp/f", RDONLY)
    await sys.fcntl(lease, SETLEASE, RD)
    await sys.fcntl(lease, SETLEASE, RD)
    try:
        await sys.open("/tmp/f", WRONLY | NONBLOCK)
    except OSError as error:
        await sys.print("told" if error.errno == errno.EAGAIN else errno.errorcode[error.errno])
    directory = await sys.open("/tmp", RDONLY)
    await sys.fcntl(directory, NOTIFY, 0x8000003F)
    await sys.fcntl(directory, NOTIFY, 0x8000003F)


def test_nothing_is_left():
    machine = Machine(check=True)

    async def main(sys):
        await sys.signal(29, 1)
        await everything(sys)

    assert machine.run(main).output == "told\n"
    machine.check_baseline()
    assert validate_all(machine) == []
    assert not machine.kernel.vfs.nr_fsnotify_marks


def test_nobody_pays_who_asks_for_nothing():
    """No list, no owner, no lock of a file is made before somebody asks, and reads look for no mandatory ones."""
    async def main(sys):
        r, w = await sys.pipe()
        await sys.write(w, b"x")
        await sys.read(r, 1)

    machine = Machine()
    machine.run(main)
    k = machine.kernel
    assert [k.caches[name].nr_allocs for name in ("fasync_cache", "file_lock_cache")] == [0, 0]
    assert (k.vfs.mandlock, k.vfs.dnotify_group) == (False, None)


def left(kernel):
    """What a run has left; caches are made when they are first needed, and may be empty."""
    found = census(kernel)
    return {**found, "caches": {name: n for name, n in found["caches"].items() if n}}


@pytest.mark.parametrize(("call", "at", "lost"), [
    ("fcntl", 1, {"fasync_cache": "ENOMEM"}),
    ("fcntl", 3, {"file_lock_cache": "ENOLCK"}),
    ("fcntl", 4, {"file_lock_cache": "ENOLCK"}),
    ("flock", 1, {"file_lock_cache": "ENOMEM"}),
    ("fcntl", 5, {"file_lock_cache": "ENOMEM", "fasync_cache": "ENOMEM"}),
    ("fcntl", 6, {"file_lock_cache": "ENOMEM", "fasync_cache": "ENOMEM"}),
    ("open", 4, {"file_lock_cache": "ENOMEM", "filp": "ENFILE"}),
    ("fcntl", 7, {"dnotify_struct": "told ENOMEM", "dnotify_mark": "told ENOMEM"}),
    ("fcntl", 8, {"dnotify_struct": "told ENOMEM"}),
])
def test_without_memory(call, at, lost):
    async def main(sys):
        await sys.signal(29, 1)
        try:
            await everything(sys)
        except OSError as error:
            await sys.print(errno.errorcode[error.errno])

    reference = left(Machine().run(main).kernel)
    seen = {}
    for fault, result in every_failure(Machine, main, call, at=at, kinds=("slab",)):
        assert left(result.kernel) == reference, fault
        assert validate_all(result.kernel) == []
        seen[fault.what] = " ".join(result.output.split())
    assert seen == lost


def broken(breaks):
    """What the validators say at the end of a program after which breaks(kernel, files) was called."""
    said = []

    async def main(sys):
        await sys.signal(29, 1)
        await everything(sys)
        k = machine.kernel
        files = {file.f_path.dentry.d_name: file for _, file in k.current.files.open_files()}
        mend = breaks(k, files)
        said.extend(validate_all(k))
        mend()

    machine = Machine()
    machine.run(main)
    machine.check_baseline()
    assert validate_all(machine) == []
    return said


@pytest.mark.unchecked
def test_the_validators_notice_what_is_broken():
    def set_and_back(target, name, value):
        before = getattr(target, name)
        setattr(target, name, value)
        return lambda: setattr(target, name, before)

    def without_the_flag(k, files):
        return set_and_back(files["fifo"], "f_flags", 2)

    def nobody_told(k, files):
        return set_and_back(files["f"].inode.i_flock[0], "fl_fasync", None)

    def one_more(k, files):
        return set_and_back(k.caches["dnotify_struct"], "nr_active", 2)

    assert any("without O_ASYNC is told" in text for text in broken(without_the_flag))
    assert any("would not be told" in text for text in broken(nobody_told))
    assert broken(one_more) == ["dnotify_struct objects: 2, found 1"]
