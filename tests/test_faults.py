"""Every object, page, number and user copy that a call asks for is refused once: what the caller gets, what is left.

climb.c makes one call again and again; in the n-th, the n-th request is refused. It prints what the call returned, and
how the process has changed if it should not have. What 3.2 answers where it is neither ENOMEM nor EFAULT stands in
OUTCOMES, with the reason. (Page tables, user copies and frames are real: these are ELF programs. kernel/test_fork.py
has Python ones.)
"""

from __future__ import annotations

from pathlib import Path
import re
from typing import NamedTuple

from fuzz import faults
import pytest

from procession import Machine
from procession.include.linux.binfmts import LinuxBinprm
from procession.include.linux.fault_inject import Fault
from procession.include.linux.sched import PF_STARTING
from procession.tools.fault_inject import FaultSpec, Injector, census, every_failure
from procession.tools.validate import validate_all

SOURCE = Path(__file__).with_name("climb.c")
SIGCHLD = 17
VM, FS, FILES, SIGHAND, VFORK, PARENT, THREAD = 0x100, 0x200, 0x400, 0x800, 0x4000, 0x8000, 0x10000
NEWNS, SYSVSEM, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (
    0x20000, 0x40000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000,
)

# (what was refused, a kernel function that dealt with it, how far the call had come, None for anything; outcome),
# the first that fits counts.
OUTCOMES = [
    # get_empty_filp() gives no reason, and its callers answer ENFILE.
    ("filp", "get_empty_filp", None, "ENFILE"),
    # do_fork() does not look whether the number has arrived: the child is there already.
    (None, None, "born", "ok no ptid"),
    # get_arg_page() has a page or has none.
    ("page", "_new_page", "exec", "E2BIG"),
    ("page", "handle_mm_fault", "exec", "E2BIG"),
    # elf_map() does not look whether the room that it reserved for all segments could be given back again.
    ("vm_area_struct", "split_to_unmap < do_munmap < elf_map", None, "exited 7"),
    # The old program is gone: nobody is left to be given an errno. The interpreter's failures and an unwritable bss
    # are a segmentation fault, all others SIGKILL.
    (None, None, "mapped", "killed 11"),
    (None, None, "flushed", "killed 9"),
    # alloc_posix_timer() has a timer or has none.
    ("posix_timers_cache", "alloc_posix_timer", None, "EAGAIN"),
    ("sigqueue", "sigqueue_charge", None, "EAGAIN"),
    # alloc_uid() has a user or has none: set_user() answers EAGAIN.
    ("uid_cache", "set_user", None, "EAGAIN"),
]


def stage(k):
    """How far the running task's call had come, by what there is already."""
    bprm = next((what for what in k.current.held if isinstance(what, LinuxBinprm)), None)
    if bprm is None:
        return "born" if any(p.flags & PF_STARTING for leader in k.tasks for p in leader.signal.threads) else ""
    mm = k.current.mm
    if mm.exe_file is not bprm.file:
        return "exec"
    return "mapped" if mm.start_brk and bprm.cred is not None else "flushed"


class Refused(NamedTuple):
    """A fault, and how far the call had come."""

    fault: Fault
    stage: str

    @property
    def what(self):
        return self.fault.what

    def outcome(self):
        """What the call comes to."""
        where = f" {' < '.join(self.fault.where)} "
        for what, function, stage, result in OUTCOMES:
            if what in (None, self.what) and stage in (None, self.stage) and (not function or f" {function} " in where):
                return result
        return "EFAULT" if self.fault.kind == "usercopy" else "ENOMEM"


class Hits(list):
    """FaultAttr.hits, which looks around at every refusal."""

    def __init__(self, kernel):
        super().__init__()
        self.kernel = kernel
        self.refused = []

    def append(self, fault):
        super().append(fault)
        self.refused.append(Refused(fault, stage(self.kernel)))


