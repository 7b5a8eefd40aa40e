"""Areas: merging, splitting, placing, growing, limits."""

import pytest

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import STACK_TOP_MAX, TASK_SIZE, VM_GROWSDOWN, VM_LOCKED, VmArea
from procession.mm import gup, madvise, mincore, mlock, mmap, mprotect, mremap, msync, uaccess

from .conftest import check, fork, make_file, map_anon, map_file, open_again, touch, user_write

P = 4096


def fails(errno, call, *args):
    with pytest.raises(LinuxError) as e:
        call(*args)
    assert e.value.errno is errno


def layout(p, base=0):
    return [(v.vm_start - base >> 12, v.vm_end - base >> 12, v.vm_flags & 7) for v in p.mm.mmap]


def test_top_down_and_merge(k, p):
    a = map_anon(p, 2 * P)
    b = map_anon(p, P)
    assert a == p.mm.mmap_base - 2 * P
    assert b == a - P
    assert layout(p, b) == [(0, 3, 3)]


def test_hole_in_the_middle_splits_and_refilling_merges(k, p):
    a = map_anon(p, 10 * P)
    user_write(p, a, b"1")
    mmap.sys_munmap(p, a + 3 * P, 2 * P)
    assert layout(p, a) == [(0, 3, 3), (5, 10, 3)]
    assert map_anon(p, 2 * P) == a + 3 * P
    assert layout(p, a) == [(0, 10, 3)]
    assert p.mm.mmap[0].anon_vma


def test_mprotect_splits_and_merges_in_all_places(k, p):
    a = map_anon(p, 10 * P)
    user_write(p, a + 4 * P, b"x")
    mprotect.sys_mprotect(p, a + 4 * P, 2 * P, 1)
    assert layout(p, a) == [(0, 4, 3), (4, 6, 1), (6, 10, 3)]
    mprotect.sys_mprotect(p, a + 3 * P, 2 * P, 1)
    assert layout(p, a) == [(0, 3, 3), (3, 6, 1), (6, 10, 3)]
    mprotect.sys_mprotect(p, a + 5 * P, 2 * P, 1)
    assert layout(p, a) == [(0, 3, 3), (3, 7, 1), (7, 10, 3)]
    check(k)
    mprotect.sys_mprotect(p, a, 3 * P, 1)
    assert layout(p, a) == [(0, 7, 1), (7, 10, 3)]
    mprotect.sys_mprotect(p, a, 10 * P, 0)
    assert layout(p, a) == [(0, 10, 0)]
    check(k)
    fails(Errno.EFAULT, uaccess.get_user, p, a + 4 * P, 4)
    mprotect.sys_mprotect(p, a, 10 * P, 3)
    assert uaccess.copy_from_user(p, a + 4 * P, 1) == b"x"
    assert k.mm.vm_committed == 10


def test_file_areas_merge_only_if_contiguous(k, p):
    f = make_file(k, bytes(8 * P))
    a = map_file(p, f, 0x10000000, 2 * P, 1, 0x12, 0)
    map_file(p, f, a + 2 * P, 2 * P, 1, 0x12, 2)
    assert layout(p, a) == [(0, 4, 1)]
    map_file(p, f, a + 4 * P, 2 * P, 1, 0x12, 7)
    assert layout(p, a) == [(0, 4, 1), (4, 6, 1)]
    assert f.f_count == 3
    mmap.sys_munmap(p, a, 6 * P)
    assert f.f_count == 1
    assert not f.inode.i_mmap


def test_mmap_errors(k, p):
    fails(Errno.EINVAL, map_anon, p, 0)
    fails(Errno.EINVAL, mmap.sys_mmap, p, 0, P, 3, 0x22, -1, 1)
    fails(Errno.EINVAL, mmap.sys_mmap, p, 0, P, 3, 0x20, -1, 0)
    fails(Errno.EINVAL, mmap.sys_mmap, p, 0x1001, P, 3, 0x32, -1, 0)
    fails(Errno.ENOMEM, map_anon, p, 1 << 62)
    fails(Errno.ENOMEM, map_anon, p, (1 << 64) - 1)
    fails(Errno.ENOMEM, mmap.sys_mmap, p, TASK_SIZE - P, 2 * P, 3, 0x32, -1, 0)
    fails(Errno.ENOMEM, map_anon, p, 64 << 20)      # an obvious overcommit: 8 MiB machine
    assert map_anon(p, 64 << 20, flags=0x4022)      # MAP_NORESERVE
    r = make_file(k, b"x", mode=1, flags=0)
    fails(Errno.EACCES, map_file, p, r, 0, P, 3, 1, 0)
    a = map_file(p, r, 0, P, 1, 1, 0)
    fails(Errno.EACCES, mprotect.sys_mprotect, p, a, P, 3)
    w = open_again(k, r.inode, mode=2, flags=1)
    fails(Errno.EACCES, map_file, p, w, 0, P, 1, 2, 0)
    p.signal.rlim[9] = (p.mm.total_vm * P + 2 * P, 1 << 62)
    fails(Errno.ENOMEM, map_anon, p, 3 * P)
    map_anon(p, 2 * P)


