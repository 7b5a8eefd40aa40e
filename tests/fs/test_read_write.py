"""Contents: positions, holes, vectors, sendfile, limits."""

import pytest

from procession.include.linux.resource import RLIMIT_FSIZE

from .conftest import Buffer

RDWR, CREAT = 2, 0o100


@pytest.fixture
def f(sys):
    sys.fd = sys.open("/f", RDWR | CREAT, 0o644)
    sys.write(sys.fd, Buffer(b"0123456789"), 10)
    return sys


def test_lseek(f, fails):
    assert f.lseek(f.fd, 3, 0) == 3
    assert f.lseek(f.fd, 4, 1) == 7
    assert f.lseek(f.fd, -1, 2) == 9
    assert f.lseek(f.fd, 5, 3) == 5
    assert f.lseek(f.fd, 5, 4) == 10
    assert f.lseek(f.fd, 100, 0) == 100
    assert f.read(f.fd, Buffer(bytes(4)), 4) == 0
    for args, errno in (((-1, 0), "EINVAL"), ((0, 5), "EINVAL"), ((10, 3), "ENXIO")):
        with fails(errno):
            f.lseek(f.fd, *args)


def test_pread_and_pwrite_leave_the_position(f, fails):
    buf = Buffer(bytes(4))
    assert f.pread64(f.fd, buf, 4, 2) == 4
    assert buf.data == b"2345"
    assert f.pwrite64(f.fd, Buffer(b"ab"), 2, 0) == 2
    assert f.lseek(f.fd, 0, 1) == 10
    assert f.read_file("/f") == b"ab23456789"
    with fails("EINVAL"):
        f.pread64(f.fd, buf, 4, -1)


def test_holes_read_as_zeros_and_take_no_room(f):
    f.pwrite64(f.fd, Buffer(b"end"), 3, 1 << 30)
    st = f.stat_of("/f")
    assert st.size == (1 << 30) + 3
    assert st.blocks == 16
    buf = Buffer(bytes(8))
    f.pread64(f.fd, buf, 8, 1 << 20)
    assert buf.data == bytes(8)


def test_open_modes(f, fails):
    reader, writer = f.open("/f", 0, 0), f.open("/f", 1, 0)
    with fails("EBADF"):
        f.write(reader, Buffer(b"x"), 1)
    with fails("EBADF"):
        f.read(writer, Buffer(b"x"), 1)
    with fails("EBADF"):
        f.read(99, Buffer(b"x"), 1)
    with fails("EISDIR"):
        f.read(f.open("/", 0o200000, 0), Buffer(b"x"), 1)
    with fails("EFAULT"):
        f.read(reader, Buffer(b"x"), 1 << 63)


def test_file_size_limit(f, fails):
    f.task.signal.rlim[RLIMIT_FSIZE] = (12, 12)
    f.task.sighand = None
    assert f.write(f.fd, Buffer(b"abcd"), 4) == 2


def test_sendfile(f, fails):
    out = f.open("/out", RDWR | CREAT, 0o644)
    f.lseek(f.fd, 2, 0)
    assert f.sendfile(out, f.fd, 0, 100) == 8
    assert f.read_file("/out") == b"23456789"
    assert f.lseek(f.fd, 0, 1) == 10
    offset = Buffer((5).to_bytes(8, "little"))
    assert f.sendfile(out, f.fd, offset, 3) == 3
    assert offset.data[0] == 8
    assert f.lseek(f.fd, 0, 1) == 10
    append = f.open("/out", 0o2001, 0)
    assert f.sendfile(append, f.fd, 0, 1) == 0  # the end of the file comes first
    with fails("EINVAL"):
        f.sendfile(append, f.fd, offset, 1)
    with fails("EINVAL"):
        f.sendfile(out, f.open("/dev/zero", 0, 0), 0, 1)


def test_iovec_errors(f, fails):
    with fails("EINVAL"):
        f.writev(f.fd, Buffer(b""), 1025)
    assert f.writev(f.fd, Buffer(b""), 0) == 0
    with fails("EINVAL"):
        f.writev(f.fd, Buffer((0).to_bytes(8, "little") + b"\xff" * 8), 1)
    with fails("EFAULT"):
        f.writev(f.fd, Buffer((1 << 62).to_bytes(8, "little") + (8).to_bytes(8, "little")), 1)


def test_getdents_with_a_small_buffer(f, fails):
    fd = f.open("/", 0o200000, 0)
    with fails("EINVAL"):
        f.getdents64(fd, Buffer(bytes(16)), 16)
    with fails("ENOTDIR"):
        f.getdents64(f.fd, Buffer(bytes(64)), 64)
    buf = Buffer(bytes(24))
    assert f.getdents64(fd, buf, 24) == 24
    assert buf.data[19:21] == b".\0"
    assert f.getdents(fd, buf, 24) == 24
    assert (buf.data[18:21], buf.data[23]) == (b"..\0", 4)


def test_removing_while_listing_shows_every_name_once(sys):
    for n in range(50):
        sys.write_file(f"/tmp/{n}", b"")
    fd = sys.open("/tmp", 0o200000, 0)
    seen = []
    while True:
        buf = Buffer(bytes(128))
        n = sys.getdents64(fd, buf, 128)
        if not n:
            break
        at = 0
        while at < n:
            length = buf.data[at + 16]
            name = bytes(buf.data[at + 19:at + length]).split(b"\0")[0].decode()
            if name not in (".", ".."):
                sys.unlink("/tmp/" + name)
                seen.append(name)
            at += length
    assert sorted(seen, key=int) == [str(n) for n in range(50)]
    sys.lseek(fd, 0, 0)
    assert sys.listdir("/tmp") == [".", ".."]


def test_memory_comes_back(sys):
    def used():
        return sys.k.mm.next_fresh - len(sys.k.mm.free_list)

    sys.write_file("/warm", bytes(1 << 20))
    sys.unlink("/warm")
    before = used()
    sys.write_file("/big", bytes(1 << 20))
    assert used() == before + 256
    sys.truncate("/big", 4097)
    assert used() == before + 2
    sys.unlink("/big")
    assert used() == before