@pytest.fixture(scope="session")
def climber(compilers):
    """Path of climb.c, compiled with a given C library."""
    def build(libc="musl", *options):
        compilers.need(libc)
        command = [*compilers.commands[libc], *options, f"-I{SOURCE.parent / 'programs'}", str(SOURCE)]
        header = SOURCE.parent / "programs" / "check.h"
        return str(compilers.cache.build("climb", command, [SOURCE, header], compilers.versions[libc]))

    return build


def climb(path, call, mode, how, times, *arguments):
    """Make a call so often; returns [(line printed, Refused or None)] and sees that everything is given back."""
    argv = [path, mode, str(times), how, *arguments]
    machine = Machine(root="/")
    kernel = machine.kernel
    injector = Injector(machine, FaultSpec(call, 0, climb=True))
    hits = injector.hits = kernel.fault_attr.hits = Hits(kernel)
    result = machine.run(argv)
    assert (result.exit_code, result.stderr) == (0, b"")
    kernel.check_baseline()
    assert validate_all(kernel) == []
    spared = Machine(root="/").run([path, mode, "1", how, *arguments])
    assert census(result.kernel) == census(spared.kernel)
    lines = result.output.splitlines()
    assert len(lines) == times
    assert len(hits) < times, "there are more requests to refuse"
    return list(zip(lines, hits.refused + [None] * (times - len(hits)), strict=True)), spared.output.strip()


def check(found, success):
    for line, fault in found:
        assert line == (success if fault is None else fault.outcome()), f"{fault.fault} ({fault.stage})"


# Processes and threads.

NAMESPACES = NEWNS | NEWUTS | NEWIPC | NEWPID | NEWNET


@pytest.mark.parametrize(("call", "how", "needs"), [
    ("fork", "fork", {
        "task_struct", "cred_jar", "files_cache", "fs_cache", "sighand_cache", "signal_cache", "mm_struct",
        "vm_area_struct", "page", "pid",
    }),
    ("vfork", "vfork", {"task_struct", "signal_cache", "pid"}),
    ("clone", VM | FS | FILES | SIGHAND | THREAD | SYSVSEM, {"task_struct", "sem_undo_list", "pid", "copy_to_user"}),
    ("clone", VM | SIGCHLD, {"fs_cache", "sighand_cache"}),
    ("clone", VM | VFORK | SIGCHLD, {"fs_cache"}),
    ("clone", VM | SIGHAND | SIGCHLD, {"signal_cache"}),
    ("clone", FS | SIGCHLD, {"files_cache"}),
    ("clone", FILES | SIGCHLD, {"fs_cache"}),
    ("clone", NEWNS | SIGCHLD, {"nsproxy", "mnt_cache"}),
    ("clone", NEWUTS | SIGCHLD, {"nsproxy"}),
    ("clone", NEWIPC | SIGCHLD, {"nsproxy", "ipc_namespace"}),
    ("clone", NEWNET | SIGCHLD, {"nsproxy"}),
    ("clone", NEWPID | SIGCHLD, {"nsproxy", "pid_namespace"}),
    ("clone", NEWUSER | SIGCHLD, {"user_namespace", "uid_cache"}),
    ("clone", NEWUSER | NAMESPACES | SIGCHLD, {"user_namespace", "pid_namespace", "mnt_cache"}),
], ids=lambda value: f"{value:x}" if isinstance(value, int) else None)
def test_fork_and_clone(climber, call, how, needs):
    how = how if isinstance(how, str) else f"{how:x}"
    found, success = climb(climber(), call, "fork", how, 45)
    check(found, success)
    assert success == "ok"
    assert needs <= {fault.what for _, fault in found if fault}
    if call == "clone":
        assert ("ok no ptid" in [line for line, _ in found])