def test_munmap_errors(k, p):
    fails(Errno.EINVAL, mmap.sys_munmap, p, 1, P)
    fails(Errno.EINVAL, mmap.sys_munmap, p, P, 0)
    fails(Errno.EINVAL, mmap.sys_munmap, p, 0, (1 << 64) - P)
    assert mmap.sys_munmap(p, 0x100000, P) == 0


def test_fixed_mapping_replaces(k, p):
    a = map_anon(p, 4 * P)
    user_write(p, a + P, b"gone")
    assert map_anon(p, P, 1, 0x32, a + P) == a + P
    assert touch(p, a + P) == 0
    assert layout(p, a) == [(0, 1, 3), (1, 2, 1), (2, 4, 3)]


def test_sigbus_beyond_the_end_and_truncation(k, p):
    from procession.mm import filemap  # noqa: PLC0415
    f = make_file(k, b"y" * (3 * P))
    a = map_file(p, f, 0, 4 * P, 3, 1, 0)
    assert touch(p, a + 2 * P) == ord("y")
    with pytest.raises(AssertionError, match="2"):
        touch(p, a + 3 * P)
    fails(Errno.EFAULT, uaccess.get_user, p, a + 3 * P, 1)
    q = fork(p)
    touch(q, a + 2 * P, True, 1)
    filemap.truncate_setsize(k, f.inode, P + 100)
    with pytest.raises(AssertionError, match="2"):
        touch(q, a + 2 * P)
    assert touch(p, a + P + 99) == ord("y")
    assert touch(p, a + P + 100) == 0
    check(k)


def test_shared_file_mapping_and_write_see_each_other(k, p):
    from procession.mm import filemap  # noqa: PLC0415
    f = make_file(k, b"hello world")
    a = map_file(p, f, 0, P, 3, 1, 0)
    user_write(p, a, b"HELLO")
    assert filemap.pagecache_read(k, f.inode, 0, 100) == b"HELLO world"
    buf = map_anon(p, P)
    uaccess.copy_to_user(p, buf, b"there")
    assert filemap.generic_file_write(p, f, buf, 5, 6) == 5
    assert uaccess.copy_from_user(p, a, 12) == b"HELLO there\0"
    f.f_pos = 4
    assert filemap.generic_file_read(p, f, buf, 100, None) == 7
    assert f.f_pos == 11
    assert uaccess.copy_from_user(p, buf, 7) == b"O there"


def test_brk(k, p):
    mm = p.mm
    mm.start_brk = mm.brk = 0x10000800
    assert mmap.sys_brk(p, 0) == 0x10000800
    assert mmap.sys_brk(p, 0x10003000) == 0x10003000
    user_write(p, 0x10002FFF, b"x")
    assert mmap.sys_brk(p, 0x10001000) == 0x10001000
    assert mm.mmap == []
    map_anon(p, P, addr=0x10005000, flags=0x32)
    assert mmap.sys_brk(p, 0x10004001) == 0x10001000       # keeps a page free below
    assert mmap.sys_brk(p, 0x10003001) == 0x10003001
    p.signal.rlim[2] = (P * 4, P * 4)
    assert mmap.sys_brk(p, 0x10003FFF) == 0x10003FFF
    p.signal.rlim[2] = (P, P)
    assert mmap.sys_brk(p, 0x10003FF0) == 0x10003FFF


def stack(k, p, pages=1):
    vma = VmArea(p.mm, STACK_TOP_MAX - pages * P, STACK_TOP_MAX, 0x100173 | VM_GROWSDOWN)
    mmap.insert_vm_struct(p, p.mm, vma)
    p.mm.stack_vm = p.mm.total_vm = pages
    return vma


def test_stack_grows_to_its_limit(k, p):
    vma = stack(k, p, 2)
    p.signal.rlim[3] = (16 * P, 16 * P)
    uaccess.put_user(p, STACK_TOP_MAX - 10 * P, 1, 8)
    # The touched page was the lowest: one more is kept below it.
    assert vma.vm_start == STACK_TOP_MAX - 11 * P
    uaccess.put_user(p, STACK_TOP_MAX - 15 * P, 1, 8)
    uaccess.put_user(p, STACK_TOP_MAX - 16 * P, 1, 8)
    fails(Errno.EFAULT, uaccess.put_user, p, STACK_TOP_MAX - 17 * P, 1, 8)
    assert p.mm.stack_vm == 16


def test_stack_does_not_run_into_its_neighbour(k, p):
    vma = stack(k, p, 2)
    map_anon(p, P, addr=STACK_TOP_MAX - 4 * P, flags=0x32)
    uaccess.put_user(p, STACK_TOP_MAX - 2 * P, 1, 8)
    assert vma.vm_start == STACK_TOP_MAX - 3 * P
    fails(Errno.EFAULT, uaccess.put_user, p, STACK_TOP_MAX - 3 * P, 1, 8)


