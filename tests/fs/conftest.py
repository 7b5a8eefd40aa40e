"""A kernel that has files and one task, but no processes: system calls are made by calling their functions."""


import pytest

from procession.arch.x86 import traps
from procession.fs import file, file_table, fs_struct, locks, namespace, overlay, pipe
from procession.fs.hostfs import volumes
from procession.hw.chooser import Chooser
from procession.hw.clock import Clock
from procession.hw.console import BufferConsole
from procession.hw.memory import Frames
from procession.include.linux.cred import CAP_FULL_SET, Cred
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import PathRef
from procession.include.linux.kernel import Kernel
from procession.include.linux.nsproxy import NetNamespace, Nsproxy, UserNamespace, UtsNamespace
from procession.include.linux.resource import RLIM_INFINITY, RLIMIT_NOFILE
from procession.include.linux.sched import SignalStruct, Task, UserStruct
from procession.include.linux.spinlock import SpinLock
from procession.include.linux.syscalls import SYSCALLS
from procession.include.trace.tracepoints import Trace
from procession.ipc import namespace as ipc_namespace
from procession.kernel import cgroup, cred, lockdep, rcupdate
from procession.mm import page_alloc, slab

BOOT_TIME_NS = 1_325_721_600 * 1_000_000_000


class BareKernel(Kernel):
    task = None

    @property
    def current(self):
        return self.task


class Buffer:
    """A user pointer: size bytes, or the bytes given."""

    def __init__(self, contents):
        self.data = bytearray(contents)

    def __len__(self):
        return len(self.data)

    def __bool__(self):
        return True

    def load(self, offset, size):
        if offset + size > len(self.data):
            raise LinuxError(Errno.EFAULT)
        return bytes(self.data[offset:offset + size])

    def store(self, offset, data):
        if offset + len(data) > len(self.data):
            raise LinuxError(Errno.EFAULT)
        self.data[offset:offset + len(data)] = data


def bare_kernel(root=None, megabytes=16, stdin=b""):
    k = BareKernel()
    k.clock, k.boot_time_ns = Clock(), BOOT_TIME_NS
    k.chooser, k.console = Chooser(1), BufferConsole(stdin)
    k.frames = Frames(megabytes << 20)
    k.lockdep = lockdep.LockdepState(k)
    k.trace = Trace(k)
    traps.trap_init(k)
    page_alloc.mem_init(k)
    for name in ("files_cache", "fs_cache", "vm_area_struct"):
        slab.kmem_cache_create(k, name, 1)
    cred.cred_init(k)
    rcupdate.rcu_init(k)
    file_table.files_init(k)
    locks.filelock_init(k)
    namespace.vfs_init(k)
    pipe.init_pipe_fs(k)
    ns = namespace.mount_root(k, overlay.fill_root(k, root))
    k.users.init_user_ns = UserNamespace()
    k.users.root_user = UserStruct(0, k.users.init_user_ns)
    ipc_namespace.ipc_ns_init(k)
    k.init_nsproxy = Nsproxy(UtsNamespace(), k.init_ipc_ns, ns, None, NetNamespace())
    k.task = k.init_task = new_task(k)
    return k


def new_task(k):
    if "css_set" not in k.caches:
        cgroup.cgroup_init(k, [])
    p = Task(k)
    p.cgroups = k.cgroups.init_css_set
    p.comm, p.pid, p.tgid = "test", 1, 1
    p.flags = 0
    p.alloc_lock = SpinLock(k.lock_class("task->alloc_lock"))
    p.cred = p.real_cred = Cred(k.users.root_user)
    p.files = file.init_files(k)
    root = PathRef(k.vfs.rootfs, k.vfs.rootfs.mnt_root)
    p.fs = fs_struct.init_fs(k, root)
    p.nsproxy = k.init_nsproxy
    p.sighand = None
    p.signal = SignalStruct(p, k.wait_queue_head("wait_chldexit.lock"))
    p.signal.rlim = [(RLIM_INFINITY, RLIM_INFINITY)] * 16
    p.signal.rlim[RLIMIT_NOFILE] = (1024, 4096)
    return p