def test_clone_parent(climber):
    """The child is a sibling: its parent finds it, or nothing."""
    found, success = climb(climber(), "clone", "sibling", f"{PARENT | SIGCHLD:x}", 40)
    check([(line, fault) for line, fault in found if fault is None or fault.outcome() != "ok no ptid"], success)
    assert len([fault for _, fault in found if fault]) > 20


@pytest.mark.parametrize(("flags", "needs"), [
    (FS, {"fs_cache"}), (FILES, {"files_cache"}), (NEWNS, {"fs_cache", "nsproxy", "mnt_cache"}),
    (FS | FILES | NEWNS | NEWUTS | NEWIPC | NEWNET, {
        "fs_cache", "files_cache", "nsproxy", "mnt_cache", "ipc_namespace",
    }),
], ids=lambda value: f"{value:x}" if isinstance(value, int) else None)
def test_unshare(climber, flags, needs):
    found, success = climb(climber(), "unshare", "unshare", f"{flags:x}", 10)
    check(found, success)
    assert needs == {fault.what for _, fault in found if fault}


# Executing.

THREADS_GONE = "ENOMEM CHANGED Threads: 2 / Threads: 1"


@pytest.mark.parametrize(("how", "libc", "options"), [
    ("-", "musl", ()), ("-", "dynamic", ("-no-pie",)), ("-", "dynamic", ("-pie", "-fPIE")), ("s", "musl", ()),
    ("t", "musl", ()), ("T", "musl", ()), ("st", "musl", ()), ("sTp", "dynamic", ("-no-pie",)), ("p", "musl", ()),
    ("u", "musl", ()),
], ids=["static", "dynamic", "pie", "sharing", "threads", "from-thread", "sharing-threads", "all", "pending", "setuid"])
def test_execve(climber, how, libc, options):
    """Before the point of no return an errno, and the old program is untouched; behind it a signal."""
    found, success = climb(climber(), "execve", "exec", how, 55, climber(libc, *options))
    assert success == "exited 7"
    if "s" in how and how != "s":
        # de_thread() ends the other threads before it takes its own copy of the actions, and does not bring them back.
        (at,) = [i for i, (_, fault) in enumerate(found) if fault and fault.what == "sighand_cache"]
        line, _ = found.pop(at)
        assert line == THREADS_GONE
    check(found, success)
    whats = {fault.what for _, fault in found if fault}
    assert {"cred_jar", "filp", "mm_struct", "vm_area_struct", "page", "strncpy_from_user", "copy_from_user"} <= whats
    assert {"EFAULT", "ENOMEM", "ENFILE", "E2BIG", "killed 9", "killed 11"} <= {line for line, _ in found}
    assert ("sighand_cache" in whats) == (how == "s")


@pytest.mark.parametrize("chain", [1, 3])
def test_execve_of_scripts(climber, tmp_path, chain):
    """Each interpreter is opened in turn."""
    path = climber()
    for i in range(chain):
        script = tmp_path / f"script{i}"
        script.write_text(f"#!{path} {'leaf' if i == 0 else ''}\n")
        script.chmod(0o755)
        path = script
    found, success = climb(climber(), "execve", "exec", "-", 55, str(path))
    assert success == "exited 7"
    check(found, success)
    assert len([fault for _, fault in found if fault and fault.what == "filp"]) == 1 + chain


# Signals.


@pytest.mark.parametrize(("call", "how", "lines"), [
    ("kill", "ks", ["ok, taken with code 0 pid 0", "ok, taken with code 0 pid self"]),
    ("kill", "kr", ["ok, taken with code 0 pid 0", "ok, taken with code 0 pid self"]),
    ("tgkill", "ts", ["ok, taken with code 0 pid 0", "ok, taken with code -6 pid self"]),
    ("tgkill", "tr", ["EAGAIN, nothing pending", "ok, taken with code -6 pid self"]),
    ("rt_sigqueueinfo", "qs", [
        "EFAULT, nothing pending", "ok, taken with code 0 pid 0", "ok, taken with code -1 pid self",
    ]),
    ("rt_sigqueueinfo", "qr", [
        "EFAULT, nothing pending", "EAGAIN, nothing pending", "ok, taken with code -1 pid self",
    ]),
])
def test_a_signal_without_a_queue_entry(climber, call, how, lines):
    """It arrives and its information does not; only a real-time one with something to say is an error."""
    found, _ = climb(climber(), call, "send", how, len(lines))
    assert [line for line, _ in found] == lines


