"""Descriptor tables: dup, close-on-exec, limits, sharing and copying."""

from time import process_time

import pytest

from procession.fs import file, file_table
from procession.include.linux.fdtable import fd_isset
from procession.include.linux.resource import RLIMIT_NOFILE

from .conftest import Buffer, new_task

O_CLOEXEC, O_RDWR, O_NONBLOCK, O_APPEND = 0o2000000, 2, 0o4000, 0o2000
F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC = 0, 1, 2, 3, 4, 1030


@pytest.fixture
def three(sys):
    """Descriptors 0, 1, 2 of one file."""
    sys.write_file("/f", b"0123456789")
    assert sys.open("/f", O_RDWR, 0) == 0
    assert [sys.dup(0), sys.dup(0)] == [1, 2]
    return sys


def test_lowest_free_number_is_used(three):
    three.close(1)
    assert three.dup(0) == 1
    assert three.fcntl(0, F_DUPFD, 10) == 10
    assert three.dup(0) == 3


def test_duplicates_share_the_position(three):
    three.read(0, Buffer(bytes(4)), 4)
    assert three.lseek(2, 0, 1) == 4


def test_dup2(three, fails):
    assert three.dup2(0, 7) == 7
    assert three.dup2(0, 0) == 0
    assert three.task.files.fd[0].f_count == 4
    for args, errno in (((9, 0), "EBADF"), ((9, 9), "EBADF"), ((0, 1024), "EBADF"), ((0, -1), "EBADF")):
        with fails(errno):
            three.dup2(*args)
    with fails("EINVAL"):
        three.dup3(0, 0, 0)
    with fails("EINVAL"):
        three.dup3(0, 1, 1)
    three.dup3(0, 9, O_CLOEXEC)
    assert three.fcntl(9, F_GETFD, 0) == 1
    three.dup2(0, 9)
    assert three.fcntl(9, F_GETFD, 0) == 0


def test_dup2_closes_what_was_there(three):
    fd = three.open("/f", 0, 0)
    before = three.k.vfs.nr_files
    three.dup2(0, fd)
    assert three.k.vfs.nr_files == before - 1


def test_close_frees_the_file_with_its_last_descriptor(three, fails):
    count = three.k.caches["filp"].nr_active
    three.close(0)
    three.close(1)
    assert three.k.caches["filp"].nr_active == count
    three.close(2)
    assert three.k.caches["filp"].nr_active == count - 1
    with fails("EBADF"):
        three.close(2)
    with fails("EBADF"):
        three.close(-1)


def test_limit(three, fails):
    three.task.signal.rlim[RLIMIT_NOFILE] = (4, 4)
    assert three.dup(0) == 3
    with fails("EMFILE"):
        three.dup(0)
    with fails("EMFILE"):
        three.open("/f", 0, 0)
    with fails("EINVAL"):
        three.fcntl(0, F_DUPFD, 4)
    with fails("EBADF"):
        three.dup2(0, 4)


def test_flags(three, fails):
    three.fcntl(0, F_SETFD, 1)
    assert [three.fcntl(fd, F_GETFD, 0) for fd in (0, 1)] == [1, 0]
    three.fcntl(0, F_SETFL, O_NONBLOCK | O_APPEND | 1)
    assert three.fcntl(1, F_GETFL, 0) & 0o7777777 == O_RDWR | O_NONBLOCK | O_APPEND | 0o100000
    three.fcntl(0, F_SETFL, 0)
    assert not three.fcntl(1, F_GETFL, 0) & O_NONBLOCK
    assert three.fcntl(0, F_DUPFD_CLOEXEC, 5) == 5
    assert three.fcntl(5, F_GETFD, 0) == 1
    with fails("EINVAL"):
        three.fcntl(0, 99, 0)
    with fails("EBADF"):
        three.fcntl(99, 1, 0)


def test_ioctl_for_all_files(three, fails):
    FIOCLEX, FIONCLEX, FIONBIO, FIONREAD = 0x5451, 0x5450, 0x5421, 0x541B
    three.ioctl(0, FIOCLEX, 0)
    assert three.fcntl(0, F_GETFD, 0) == 1
    three.ioctl(0, FIONCLEX, 0)
    assert three.fcntl(0, F_GETFD, 0) == 0
    three.ioctl(0, FIONBIO, Buffer(b"\1\0\0\0"))
    assert three.fcntl(0, F_GETFL, 0) & O_NONBLOCK
    three.lseek(0, 4, 0)
    left = Buffer(bytes(4))
    three.ioctl(0, FIONREAD, left)
    assert left.data[0] == 6
    with fails("ENOTTY"):
        three.ioctl(0, 0x5401, Buffer(bytes(60)))


def test_do_close_on_exec(three):
    three.fcntl(1, F_SETFD, 1)
    three.fcntl(0, F_DUPFD_CLOEXEC, 100)
    file.do_close_on_exec(three.task, three.task.files)
    assert [fd for fd, f in enumerate(three.task.files.fd) if f] == [0, 2]
    assert three.dup(0) == 1


def test_copies_are_independent_tables_of_the_same_files(three):
    k, parent = three.k, three.task
    reserved = file.alloc_fd(parent)
    copy = file.dup_fd(parent, parent.files)
    assert copy.fd[0] is parent.files.fd[0]
    assert parent.files.fd[0].f_count == 6
    assert not fd_isset(reserved, copy.open_fds), "a descriptor that is just being opened is not inherited"
    child = new_task(k)
    file.reset_files_struct(child, copy)
    assert file.alloc_fd(child) == reserved
    file.exit_files(child)
    assert parent.files.fd[0].f_count == 3


def test_unshare_files(three):
    p = three.task
    assert file.unshare_files(p) is None
    p.files.count += 1
    old = file.unshare_files(p)
    assert old is not p.files
    assert (old.count, p.files.count) == (2, 1)
    file.reset_files_struct(p, old)
    assert p.files.fd[0].f_count == 3


def test_exit_closes_everything(three):
    base = three.k.caches["filp"].nr_active
    file.exit_files(three.task)
    assert three.k.caches["filp"].nr_active == base - 1
    assert three.task.files is None


def test_fd_size_grows_by_doubling(three):
    assert three.task.files.max_fds == 64
    three.dup2(0, 64)
    assert three.task.files.max_fds == 128
    three.dup2(0, 300)
    assert three.task.files.max_fds == 512


def test_a_reader_keeps_the_file_that_another_thread_closes(three):
    f = file.fget(three.task, 0)
    for fd in range(3):
        three.close(fd)
    assert f.f_count == 1
    file_table.fput(three.task, f)


def test_one_high_descriptor_costs_what_is_open(three):
    """Copying, allocating, closing and close-on-exec look at words of a bitmap, not at each number."""
    p = three.task
    p.signal.rlim[RLIMIT_NOFILE] = (1 << 20, 1 << 20)
    top = (1 << 20) - 1
    three.dup2(0, top)
    begun = process_time()
    for _ in range(3):
        copy = file.dup_fd(p, p.files)
        assert [fd for fd, _ in copy.open_files()] == [0, 1, 2, top]
        child = new_task(three.k)
        file.reset_files_struct(child, copy)
        assert file.alloc_fd(child) == 3
        file.exit_files(child)
    three.fcntl(top, F_SETFD, 1)
    file.do_close_on_exec(p, p.files)
    assert process_time() - begun < 2
    assert [fd for fd, _ in p.files.open_files()] == [0, 1, 2]
    assert len(file.dup_fd(p, p.files).fd) == 64