def test_remote_write_builds_a_stack(k, p):
    stack(k, p)
    gup.write_remote_vm(k, p.mm, STACK_TOP_MAX - 9000, b"a" * 9000)
    assert uaccess.copy_from_user(p, STACK_TOP_MAX - 9000, 9000) == b"a" * 9000


def test_mremap_grows_in_place_moves_and_shrinks(k, p):
    a = map_anon(p, 4 * P, addr=0x10000000, flags=0x32)
    for i in range(4):
        user_write(p, a + i * P, bytes([65 + i]))
    assert mremap.sys_mremap(p, a, 4 * P, 6 * P, 0, 0) == a
    assert k.mm.vm_committed == 6
    map_anon(p, P, 1, 0x32, a + 6 * P)
    fails(Errno.ENOMEM, mremap.sys_mremap, p, a, 6 * P, 8 * P, 0, 0)
    assert k.mm.vm_committed == 6
    b = mremap.sys_mremap(p, a, 6 * P, 8 * P, 1, 0)
    assert b != a
    assert uaccess.copy_from_user(p, b + 3 * P, 1) == b"D"
    assert k.mm.vm_committed == 8
    fails(Errno.EFAULT, uaccess.get_user, p, a, 1)
    check(k)
    assert mremap.sys_mremap(p, b, 8 * P, 2 * P, 0, 0) == b
    assert k.mm.vm_committed == 2
    c = mremap.sys_mremap(p, b, 2 * P, 3 * P, 3, 0x20000000)
    assert c == 0x20000000
    assert uaccess.copy_from_user(p, c + P, 1) == b"B"
    fails(Errno.EINVAL, mremap.sys_mremap, p, c, P, P, 3, c)
    fails(Errno.EINVAL, mremap.sys_mremap, p, c, P, P, 2, c)
    fails(Errno.EINVAL, mremap.sys_mremap, p, c, P, 0, 0, 0)
    fails(Errno.EFAULT, mremap.sys_mremap, p, c + 100 * P, P, 2 * P, 0, 0)


def test_mremap_of_the_middle(k, p):
    a = map_anon(p, 6 * P)
    for i in range(6):
        user_write(p, a + i * P, bytes([i]))
    b = mremap.sys_mremap(p, a + 2 * P, 2 * P, 4 * P, 1, 0)
    assert [touch(p, b + i * P) for i in range(4)] == [2, 3, 0, 0]
    assert [touch(p, a + i * P) for i in (0, 1, 4, 5)] == [0, 1, 4, 5]
    assert k.mm.vm_committed == 8
    check(k)


def test_madvise(k, p):
    a = map_anon(p, 4 * P)
    user_write(p, a, b"x")
    assert madvise.sys_madvise(p, a, P, 4) == 0
    assert touch(p, a) == 0
    madvise.sys_madvise(p, a + P, P, 10)
    child = fork(p)
    assert layout(child, a) == [(0, 1, 3), (2, 4, 3)]
    assert child.mm.total_vm == 3
    madvise.sys_madvise(p, a + P, P, 11)
    assert layout(p, a) == [(0, 4, 3)]
    fails(Errno.EINVAL, madvise.sys_madvise, p, a, P, 8)
    fails(Errno.ENOMEM, madvise.sys_madvise, p, a - P, 2 * P, 4)
    fails(Errno.EBADF, madvise.sys_madvise, p, a, P, 3)
    s = map_anon(p, 2 * P, flags=0x21)
    user_write(p, s, b"y")
    madvise.sys_madvise(p, s, P, 9)
    assert touch(p, s) == 0


def test_mincore_msync_mlock(k, p):
    a = map_anon(p, 4 * P)
    vec = map_anon(p, P, addr=0x10000000, flags=0x32)
    touch(p, a + P, True)
    mincore.sys_mincore(p, a, 4 * P, vec)
    assert uaccess.copy_from_user(p, vec, 4) == b"\0\1\0\0"
    fails(Errno.ENOMEM, mincore.sys_mincore, p, a - P, 4 * P, vec)
    mlock.sys_mlock(p, a + 10, 2 * P)
    assert p.mm.locked_vm == 3
    assert layout(p, a)[-2:] == [(0, 3, 3), (3, 4, 3)]
    fails(Errno.EBUSY, msync.sys_msync, p, a, P, 2)
    child = fork(p)
    assert child.mm.locked_vm == 0
    assert not any(v.vm_flags & VM_LOCKED for v in child.mm.mmap)
    mlock.sys_munlock(p, a, 4 * P)
    assert p.mm.locked_vm == 0
    assert layout(p, a)[-1] == (0, 4, 3)
    p.cred.cap_effective = 0
    fails(Errno.ENOMEM, mlock.sys_mlock, p, a, 17 * P)
    fails(Errno.ENOMEM, mlock.sys_mlock, p, a, 5 * P)
    mlock.sys_munlockall(p)
    mlock.sys_mlockall(p, 3)
    assert p.mm.locked_vm == p.mm.total_vm
    mlock.sys_munlockall(p)
    fails(Errno.EINVAL, mlock.sys_mlockall, p, 8)
    p.signal.rlim[8] = (0, 0)
    fails(Errno.EPERM, mlock.sys_mlock, p, a, P)