@pytest.mark.parametrize(("how", "whats", "lines"), [
    ("-", ["copy_to_user", "copy_to_user", "copy_to_user"], {"killed 11"}),
    ("v", ["copy_to_user", "copy_to_user", "copy_to_user"], {"lost SIGSEGV"}),
    ("av", ["copy_to_user", "page", "copy_to_user", "copy_to_user"], {"lost SIGSEGV"}),
])
def test_a_frame_that_cannot_be_written(climber, how, whats, lines):
    """SIGSEGV takes the signal's place."""
    found = list(every_failure(lambda: Machine(root="/"), [climber(), "handle", "1", how], "signal"))
    assert found
    assert {fault.what for fault, _ in found} == set(whats)
    assert {result.output.strip() for _, result in found} == lines


@pytest.mark.parametrize(("how", "line"), [("ve", "handled SIGSEGV"), ("-", "killed 11")])
def test_a_frame_that_cannot_be_read(climber, how, line):
    """The way back from a handler fails: SIGSEGV."""
    found, success = climb(climber(), "rt_sigreturn", "handle", how, 6)
    assert success == "handled"
    assert [got for got, fault in found if fault] == [line] * len([fault for _, fault in found if fault])
    assert len([fault for _, fault in found if fault]) >= 3


# Calls that copy before and after what they do.


@pytest.mark.parametrize(("call", "how", "lines"), [
    ("rt_sigprocmask", "sigprocmask", ["EFAULT not done", "EFAULT done", "ok done"]),
    ("rt_sigaction", "sigaction", ["killed 12", "EFAULT done", "ok done"]),
    ("sigaltstack", "sigaltstack", ["EFAULT not done", "EFAULT done", "ok done"]),
    ("rt_sigpending", "sigpending", ["EFAULT not done", "ok not done"]),
    # The set, the time, and the members of the siginfo that a plain signal has, in two pieces.
    ("rt_sigtimedwait", "sigtimedwait", ["EFAULT not done"] * 2 + ["EFAULT done"] * 2 + ["ok done"]),
    ("rt_sigsuspend", "sigsuspend", ["EFAULT not done", "ok done"]),
    ("wait4", "wait4", ["EFAULT done", "EFAULT done", "ok done"]),
    ("waitid", "waitid", ["EFAULT done", "EFAULT done", "EFAULT done", "ok done"]),
    ("pipe", "pipe", ["ENFILE not done", "ENFILE not done", "EFAULT not done", "ok done"]),
    ("socketpair", "socketpair", ["ENFILE not done"] * 4 + ["EFAULT not done", "ok done"]),
    ("setgroups", "setgroups", ["EFAULT not done", "ENOMEM not done", "ok done"]),
    ("setuid", "setuid", ["ENOMEM not done", "EAGAIN not done", "ok done"]),
    ("nanosleep", "nanosleep", ["EFAULT not done", "ok not done"]),
    ("timer_create", "timer", [
        "EAGAIN not done", "EAGAIN not done", "EFAULT not done", "EFAULT not done", "ok done",
    ]),
    # shmem_file_setup() says ENFILE, do_shmat() ENOMEM, whatever alloc_file() lacked.
    ("shmget", "shmget", ["ENOMEM not done", "ENFILE not done", "ok done"]),
    ("shmat", "shmat", ["ENOMEM not done", "ENOMEM not done", "ENOMEM not done", "ok done"]),
    ("semtimedop", "semop", [
        "ENOMEM not done", "EFAULT not done", "EFAULT not done", "ENOMEM not done", "ENOMEM not done", "ok done",
    ]),
    ("msgsnd", "msgsnd", ["EFAULT not done"] + ["ENOMEM not done", "EFAULT not done"] * 3 + ["ok done"]),
    # A message that cannot be copied out is lost.
    ("msgrcv", "msgrcv", ["EFAULT done", "EFAULT done", "ok done"]),
])
def test_a_copy_fails_before_or_after_the_deed(climber, call, how, lines):
    """EFAULT takes nothing back, but for descriptors and timers whose numbers nobody has learned."""
    found, _ = climb(climber(), call, "copy", how, len(lines))
    assert [line for line, _ in found] == lines


