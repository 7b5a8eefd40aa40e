"""Copy-on-write, and what the counts of struct page say about it (spec 16)."""

import pytest

from procession.arch.x86 import pgtable
from procession.hw.memory import PG_EXEC
from procession.include.linux.errno import Errno, LinuxError
from procession.mm import memory, mmap, mprotect, page_alloc, text, uaccess

from .conftest import check, exit_mm, fault, fork, make_file, map_anon, map_file, touch, user_write


def pfn(p, address):
    return memory.follow_page(p.kernel, p.mm, address)


def writable(p, address):
    return memory.follow_page(p.kernel, p.mm, address, True) >= 0


def test_read_of_untouched_memory_maps_the_zero_page(k, p):
    a = map_anon(p, 8192)
    assert touch(p, a) == 0
    assert pfn(p, a) == k.mm.zero_pfn
    assert (p.mm.rss_anon, k.frames.mapcount[k.mm.zero_pfn]) == (0, 0)
    touch(p, a, True, 7)
    assert pfn(p, a) != k.mm.zero_pfn
    assert p.mm.rss_anon == 1


def test_child_writes_first(k, p):
    a = map_anon(p, 4096)
    user_write(p, a, b"old")
    frame = pfn(p, a)
    child = fork(p)
    assert pfn(child, a) == frame
    assert (k.frames.mapcount[frame], k.frames.count[frame]) == (2, 2)
    assert not writable(p, a)
    assert not writable(child, a)
    check(k)

    user_write(child, a, b"new")
    assert uaccess.copy_from_user(p, a, 3) == b"old"
    assert uaccess.copy_from_user(child, a, 3) == b"new"
    assert pfn(p, a) == frame
    # The parent's entry stays read-only until it faults itself; then the page is used again, not copied.
    assert not writable(p, a)
    check(k)
    touch(p, a, True)
    assert pfn(p, a) == frame
    assert writable(p, a)


def test_parent_writes_first(k, p):
    a = map_anon(p, 4096)
    user_write(p, a, b"old")
    frame = pfn(p, a)
    child = fork(p)
    user_write(p, a, b"new")
    assert pfn(p, a) != frame
    assert uaccess.copy_from_user(child, a, 3) == b"old"
    user_write(child, a, b"own")
    assert pfn(child, a) == frame
    assert uaccess.copy_from_user(p, a, 3) == b"new"


def test_child_exit_leaves_the_page_to_the_parent(k, p):
    a = map_anon(p, 4096)
    user_write(p, a, b"x")
    frame = pfn(p, a)
    exit_mm(fork(p))
    assert k.frames.mapcount[frame] == 1
    touch(p, a, True)
    assert pfn(p, a) == frame


def test_fork_without_anon_vma_copies_nothing(k, p):
    f = make_file(k, b"text" * 2000)
    a = map_file(p, f, 0, 8192, 5, 2, 0)
    touch(p, a)
    child = fork(p)
    assert pfn(p, a) >= 0
    assert child.mm.pgd == 0
    assert touch(child, a) == ord("t")


def test_read_only_private_area_is_cow_too(k, p):
    a = map_anon(p, 4096)
    user_write(p, a, b"x")
    mprotect.sys_mprotect(p, a, 4096, 1)
    child = fork(p)
    mprotect.sys_mprotect(child, a, 4096, 3)
    user_write(child, a, b"y")
    assert uaccess.copy_from_user(p, a, 1) == b"x"


def test_shared_memory_is_not_write_protected(k, p):
    a = map_anon(p, 8192, flags=0x21)
    user_write(p, a, b"before")
    child = fork(p)
    assert writable(p, a)
    user_write(child, a, b"child!")
    assert uaccess.copy_from_user(p, a, 6) == b"child!"
    user_write(p, a + 4096, b"later")
    assert uaccess.copy_from_user(child, a + 4096, 5) == b"later"


def test_many_pages_take_the_vector_path(k, p):
    a = map_anon(p, 600 * 4096)
    for i in range(0, 600, 2):
        user_write(p, a + i * 4096, bytes([i & 255]))
    touch(p, a + 4096)
    child = fork(p)
    check(k)
    assert child.mm.rss_anon == 300
    for i in range(0, 600, 4):
        user_write(child, a + i * 4096, b"\xee")
    check(k)
    assert all(touch(p, a + i * 4096) == i & 255 for i in range(0, 600, 2))
    exit_mm(child)
    check(k)
    mmap.sys_munmap(p, a, 300 * 4096)
    check(k)


def test_fork_fork_fork(k, p):
    a = map_anon(p, 3 * 4096)
    user_write(p, a, b"0")
    frame = pfn(p, a)
    children = [fork(p) for _ in range(4)]
    assert k.frames.mapcount[frame] == 5
    for i, c in enumerate(children):
        user_write(c, a, bytes([i]))
    assert k.frames.mapcount[frame] == 1
    assert [touch(c, a) for c in children] == [0, 1, 2, 3]


def test_private_file_page_is_copied_on_write(k, p):
    f = make_file(k, b"A" * 5000)
    a = map_file(p, f, 0, 8192, 3, 2, 0)
    touch(p, a)
    assert p.mm.rss_file == 1
    user_write(p, a, b"B")
    assert (p.mm.rss_anon, p.mm.rss_file) == (1, 0)
    user_write(p, a + 4096, b"C")       # never read before: copied at once
    assert touch(p, a + 4097) == ord("A")
    assert touch(p, a + 5000) == 0
    assert uaccess.copy_from_user(p, a, 2) == b"BA"
    assert k.frames.phys[(f.inode.mapping[0] << 12)] == ord("A")
    child = fork(p)
    assert touch(child, a) == ord("B")


