"""References that only a sleeping kernel stack has: every holder notes them, and a note that is missing shows."""

from __future__ import annotations

from pathlib import Path
import re
import struct

import pytest

from procession import Machine
from procession.fs import coredump
from procession.fs.pipe import PipeFile
from procession.include.linux.binfmts import LinuxBinprm
from procession.include.linux.bug import KernelBug
from procession.include.linux.cred import Cred
from procession.include.linux.fdtable import FilesStruct
from procession.include.linux.fs import File
from procession.include.linux.fs_struct import FsStruct
from procession.include.linux.mm_types import MmStruct
from procession.include.linux.net import Scm
from procession.include.linux.nsproxy import Nsproxy
from procession.include.linux.pid import Pid
from procession.include.linux.sched import TASK_UNINTERRUPTIBLE, Task
from procession.kernel import entry, fork, hrtimer
from procession.tools.validate import Census, Checker, validate_all

pytestmark = pytest.mark.unchecked

SRC = Path(__file__).parents[2] / "src"
SIGCHLD = 17
FS, FILES, NEWUTS = 0x200, 0x400, 0x4000000
THREAD = 0x10F00
LOCK_EX, F_SETLKW, F_WRLCK, O_CREAT_RDWR = 2, 7, 1, 0o102
P_PID, WEXITED = 1, 4
SOL_SOCKET, SCM_RIGHTS, MSG_DONTWAIT = 1, 1, 0x40
COUNTS = {
    File: "f_count", Pid: "count", MmStruct: "mm_users", Cred: "usage", FilesStruct: "count", FsStruct: "users",
    Nsproxy: "count",
}


def test_nothing_reads_frames():
    """Compiled code has none; that of programs, and what looks at a failure, is never compiled."""
    words = re.compile(r"\b(f_locals|cr_frame|gi_frame|ag_frame|_getframe|cr_await|gi_yieldfrom|currentframe)\b")
    found = sorted(path.name for path in SRC.rglob("*.py") if words.search(path.read_text()))
    assert found == ["chains.py", "forgotten.py"]


class Watching(Checker):
    """Remembers all notes that it has seen."""

    def __init__(self, kernel):
        self.notes = []
        super().__init__(kernel)

    def check(self):
        self.notes += Census(self._kernel).on_stacks
        super().check()


class Forgetful(Checker):
    """Looks at a machine in which nobody has noted a thing of this kind."""

    def __init__(self, kernel, kind):
        self.kind = kind
        super().__init__(kernel)

    def check(self):
        tasks = Census(self._kernel).tasks
        kept = [p.held for p in tasks]
        for p in tasks:
            p.held = [what for what in p.held if not isinstance(what, self.kind)]
        try:
            super().check()
        finally:
            for p, held in zip(tasks, kept, strict=True):
                p.held = held


SCENES = []


def holds(kind, missing, **options):
    """Note a program that sleeps with such a thing in held; missing: the complaint if it were not there."""
    def note(program):
        name = f"{program.__name__}-{kind.__name__}"
        SCENES.append(pytest.param(program, kind, missing, options, id=name))
        return program

    return note


A_FILE = r"f_count of {}.*: 2, found 1".format


# Files, while others could close them: their table is shared, or the call always takes a reference.


async def idle(sys):
    await sys.pause()


async def shared_pipe(sys):
    ends = await sys.pipe()
    await sys.clone(idle, flags=THREAD)
    return ends


@holds(File, A_FILE("PipeFile"))
async def read(sys):
    r, _ = await shared_pipe(sys)
    await sys.read(r, 1)


@holds(File, A_FILE("PipeFile"))
async def write(sys):
    _, w = await shared_pipe(sys)
    while True:
        await sys.write(w, bytes(65537))


@holds(File, A_FILE("PipeFile"))
async def readv(sys):
    r, _ = await sys.pipe()
    address = await sys.mmap()
    await sys.poke(address, struct.pack("<QQ", address + 512, 1))
    await sys.readv(r, address, 1)


@holds(File, A_FILE("PipeFile"))
async def sendfile(sys):
    _, w = await sys.pipe()
    await sys.write_file("/data", bytes(200_000))
    await sys.sendfile(w, await sys.open("/data"), 0, 200_000)


