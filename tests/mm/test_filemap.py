"""The page cache and the allocator below it."""

import pytest

from procession.hw.memory import PG_DIRTY
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fault_inject import FaultAttr
from procession.include.linux.sched import EXIT_NONE, TIF_MEMDIE
from procession.mm import filemap, gup, madvise, memory, mmap, oom_kill, page_alloc, process_vm_access, slab, uaccess

from .conftest import MemInode, fault, fork, make_file, map_anon, map_file, open_again, touch, user_write

P = 4096


def test_pages_are_read_once_and_shared_by_everybody(k, p):
    f = make_file(k, bytes(range(256)) * 40)
    reads = []
    f.inode.readpage = lambda i: reads.append(i) or MemInode.readpage(f.inode, i)
    a = map_file(p, f, 0, 3 * P, 1, 2, 0)
    b = map_file(p, f, 0, 3 * P, 1, 1, 0)
    q = fork(p)
    for t, at in ((p, a), (p, b), (q, a), (q, b)):
        assert touch(t, at + 5) == 5
    assert filemap.pagecache_read(k, f.inode, 3, 4) == b"\3\4\5\6"
    assert reads == [0]
    frame = f.inode.mapping[0]
    assert k.frames.mapcount[frame] == 4
    assert k.frames.count[frame] == 5
    assert (p.maj_flt, p.min_flt) == (0, 0)     # touch() is the CPU; counting is do_page_fault's
    assert fault(p, mmap.find_vma(p.mm, a), a + P, False) == memory.VM_FAULT_MAJOR
    assert fault(q, mmap.find_vma(q.mm, a), a + P, False) == 0


def test_read_write_across_pages_and_holes(k, p):
    f = make_file(k)
    assert filemap.pagecache_write(k, f.inode, 2 * P - 3, b"abcdef") == 6
    assert f.inode.i_size == 2 * P + 3
    assert filemap.pagecache_read(k, f.inode, 0, 99999) == bytes(2 * P - 3) + b"abcdef"
    assert filemap.pagecache_read(k, f.inode, 2 * P + 3, 1) == b""
    big = bytes(range(256)) * 64
    assert filemap.pagecache_write(k, f.inode, 0, big) == len(big)
    assert filemap.pagecache_read(k, f.inode, 4000, 5000) == big[4000:9000]


def test_write_keeps_what_the_store_has_around_it(k, p):
    f = make_file(k, b"0123456789" * 1000)
    filemap.pagecache_write(k, f.inode, 5000, b"XY")
    data = filemap.pagecache_read(k, f.inode, 0, 10000)
    assert data[:5000] == (b"0123456789" * 500)
    assert data[4998:5004] == b"89XY23"


def test_generic_write_append_limits_and_suid(k, p):
    f = make_file(k, b"begin", flags=0o2001)
    f.inode.i_mode |= 0o4000
    a = map_anon(p, P)
    uaccess.copy_to_user(p, a, b"--end")
    assert filemap.generic_file_write(p, f, a, 5, None) == 5
    assert f.inode.i_mode & 0o4000          # root keeps it
    p.cred.cap_effective = 0
    p.signal.rlim[1] = (12, 12)
    assert filemap.generic_file_write(p, f, a, 5, None) == 2
    assert not f.inode.i_mode & 0o4000
    assert filemap.pagecache_read(k, f.inode, 0, 99) == b"begin--end--"
    with pytest.MonkeyPatch.context() as m:
        sent = []
        m.setattr("procession.kernel.signal_send.send_sig", lambda *args: sent.append(args[0]))
        with pytest.raises(LinuxError) as e:
            filemap.generic_file_write(p, f, a, 5, None)
    assert e.value.errno is Errno.EFBIG
    assert sent == [25]
    assert filemap.generic_file_write(p, f, a, 0, None) == 0


def test_a_write_from_a_bad_buffer_is_short(k, p):
    """It ends before the page of the file whose data cannot all be read."""
    f = make_file(k)
    a = map_anon(p, 2 * P)
    assert filemap.generic_file_write(p, f, a + 10, 2 * P, 0) == P
    assert filemap.generic_file_write(p, f, a + 10, 2 * P, P - 50) == 50 + P
    for address, count in ((a + 2 * P - 10, 100), (a + 2 * P, 1)):
        with pytest.raises(LinuxError) as e:
            filemap.generic_file_write(p, f, address, count, 0)
        assert e.value.errno is Errno.EFAULT


def test_truncate_up_and_down_never_brings_old_bytes_back(k, p):
    f = make_file(k, b"z" * 3 * P)
    f.inode.data = f.inode.data[:P + 10]      # what a file system does when it cuts its store
    filemap.truncate_setsize(k, f.inode, P + 10)
    filemap.truncate_setsize(k, f.inode, 2 * P)
    assert filemap.pagecache_read(k, f.inode, 0, 9 * P) == b"z" * (P + 10) + bytes(P - 10)


def test_truncate_takes_private_copies_too(k, p):
    f = make_file(k, b"z" * 2 * P)
    a = map_file(p, f, 0, 2 * P, 3, 2, 0)
    user_write(p, a + P, b"mine")
    filemap.truncate_setsize(k, f.inode, P)
    with pytest.raises(AssertionError, match="2"):
        touch(p, a + P)