# The end.


@pytest.mark.parametrize(("call", "how", "line", "least"), [
    ("exit", "thread", "gone", 3), ("exit", "exit", "exited 3", 1), ("exit", "core", "killed 6", 10),
])
def test_whatever_fails_at_the_end_the_end_comes(climber, call, how, line, least):
    """Robust futexes, the word to clear, a core dump: what cannot be done is left out."""
    times = 400 if how == "core" else 10
    found, _ = climb(climber(), call, "end", how, times)
    assert {got for got, _ in found} == {line}
    assert len([fault for _, fault in found if fault]) >= least


# No injection: memory is really used up.


def test_memory_runs_dry(climber):
    """The killer takes the hog; what others lack memory for fails as above, and afterwards all is well again."""
    path = climber()
    machine = Machine(root="/", memory=6 << 20)
    kernel = machine.kernel
    result = machine.run([path, "dry", "1", "-", path])
    assert result.output.splitlines() == ["a hog: killed 9", "60 of 60 ended", "afterwards: exited 7"]
    counts = dict(re.findall(r"(\w+) (\d+)", result.stderr.decode()))
    assert all(int(counts[how]) for how in ("good", "errno", "killed"))
    assert any("Killed process" in line for _, line in kernel.printk_log)
    kernel.check_baseline()
    assert validate_all(kernel) == []


def test_a_share_of_the_sweep_over_programs_of_the_host():
    """python -c 'from fuzz import faults; print(faults.run(600))' goes on for longer."""
    tried = faults.run(2, seed=1)
    assert tried.count > 0
    assert tried.found == []


@pytest.mark.parametrize(("spec", "needs", "step"), [
    (FaultSpec("mount", 0, climb=True), {"mnt_cache"}, "mount"),
    (FaultSpec("mkdir", 0, climb=True), {"task_group"}, "mkdir"),
    (FaultSpec("mkdir", 2, nth=2), {"cgroup"}, "mkdir"),
    (FaultSpec("write", 1, nth=2), {"css_set"}, "tasks"),
], ids=["mount", "mkdir", "group", "write"])
def test_control_groups(compilers, spec, needs, step):
    """A group that cannot be had is not there, and a task that cannot be moved stays; nothing of it is left over."""
    compilers.need("musl")
    source = SOURCE.with_name("climb_groups.c")
    headers = [SOURCE.parent / "programs" / name for name in ("check.h", "cgroup.h")]
    command = [*compilers.commands["musl"], f"-I{headers[0].parent}", str(source)]
    path = str(compilers.cache.build("climb_groups", command, [source, *headers], compilers.versions["musl"]))
    machine = Machine(root={"/climb_groups": Path(path).read_bytes()})
    injector = Injector(machine, spec)
    hits = injector.hits = machine.kernel.fault_attr.hits = Hits(machine.kernel)
    result = machine.run(["/climb_groups", "12"])
    assert (result.exit_code, result.stderr) == (0, b"")
    machine.kernel.check_baseline()
    assert validate_all(machine.kernel) == []
    assert needs <= {fault.what for fault in hits.refused}
    assert result.output.splitlines()[-1] == "all"
    assert f"{step}: ENOMEM" in result.output
