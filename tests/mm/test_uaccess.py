"""User pointers: faults, edges, host buffers, other tasks."""

import pytest

from procession.include.linux.errno import Errno, LinuxError
from procession.mm import gup, mprotect, uaccess

from .conftest import fork, map_anon, touch, user_write

P = 4096


class Buffer:
    def __init__(self, n):
        self.data = bytearray(n)

    def load(self, offset, size):
        if offset + size > len(self.data):
            raise LinuxError(Errno.EFAULT, "beyond the buffer")
        return bytes(self.data[offset:offset + size])

    def store(self, offset, data):
        if offset + len(data) > len(self.data):
            raise LinuxError(Errno.EFAULT, "beyond the buffer")
        self.data[offset:offset + len(data)] = data

    def __len__(self):
        return len(self.data)


def efault(call, *args):
    with pytest.raises(LinuxError) as e:
        call(*args)
    assert e.value.errno is Errno.EFAULT


def test_bad_addresses(k, p):
    a = map_anon(p, P)
    for address in (0, 1, a - 1, a + P, a + P - 2, 0x7FFFFFFFF000, 1 << 47, 0xFFFF800000000000, (1 << 64) - 1, -5):
        efault(uaccess.get_user, p, address, 4)
        efault(uaccess.put_user, p, address, 1, 4)
    efault(uaccess.strncpy_from_user, p, 0, 10)
    p.mm, mm = None, p.mm
    efault(uaccess.get_user, p, a, 4)
    efault(uaccess.copy_to_user, p, a, b"x")
    efault(uaccess.strncpy_from_user, p, a, 9)
    p.mm = mm
    assert uaccess.copy_from_user(p, 0, 0) == b""


def test_read_only_memory(k, p):
    a = map_anon(p, P, prot=1)
    assert uaccess.get_user(p, a, 8) == 0
    efault(uaccess.put_user, p, a, 1, 8)
    mprotect.sys_mprotect(p, a, P, 0)
    efault(uaccess.get_user, p, a, 8)


def test_numbers_and_strings_across_pages(k, p):
    a = map_anon(p, 3 * P)
    uaccess.put_user(p, a + P - 3, -2, 8)
    assert uaccess.get_user(p, a + P - 3, 8, True) == -2
    assert uaccess.get_user(p, a + P - 4, 4, offset=1) == 0xFFFFFFFE
    assert uaccess.get_user(p, a + P - 3, 2) == 0xFFFE
    uaccess.copy_to_user(p, a + 2 * P - 4, b"string\0")
    assert uaccess.strncpy_from_user(p, a + 2 * P - 4, 4096) == b"string"
    with pytest.raises(LinuxError) as e:
        uaccess.strncpy_from_user(p, a + 2 * P - 4, 6)
    assert e.value.errno is Errno.ENAMETOOLONG
    uaccess.copy_to_user(p, a + 3 * P - 2, b"xy")
    efault(uaccess.strncpy_from_user, p, a + 3 * P - 2, 4096)
    uaccess.clear_user(p, a, 3 * P)
    assert uaccess.copy_from_user(p, a, 3 * P) == bytes(3 * P)
    assert p.min_flt > 0


def test_partial_copies(k, p):
    a = map_anon(p, P)
    assert uaccess.copy_to_user_partial(p, a + P - 3, b"abcdef") == 3
    assert uaccess.copy_from_user_partial(p, a + P - 3, 6) == b"abc"
    efault(uaccess.copy_from_user, p, a + P - 3, 6)


def test_host_buffers(k, p):
    b = Buffer(16)
    uaccess.put_user(p, b, 0x1234, 4, offset=4)
    assert uaccess.get_user(p, b, 2, offset=4) == 0x1234
    uaccess.copy_to_user(p, b, b"name\0")
    assert uaccess.strncpy_from_user(p, b, 4096) == b"name"
    efault(uaccess.copy_from_user, p, b, 17)
    uaccess.clear_user(p, b, 16)
    assert bytes(b.data) == bytes(16)


def test_kernel_write_breaks_cow(k, p):
    a = map_anon(p, P)
    user_write(p, a, b"old")
    child = fork(p)
    uaccess.copy_to_user(child, a, b"new")
    assert uaccess.copy_from_user(p, a, 3) == b"old"


def test_tracer_writes_read_only_pages_privately(k, p):
    a = map_anon(p, P)
    user_write(p, a, b"code")
    mprotect.sys_mprotect(p, a, P, 5)
    child = fork(p)
    assert gup.access_process_vm(child, a, 1, b"\xcc") == 1
    assert gup.access_process_vm(child, a, 1, b"\xcd") == 1
    assert gup.access_process_vm(child, a, 4) == b"\xcdode"
    assert gup.access_process_vm(p, a, 4) == b"code"
    assert gup.access_process_vm(p, a + P - 1, 4) == b"\0"
    mprotect.sys_mprotect(p, a, P, 0)
    assert gup.access_process_vm(p, a, 4) == b"code"
    efault(uaccess.get_user, p, a, 4)


def test_peek_changes_nothing(k, p):
    a = map_anon(p, 2 * P)
    assert gup.peek(k, p.mm, a, 4) is None
    user_write(p, a, b"x")
    assert gup.peek(k, p.mm, a, 2) == b"x\0"
    assert gup.peek(k, p.mm, a + P - 1, 2) is None
    assert p.mm.rss_anon == 1
    assert touch(p, a) == ord("x")