@holds(list, A_FILE("PipeFile"))
async def poll(sys):
    r, _ = await shared_pipe(sys)
    await sys.poll([(r, 1)])


@holds(list, A_FILE("PipeFile"))
async def select(sys):
    r, _ = await shared_pipe(sys)
    address = await sys.mmap()
    await sys.poke(address, (1 << r).to_bytes(8, "little"))
    await sys.select(r + 1, address, 0, 0, 0)


@holds(File, r"f_count of .*: \d, found \d")
async def flock(sys):
    fd = await sys.open("/lock", O_CREAT_RDWR)
    await sys.flock(fd, LOCK_EX)
    await sys.flock(await sys.open("/lock"), LOCK_EX)


@holds(File, r"f_count of .*: \d, found \d")
async def record_lock(sys):
    address = await sys.mmap()
    await sys.poke(address, struct.pack("<hhxxxxqqixxxx", F_WRLCK, 0, 0, 0, 0))
    fd = await sys.open("/lock", O_CREAT_RDWR)
    if await sys.fork():
        await sys.fcntl(fd, F_SETLKW, address)
        await sys.pause()
    await sys.nanosleep(1000)
    await sys.fcntl(fd, F_SETLKW, address)


async def listener(sys, backlog):
    name = b"\1\0\0name"
    fd = await sys.socket(1, 1, 0)
    await sys.bind(fd, name, len(name))
    await sys.listen(fd, backlog)
    return fd, name


@holds(File, A_FILE("SocketFile"))
async def accept(sys):
    fd, _ = await listener(sys, 0)
    await sys.accept(fd, 0, 0)


@holds(File, A_FILE("SocketFile"))
async def connect(sys):
    _, name = await listener(sys, 0)
    while True:
        await sys.connect(await sys.socket(1, 1, 0), name, len(name))


@holds(File, A_FILE("SocketFile"))
async def recvfrom(sys):
    a, _ = await sys.socketpair()
    address = await sys.mmap()
    await sys.recvfrom(a, address, 1, 0, 0, 0)


@holds(Scm, A_FILE("PipeFile"))
@holds(File, A_FILE("SocketFile"))
async def send_files(sys):
    """The receiver is busy: the message, with the files in it, is not under way yet."""
    a, _ = await sys.socketpair()
    r, _ = await sys.pipe()
    address = await sys.mmap()
    control = struct.pack("<Qiii4x", 20, SOL_SOCKET, SCM_RIGHTS, r)
    await sys.poke(address, struct.pack("<QQQQQQi4x", 0, 0, address + 64, 1, 0, 0, 0))
    await sys.poke(address + 64, struct.pack("<QQ", address + 1024, 3000) + control)
    try:
        while True:
            await sys.sendmsg(a, address, MSG_DONTWAIT)
    except BlockingIOError:
        pass
    await sys.poke(address, struct.pack("<QQQQQQi4x", 0, 0, address + 64, 1, address + 80, len(control), 0))
    await sys.sendmsg(a, address, 0)


@holds(File, r"pipe \d+: readers 1, found 0|filp objects: \d+, found \d+")
async def open_fifo(sys):
    await sys.mkfifo("/fifo")
    await sys.open("/fifo")


@holds(File, r"pipe \d+: writers 1, found 0|filp objects: \d+, found \d+")
async def open_fifo_to_write(sys):
    await sys.mkfifo("/fifo")
    await sys.open("/fifo", 1)


# Processes.


@holds(Pid, r"count of <pid \d+>: 2, found 1")
async def wait4(sys):
    await sys.waitpid(await sys.clone(idle))


@holds(Pid, r"count of <pid \d+>: 2, found 1")
async def waitid(sys):
    await sys.waitid(P_PID, await sys.clone(idle), WEXITED)


async def in_vfork(sys, w):
    """A thread that cannot be killed: it waits for its child."""
    if await sys.vfork() == 0:
        await sys.write(w, b"x")
        await sys.pause()


@holds(LinuxBinprm, r"cred_jar objects(.|\n)*filp objects: 8, found 6(.|\n)*mm_struct objects", root="/")
async def exec_with_threads(sys):
    r, w = await sys.pipe()
    await sys.clone(in_vfork, w, flags=THREAD)
    await sys.read(r, 1)
    await sys.execve("/bin/sh", ["sh"])


