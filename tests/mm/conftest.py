"""A kernel with memory and nothing else, made of the real headers."""


import pytest

from procession.arch.x86 import traps
from procession.hw.clock import Clock
from procession.hw.memory import Frames
from procession.include.linux.cred import Cred
from procession.include.linux.fs import (
    FMODE_READ,
    FMODE_WRITE,
    S_IFREG,
    Dentry,
    File,
    Inode,
    PathRef,
    SuperBlock,
    Vfsmount,
)
from procession.include.linux.kernel import Kernel
from procession.include.linux.mm_types import TASK_SIZE
from procession.include.linux.nsproxy import UserNamespace
from procession.include.linux.resource import RLIM_INFINITY
from procession.include.linux.sched import SignalStruct, Task, UserStruct
from procession.include.linux.spinlock import SpinLock
from procession.include.trace.tracepoints import Trace
from procession.init import main as init_main
from procession.kernel import cgroup, fork_mm, lockdep
from procession.kernel.rcupdate import RcuState
from procession.mm import filemap, memory, mmap, page_alloc, slab
from procession.tools import validate


class MiniKernel(Kernel):
    task = None

    @property
    def current(self):
        return self.task


class MemInode(Inode):
    """A file whose backing store is a bytes object."""

    data = b""

    def readpage(self, index):
        return self.data[index << 12:index + 1 << 12]

    def write_data(self, pos, data):
        return filemap.pagecache_write(self.i_sb.kernel, self, pos, data)


class MemFile(File):
    def mmap(self, current, vma):
        pass


def make_kernel(megabytes=8):
    k = MiniKernel()
    k.clock = Clock()
    k.lockdep = lockdep.LockdepState(k)
    k.trace = Trace(k)
    k.vfs.max_files = 1000
    k.frames = Frames(megabytes << 20)
    traps.trap_init(k)
    page_alloc.mem_init(k)
    for name in ("mm_struct", "vm_area_struct", "filp"):
        slab.kmem_cache_create(k, name, 1)
    k.users.init_user_ns = UserNamespace()
    k.rcu = RcuState()
    k.task = make_task(k)
    return k


def make_task(k, mm="new"):
    if "css_set" not in k.caches:
        cgroup.cgroup_init(k, init_main.cgroup_subsystems(k))
    p = Task(k)
    p.cgroups = k.cgroups.init_css_set
    p.pid = p.tgid = 100 + len(k.tasks)
    p.comm = "test"
    p.flags = 0
    p.alloc_lock = SpinLock(k.lock_class("alloc_lock"))
    user = UserStruct(0, k.users.init_user_ns)
    p.cred = p.real_cred = Cred(user)
    p.signal = sig = SignalStruct(p, k.wait_queue_head("wait_chldexit.lock"))
    sig.rlim = [(RLIM_INFINITY, RLIM_INFINITY)] * 16
    sig.rlim[3] = (8 << 20, RLIM_INFINITY)
    sig.rlim[8] = (65536, 65536)
    if k.task is None:
        k.task = p
    if mm == "new":
        mm = fork_mm.mm_alloc(k)
        mm.mmap_base = TASK_SIZE - (128 << 20)
    p.mm = p.active_mm = mm
    k.tasks[p] = None
    return p


def make_file(k, data=b"", mode=FMODE_READ | FMODE_WRITE, flags=2):
    sb = SuperBlock(k, "tmpfs", 1, 0)
    inode = MemInode(sb, 1, S_IFREG | 0o755)
    inode.data = data
    inode.i_size = len(data)
    return open_again(k, inode, mode, flags)


def open_again(k, inode, mode=FMODE_READ | FMODE_WRITE, flags=2):
    root = Dentry.__new__(Dentry)
    root.d_name, root.d_parent, root.d_inode, root.d_deleted = "f", root, inode, False
    inode.i_count += 1
    if mode & FMODE_WRITE:
        inode.i_writecount += 1
    k.caches["filp"].alloc()
    k.vfs.nr_files += 1
    return MemFile(PathRef(Vfsmount(inode.i_sb, root, None, None), root), flags, mode)


def fork(p):
    child = make_task(p.kernel, fork_mm.dup_mm(p, p.mm))
    child.cred = child.real_cred = p.cred
    return child


def exit_mm(p):
    mm, p.mm = p.mm, None
    fork_mm.mmput(p.kernel, mm)
    del p.kernel.tasks[p]


def map_anon(p, size, prot=3, flags=0x22, addr=0):
    return mmap.sys_mmap(p, addr, size, prot, flags, -1, 0)


def map_file(p, *args):
    """As do_mmap_pgoff."""
    with p.mm.mmap_sem.write():
        return mmap.do_mmap_pgoff(p, *args)


def fault(p, vma, address, write):
    """As handle_mm_fault."""
    with p.mm.mmap_sem.read():
        return memory.handle_mm_fault(p.kernel, p.mm, vma, address, write)


def user_write(p, address, data):
    """Store as the CPU would, page by page, through the real tables; faults as the CPU would."""
    for i, byte in enumerate(data):
        touch(p, address + i, True, byte)


def touch(p, address, write=False, byte=None):
    from procession.arch.x86 import pgtable  # noqa: PLC0415
    k = p.kernel
    for _ in range(3):
        entry = pgtable.walk(k, p.mm, address)
        if entry & (7 if write else 5) == (7 if write else 5):
            at = (entry & 0x000FFFFFFFFFF000) + (address & 4095)
            if write and byte is not None:
                k.frames.phys[at] = byte
            return k.frames.phys[at]
        vma = mmap.find_vma(p.mm, address)
        if vma is None or vma.vm_start > address or not vma.vm_flags & (2 if write else 7):
            raise AssertionError("SIGSEGV")
        result = fault(p, vma, address, write)
        if result & memory.VM_FAULT_ERROR:
            raise AssertionError(result)
    raise AssertionError("fault loop")


def check(k):
    assert validate.validate_memory(validate.Census(k)) == []


@pytest.fixture
def k():
    k = make_kernel()
    base = page_alloc.nr_used_pages(k)
    yield k
    check(k)
    for p in list(k.tasks):
        exit_mm(p)
    assert page_alloc.nr_used_pages(k) == base
    assert k.mm.vm_committed == 0
    assert k.caches["vm_area_struct"].nr_active == 0
    assert k.caches["mm_struct"].nr_active == 0
    assert k.lockdep.held() == []


@pytest.fixture
def p(k):
    return k.task