class Sys:
    """System calls of one task: strings become paths; an error is a LinuxError."""

    def __init__(self, k, task=None):
        self.k = k
        self.task = task or k.task

    def __getattr__(self, name):
        call = SYSCALLS[name]

        def make(*args):
            args = [Buffer(a.encode("utf-8", "surrogateescape") + b"\0") if isinstance(a, str) else a for a in args]
            result = call.fn(self.task, *args)
            return drive(result) if call.is_async else result

        return make

    def write_file(self, path, data, mode=0o644):
        fd = self.open(path, 0o1101, mode)
        assert self.write(fd, Buffer(data), len(data)) == len(data)
        self.close(fd)

    def read_file(self, path):
        fd = self.open(path, 0, 0)
        out = b""
        while True:
            buffer = Buffer(bytes(5000))
            n = self.read(fd, buffer, 5000)
            if not n:
                self.close(fd)
                return out
            out += bytes(buffer.data[:n])

    def listdir(self, path):
        fd = self.open(path, 0o200000, 0)
        names = []
        while True:
            buffer = Buffer(bytes(512))
            n = self.getdents64(fd, buffer, 512)
            if not n:
                self.close(fd)
                return names
            at = 0
            while at < n:
                length = int.from_bytes(buffer.data[at + 16:at + 18], "little")
                names.append(bytes(buffer.data[at + 19:at + length]).split(b"\0")[0].decode())
                at += length

    def stat_of(self, path, call="stat"):
        buffer = Buffer(bytes(144))
        getattr(self, call)(path, buffer)
        return Stat(bytes(buffer.data))

    def become(self, uid, gid=None, groups=()):
        c = Cred(self.k.users.root_user)
        c.uid = c.euid = c.suid = c.fsuid = uid
        c.gid = c.egid = c.sgid = c.fsgid = uid if gid is None else gid
        c.group_info = groups
        c.cap_effective = c.cap_permitted = 0 if uid else CAP_FULL_SET
        self.task.cred = self.task.real_cred = c


class Stat:
    """A struct stat, unpacked by offsets of asm/stat.h."""

    def __init__(self, raw):
        def at(offset, size):
            return int.from_bytes(raw[offset:offset + size], "little")

        self.dev, self.ino, self.nlink = at(0, 8), at(8, 8), at(16, 8)
        self.mode, self.uid, self.gid, self.rdev, self.size = at(24, 4), at(28, 4), at(32, 4), at(40, 8), at(48, 8)
        self.blksize, self.blocks = at(56, 8), at(64, 8)
        self.atime_ns = at(72, 8) * 10**9 + at(80, 8)
        self.mtime_ns = at(88, 8) * 10**9 + at(96, 8)
        self.ctime_ns = at(104, 8) * 10**9 + at(112, 8)


def drive(coro):
    """Run a call that must not sleep."""
    try:
        coro.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("the call sleeps")


@pytest.fixture
def k():
    return bare_kernel()


@pytest.fixture
def sys(k):
    return Sys(k)


@pytest.fixture
def fails():
    """Context: the block raises LinuxError with this errno."""

    def context(errno):
        return pytest.raises(LinuxError, match=errno)

    return context


# Shared directories.

SECRET = "what nobody may touch"


@pytest.fixture
def host(tmp_path):
    """The shared directory, and beside it what is not shared."""
    (tmp_path / "outside").write_text(SECRET)
    shared = tmp_path / "shared"
    (shared / "dir" / "sub").mkdir(parents=True)
    (shared / "file").write_text("contents")
    (shared / "dir" / "inner").write_text("inner")
    (shared / "up").symlink_to("../outside")
    (shared / "abs").symlink_to(tmp_path / "outside")
    (shared / "etc").symlink_to("/etc/passwd")
    yield shared
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside", "shared"]
    assert (tmp_path / "outside").read_text() == SECRET


def shared_machine(*shares, root=None):
    """System calls where (guest, host, writable) are shared."""
    k = bare_kernel(root or {"/etc/passwd": "inside", "/tmp/": "", "/work/": ""})
    k.vfs.volumes = [volumes.open_volume(guest, path, writable=writable) for guest, path, writable in shares]
    volumes.mount_volumes(k)
    return Sys(k)


@pytest.fixture
def rw(host):
    return shared_machine(("/v", host, True))


@pytest.fixture
def ro(host):
    return shared_machine(("/v", host, False))