def test_clean_unmapped_pages_go_when_memory_runs_out(k, p):
    f = make_file(k, bytes(64 * P))
    a = map_file(p, f, 0, P, 1, 2, 0)
    touch(p, a)
    filemap.pagecache_read(k, f.inode, 0, 64 * P)
    filemap.pagecache_write(k, f.inode, P, b"dirty")
    taken = [page_alloc.alloc_page(k) for _ in range(page_alloc.nr_free_pages(k))]
    taken += [page_alloc.alloc_page(k) for _ in range(62)]
    assert sorted(f.inode.mapping) == [0, 1]
    assert k.frames.pflags[f.inode.mapping[1]] & PG_DIRTY
    with pytest.MonkeyPatch.context() as m:
        m.setattr("procession.mm.oom_kill.out_of_memory", lambda _k, _gfp_mask: None)
        with pytest.raises(LinuxError) as e:
            page_alloc.alloc_page(k)
        assert e.value.errno is Errno.ENOMEM
        with pytest.raises(LinuxError) as e:
            filemap.pagecache_write(k, f.inode, 5 * P, b"x")
        assert e.value.errno is Errno.ENOSPC
    for frame in taken:
        page_alloc.put_page(k, frame)


def test_the_worst_process_is_killed(k, p):
    k.mm.total_pages, total = 1000, k.mm.total_pages
    p.pid = 1                     # init is spared
    small, big, spared = (fork(p) for _ in range(3))
    for t, n, adj in ((p, 500, 0), (small, 10, 0), (big, 100, 0), (spared, 300, -1000)):
        t.signal.oom_score_adj = adj
        t.children = {}
        t.exit_state = EXIT_NONE
        t.real_cred.cap_effective = 0
        k.task = t
        a = map_anon(t, n * P)
        for i in range(n):
            touch(t, a + i * P, True)
    from procession.include.linux.nsproxy import UtsNamespace  # noqa: PLC0415
    from procession.include.linux.spinlock import RwLock  # noqa: PLC0415
    from procession.kernel import sched, signal_send  # noqa: F401, PLC0415
    k.tasklist_lock = RwLock(k.lock_class("tasklist_lock"))
    k.init_uts_ns = UtsNamespace()
    k.task = small
    killed = []
    with pytest.MonkeyPatch.context() as m:
        m.setattr("procession.kernel.signal_send.force_sig", lambda sig, t: killed.append((int(sig), t)))
        m.setattr("procession.mm.oom_kill.fatal_signal_pending", lambda _t: False)
        oom_kill.out_of_memory(k, oom_kill.GFP_HIGHUSER_MOVABLE)
        assert killed == [(9, big)]
        assert big.ti_flags & TIF_MEMDIE
        oom_kill.out_of_memory(k, oom_kill.GFP_HIGHUSER_MOVABLE)           # somebody is dying already
        assert len(killed) == 1
    assert "Killed process" in k.printk_log[-1][1]
    k.mm.total_pages = total


def test_process_vm_readv_and_writev(k, p):
    a = map_anon(p, 2 * P)
    user_write(p, a, b"mine")
    q = fork(p)
    user_write(q, a, b"yours")
    iov = map_anon(p, P)

    def vec(at, *pairs):
        for i, (base, size) in enumerate(pairs):
            uaccess.put_user(p, at + 16 * i, base, 8)
            uaccess.put_user(p, at + 16 * i + 8, size, 8)
        return at

    local, remote = vec(iov, (a + P, 2), (a + P + 100, 50)), vec(iov + 256, (a, 5), (a + 2 * P - 3, 50))
    with pytest.MonkeyPatch.context() as m:
        m.setattr("procession.kernel.pid.find_task_by_vpid", lambda _current, nr: {7: q}.get(nr))
        m.setattr("procession.kernel.ptrace_access.ptrace_may_access", lambda *_a: True)
        assert process_vm_access.sys_process_vm_readv(p, 7, local, 2, remote, 1, 0) == 5
        assert uaccess.copy_from_user(p, a + P, 3) == b"yo\0"
        assert uaccess.copy_from_user(p, a + P + 100, 3) == b"urs"
        # A piece that is not all there is left out.
        assert process_vm_access.sys_process_vm_readv(p, 7, local, 2, remote, 2, 0) == 5
        uaccess.copy_to_user(p, a + P, b"XY")
        assert process_vm_access.sys_process_vm_writev(p, 7, local, 1, remote, 1, 0) == 2
        assert gup.access_process_vm(q, a, 5) == b"XYurs"
        for args, errno in (
            ((8, local, 1, remote, 1, 0), Errno.ESRCH),
            ((7, local, 1, remote, 1, 1), Errno.EINVAL),
            ((7, local, 1025, remote, 1, 0), Errno.EINVAL),
            ((7, local, 1, vec(iov + 512, (4096, 5)), 1, 0), Errno.EFAULT),
            ((7, 5, 1, remote, 1, 0), Errno.EFAULT),
        ):
            with pytest.raises(LinuxError) as e:
                process_vm_access.sys_process_vm_readv(p, *args)
            assert e.value.errno is errno


def test_slab_report(k, p):
    base = slab.slab_baseline(k)
    map_anon(p, P)
    assert slab.slab_report(k, base) == {"vm_area_struct": 1}
    assert ("mm_struct", 1, 1, 1) in slab.slabinfo(k)


def test_failing_slab_allocations_are_undone(k, p):
    a = map_anon(p, 4 * P)
    f = make_file(k, b"x" * P)
    map_file(p, f, 0, P, 1, 2, 0)

    for call in (
        lambda: fork(p),
        lambda: map_anon(p, P, prot=1),
        lambda: map_anon(p, P, flags=0x21),
        lambda: map_file(p, open_again(k, f.inode), 0, P, 1, 2, 0),
        lambda: mmap.sys_munmap(p, a + P, P),
        lambda: madvise.sys_madvise(p, a + P, P, 10),
    ):
        attr = k.fault_attr = FaultAttr(("slab",))
        attr.armed[k.current] = 1
        with pytest.raises(LinuxError):
            call()
        assert [fault.kind for fault in attr.hits] == ["slab"]
        k.fault_attr = None