@holds(FilesStruct, r"count of FilesStruct.*: 3, found 2", root="/")
async def exec_with_shared_files(sys):
    r, w = await sys.pipe()
    await sys.clone(idle, flags=FILES | SIGCHLD)
    await sys.clone(in_vfork, w, flags=THREAD)
    await sys.read(r, 1)
    await sys.execve("/bin/sh", ["sh"])


@holds(Nsproxy, r"nsproxy objects: \d+, found \d+", cpus=3)
@holds(FsStruct, r"fs_cache objects: \d+, found \d+", cpus=3)
@holds(FilesStruct, r"files_cache objects: \d+, found \d+", cpus=3)
async def unshare(sys):
    """A set's last user waits until nobody reads it any more; its new root and files are not its own yet."""
    async def child(sys):
        for _ in range(5):
            await sys.unshare(NEWUTS)
        await sys.unshare(FS | FILES | NEWUTS)

    children = [await sys.clone(child, flags=FS | FILES | SIGCHLD) for _ in range(4)]
    for _ in range(300):
        await sys.getppid()
    for nr in children:
        await sys.waitpid(nr)


def run(program, checker, options, *kind):
    machine = Machine(**options)
    kernel = machine.kernel
    watch = checker(kernel, *kind)
    try:
        machine.run(program)
    except entry.Deadlock:
        pass
    return kernel, watch


@pytest.mark.parametrize(("program", "kind", "missing", "options"), SCENES)
def test_a_holder_notes_what_it_holds(program, kind, missing, options):
    kernel, watch = run(program, Watching, options)
    assert any(isinstance(what, kind) for what in watch.notes)
    assert validate_all(kernel) == []


@pytest.mark.parametrize(("program", "kind", "missing", "options"), SCENES)
def test_a_note_that_is_forgotten_is_noticed(program, kind, missing, options):
    with pytest.raises(KernelBug, match=missing):
        run(program, Forgetful, options, kind)


@pytest.mark.parametrize(("program", "kind", "missing", "options"), SCENES)
def test_a_leak_is_noticed_although_somebody_holds_the_same(program, kind, missing, options):
    """What a sleeper has is no excuse for one reference more, nor for one less."""
    kernel, _ = run(program, Checker, options)
    for what in Census(kernel).held:
        name = next((name for kind, name in COUNTS.items() if isinstance(what, kind)), None)
        if name is None:
            continue
        count = getattr(what, name)
        for wrong in (count + 1, count - 1):
            setattr(what, name, wrong)
            text = "\n".join(validate_all(kernel))
            assert re.search(rf"^{name} of .*: {wrong}, found {count}$", text, re.MULTILINE), (what, text)
        setattr(what, name, count)
    assert validate_all(kernel) == []


@pytest.mark.parametrize(("name", "missing"), [
    ("file", r"filp objects: 8, found 7"), ("interpreter", r"filp objects: 8, found 7"),
    ("mm", r"mm_struct objects: 2, found 1"), ("cred", r"cred_jar objects: 5, found 4"),
])
def test_each_part_of_an_exec(name, missing):
    kernel, _ = run(exec_with_threads, Checker, {"root": "/"})
    bprm = next(what for what in Census(kernel).on_stacks if isinstance(what, LinuxBinprm))
    part = getattr(bprm, name)
    setattr(bprm, name, None)
    assert re.search(missing, "\n".join(validate_all(kernel)))
    setattr(bprm, name, part)       # the end of the world gives it back


@pytest.mark.parametrize("name", ["file", "interpreter"])
def test_who_is_executed_is_not_written(name):
    """open_exec() keeps writers away, until the exec is done or has failed."""
    kernel, _ = run(exec_with_threads, Checker, {"root": "/"})
    bprm = next(what for what in Census(kernel).on_stacks if isinstance(what, LinuxBinprm))
    inode = getattr(bprm, name).inode
    inode.i_writecount += 1
    assert re.search(r"i_writecount of inode \d+: 0, found -1", "\n".join(validate_all(kernel)))
    inode.i_writecount -= 1