def test_out_of_memory_in_a_fault(k, p):
    a = map_anon(p, 4096)
    touch(p, a)
    taken = [page_alloc.alloc_page(k) for _ in range(page_alloc.nr_free_pages(k))]
    p.flags = 4     # dying: nobody is killed for it
    vma = mmap.find_vma(p.mm, a)
    with pytest.MonkeyPatch.context() as m:
        m.setattr("procession.mm.oom_kill.out_of_memory", lambda _k, _gfp_mask: None)
        assert fault(p, vma, a, True) == memory.VM_FAULT_OOM
        with pytest.raises(LinuxError) as e:
            uaccess.put_user(p, a, 1, 4)
        assert e.value.errno is Errno.EFAULT
        with pytest.raises(LinuxError) as e:
            fork_in_no_memory(p)
        assert e.value.errno is Errno.ENOMEM
    for frame in taken:
        page_alloc.put_page(k, frame)


def fork_in_no_memory(p):
    mmap.find_vma(p.mm, p.mm.mmap[0].vm_start).anon_vma = True
    fork(p)


def test_executable_pages_are_remembered(k, p):
    a = map_anon(p, 4096, prot=7)
    user_write(p, a, b"\xc3")
    frame = pfn(p, a)
    assert not k.frames.pflags[frame] & PG_EXEC
    assert text.allow_exec(k, p.mm, mmap.find_vma(p.mm, a), a)
    assert k.frames.pflags[frame] & PG_EXEC
    check(k)
    uaccess.copy_to_user(p, a, b"\x90")
    assert not k.frames.pflags[frame] & PG_EXEC
    assert k.x86.tb_dirty_pages == [frame]
    check(k)
    assert text.allow_exec(k, p.mm, mmap.find_vma(p.mm, a), a)
    mmap.sys_munmap(p, a, 4096)
    assert k.x86.tb_dirty_pages == [frame, frame]
    assert not k.frames.pflags[frame]


def test_a_frame_is_executable_or_writable_for_everybody(k, p):
    file = make_file(k, bytes(8192))
    views = [map_file(p, file, 0, 8192, prot, 1, 0) for prot in (3, 5)]
    q = fork(p)
    for task in (p, q):
        touch(task, views[0] + 4096, write=True)
        touch(task, views[1] + 4096)
    executable = mmap.find_vma(q.mm, views[1])
    assert text.allow_exec(k, q.mm, executable, views[1] + 4096)
    assert not any(pgtable.walk(k, task.mm, views[0] + 4096) & 2 for task in (p, q))
    check(k)
    touch(p, views[0] + 4096, write=True)
    assert pgtable.walk(k, q.mm, views[1] + 4096) >> 63
    check(k)


def test_what_no_engine_translates_is_an_exit(k, p):
    a = map_anon(p, 3 * 4096, prot=7)
    vma = mmap.find_vma(p.mm, a)
    inside, across = a + 4096 + 100, a + 8190
    user_write(p, inside - 1, bytes.fromhex("66f00fabc0"))
    user_write(p, across, bytes.fromhex("f048 0fbae8"))
    user_write(p, a, b"\xc3")
    for page in range(3):
        assert text.allow_exec(k, p.mm, vma, a + 4096 * page)
    assert text.exits(k, p.mm) == (inside - 1, inside, across)
    user_write(p, a + 8192, b"\x90")            # the next page is not executable any more, and its neighbour is
    assert text.exits(k, p.mm) == (inside - 1, inside, across)
    assert text.allow_exec(k, p.mm, vma, a + 8192)
    assert text.exits(k, p.mm) == (inside - 1, inside)
    user_write(p, a + 8192, b"\x0f")
    assert text.allow_exec(k, p.mm, vma, a + 8192)
    assert text.exits(k, p.mm) == (inside - 1, inside, across)
    assert text.exits(k, fork(p).mm) == (inside - 1, inside, across)
    user_write(p, inside, b"\x90")
    assert text.exits(k, p.mm) == ()
    assert text.allow_exec(k, p.mm, vma, a + 4096)
    assert text.exits(k, p.mm) == (across,)
    mmap.sys_munmap(p, a + 4096, 4096)
    assert text.exits(k, p.mm) == ()
    check(k)


def test_a_page_that_has_to_be_executed_one_instruction_at_a_time(k, p):
    """One that begins with it, or is full of it."""
    a = map_anon(p, 4096, prot=7)
    vma = mmap.find_vma(p.mm, a)
    user_write(p, a, bytes.fromhex("f00fabc0"))
    assert not text.allow_exec(k, p.mm, vma, a)
    user_write(p, a, b"\x90" + bytes.fromhex("f00fabc0") * 65)
    assert not text.allow_exec(k, p.mm, vma, a)
    user_write(p, a + 1, b"\x90")
    assert text.allow_exec(k, p.mm, vma, a)
    assert len(text.exits(k, p.mm)) == 64


def test_flush_is_asked_for(k, p):
    a = map_anon(p, 4096)
    touch(p, a, True)
    for action in (
        lambda: fork(p),
        lambda: touch(p, a, True),
        lambda: mprotect.sys_mprotect(p, a, 4096, 1),
        lambda: mmap.sys_munmap(p, a, 4096),
    ):
        before = k.x86.tlb_gen
        action()
        assert k.x86.tlb_gen > before


def test_unmapping_the_zero_page_asks_for_a_flush(k, p):
    """It is not counted as resident, but the CPU remembers it all the same."""
    a = map_anon(p, 4096)
    touch(p, a, False)
    before = k.x86.tlb_gen
    mmap.sys_munmap(p, a, 4096)
    assert k.x86.tlb_gen > before