# Holders that sleep only with another file than there is.


def asleep(monkeypatch, module, name):
    """Have a function sleep a little before it begins."""
    real = getattr(module, name)

    async def function(*args):
        current = next(arg for arg in args if isinstance(arg, Task))
        current.state = TASK_UNINTERRUPTIBLE
        await hrtimer.schedule_timeout(current, 1, "asleep")
        return await real(*args)

    monkeypatch.setattr(module, name, function)


async def control(sys):
    r, _ = await sys.pipe()
    try:
        await sys.ioctl(r, 0x5678)
    except OSError:
        await sys.exit(0)


@pytest.fixture
def crash(cache, compilers):
    """A program with a second thread that dumps core."""
    why = compilers.why_not("glibc")
    if why:
        pytest.skip(why)
    source = Path(__file__).parents[1] / "fs" / "crash.c"
    command = [*compilers.commands["glibc"], "-g", "-O0", str(source)]
    return str(cache.build("crash", command, [source], compilers.versions["glibc"] or ""))


def test_ioctl(monkeypatch):
    """No device of ours sleeps in ioctl(2)."""
    asleep(monkeypatch, PipeFile, "ioctl")
    kernel, _ = run(control, Checker, {})
    assert kernel.exit_code == 0
    with pytest.raises(KernelBug, match=A_FILE("PipeFile")):
        run(control, Forgetful, {}, File)


def test_a_dump_that_waits_for_other_threads(crash):
    """The credentials to write with are nobody's yet."""
    kernel, watch = run([crash], Watching, {"root": "/"})
    assert kernel.exit_code == 0
    assert any(isinstance(what, Cred) for what in watch.notes)
    with pytest.raises(KernelBug, match=r"cred_jar objects: \d+, found \d+"):
        run([crash], Forgetful, {"root": "/"}, Cred)


@pytest.mark.parametrize(("kind", "missing"), [
    (Cred, r"usage of Cred.*: \d+, found \d+"), (File, r"filp objects: \d+, found \d+"),
])
def test_a_dump_that_sleeps_while_it_writes(monkeypatch, crash, kind, missing):
    """No regular file of ours does. The thread's own credentials and the core are the dump's meanwhile."""
    asleep(monkeypatch, coredump, "dump_write")
    kernel, _ = run([crash], Checker, {"root": "/"})
    assert kernel.exit_code == 0

    class WhileWriting(Forgetful):
        def check(self):
            if any(p.wchan == "asleep" and p.state == TASK_UNINTERRUPTIBLE for p in self._kernel.tasks):
                super().check()

    with pytest.raises(KernelBug, match=missing):
        run([crash], WhileWriting, {"root": "/"}, kind)


# Notes that are left behind.




@pytest.fixture
def sleeper():
    """A kernel in which main sleeps in pause(2) with a pipe open."""
    async def main(sys):
        await sys.pipe()
        await sys.pause()

    kernel, _ = run(main, Checker, {})
    assert validate_all(kernel) == []
    return next(p for p in kernel.tasks if p.comm == "main")


def test_a_note_of_what_was_given_back(sleeper):
    sleeper.held.append(sleeper.files.fd[3])
    assert [text for text in validate_all(sleeper.kernel) if re.match(r"f_count of PipeFile .*: 1, found 2", text)]


def test_a_note_that_is_not_taken_back(sleeper):
    sleeper.stack.coro.close()
    sleeper.stack = None
    sleeper.held.append(None)
    assert "<main:17> is in user mode and holds [None]" in validate_all(sleeper.kernel)


def test_a_call_that_does_not_take_its_note_back(monkeypatch):
    """Such as one that fails."""
    class Sticky(list):
        def pop(self):
            return self[-1]

    real = fork.dup_task_struct

    def dup_task_struct(orig):
        p = real(orig)
        p.held = Sticky()
        return p

    async def main(sys):
        await sys.clone(idle)
        await sys.waitpid(-1, 1)
        await sys.getpid()

    monkeypatch.setattr(fork, "dup_task_struct", dup_task_struct)
    with pytest.raises(KernelBug, match="is in user mode and holds"):
        run(main, Checker, {})
