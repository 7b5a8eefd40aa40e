"""Nothing that a program or a user does makes the kernel or the command fail: hostile programs, exhaustion, signals.

A failure would be a KernelBug or another exception out of Machine.run(), a Python traceback on standard error, a hang,
or memory of the host that grows without bound. bad_input/*.c are the hostile programs; they have a seed as argument.
"""

from __future__ import annotations

import ctypes
import gzip
import os
from pathlib import Path
import random
import signal
import struct
import subprocess
import sys
import threading
import time

import pytest
from tests import starter
from tests.hw.elf import EXIT, elf
from tests.surroundings import need, wait_for_the_command

from procession import Errno, Machine
from procession.arch.x86.syscall_table import SYSCALL_NAMES

SH = "/bin/sh"
SIGSEGV, SIGKILL = 11, 9
MEGABYTE = 1 << 20
SECONDS = 60


def procession(*arguments, **options):
    """Run the command; whatever happens, there is no traceback of Python's, and it ends."""
    done = starter.run(*arguments, timeout=60, **options)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


def run(*arguments, **options):
    return procession("run", *arguments, **options)


def one_line(done, status, *words):
    """The user's mistake is one line, and this exit status."""
    assert done.returncode == status
    assert done.stdout == b""
    text = done.stderr.decode()
    assert text.startswith("procession: ")
    assert text.count("\n") == 1
    for word in words:
        assert word in text


# The user's mistakes.


def test_programs_that_cannot_be_executed(tmp_path):
    empty, script = tmp_path / "empty", tmp_path / "script"
    empty.touch()
    empty.chmod(0o755)
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    one_line(run("--", "/no/such"), 127, "/no/such: No such file or directory")
    one_line(run("--", "no-such-program"), 127, "no-such-program: No such file or directory")
    one_line(run("--", ""), 127, "No such file or directory")
    one_line(run("--", "/etc/passwd/x"), 126, "Not a directory")
    one_line(run("--", "/etc/passwd"), 126, "Permission denied")
    one_line(run("--", "/etc"), 126, "/etc: Permission denied")
    one_line(run("--root", str(tmp_path), "--", "/empty"), 126, "Exec format error")
    one_line(run("--root", str(tmp_path), "--", "/script"), 127, "/script: No such file or directory")
    one_line(run("--root", str(tmp_path), "--", "/" + "x" * 300), 126, "File name too long")
    one_line(run("--cwd", "/no/such", "--", SH), 125, "/no/such: No such file or directory")


@pytest.mark.parametrize("text", ["", "M", "12Q", "-5", "1.5G", "\N{SUPERSCRIPT TWO}M", "0", "1M", "1000G", "9" * 30])
def test_a_bad_memory_size(text):
    one_line(run("--memory", text, "--", "/bin/true"), 125, "memory")


PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2


def read_no_more_than_others():
    """What root starts from here on has no leave to read everything."""
    if os.geteuid() == 0:
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            assert ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0


def test_an_unreadable_program(tmp_path):
    program = tmp_path / "program"
    program.write_bytes(elf(EXIT))
    program.chmod(0o311)
    done = subprocess.run(
        [*starter.COMMAND, "run", "--root", tmp_path, "--", "/program"], preexec_fn=read_no_more_than_others,
        capture_output=True, check=False,
    )
    one_line(done, 126, "Permission denied")


def test_files_that_cannot_be_written(tmp_path):
    missing = str(tmp_path / "no" / "trace")
    one_line(run("--trace", missing, "--", "/bin/true"), 125, missing, "No such file or directory")
    one_line(run("--trace", str(tmp_path), "--", "/bin/true"), 125, "Is a directory")
    one_line(procession("strace", "-o", missing, "--", "/bin/true"), 125, missing)


@pytest.mark.parametrize("script", ["true", "true | true; true | true; ls /etc"], ids=["at the end", "on the way"])
def test_a_full_disk_under_the_trace(script):
    command = ("--", SH, "-c", f"{{ {script}; }} > /dev/null")
    one_line(run("--trace", "/dev/full", *command), 125, "/dev/full", "No space left")
    one_line(procession("strace", "-f", "-o", "/dev/full", *command), 125, "/dev/full", "No space left")


def test_a_broken_archive_is_one_line(tmp_path):
    path = tmp_path / "root.tar.gz"
    path.write_bytes(gzip.compress(b"an archive")[:15])
    one_line(run("--root", str(path), "--", "/bin/t"), 125, str(path), "not a tar archive")
    one_line(run("--root", str(tmp_path / "none"), "--", "/bin/t"), 125, "no such file or directory")


# Wild system calls.


@pytest.mark.parametrize(("seed", "cpus"), [(2, 1), (3, 1), (4, 2)])
def test_wild_system_calls(hostile, inside, seed, cpus):
    """Every call of 3.2 with pointers and sizes from hell, alone and mixed, from a process each."""
    result = inside([hostile("wild_syscalls"), str(seed), "2", "0", "311", "8", str(seed)], memory=64 << 20, cpus=cpus)
    assert (result.exit_code, result.output) == (0, "survived\n")


def test_a_call_that_does_not_exist_is_counted():
    """ENOSYS, whatever the number."""
    for number in (312, 400, 0x7FFFFFFF, 0xFFFFFFFF):
        # mov eax, number; syscall; neg eax; mov edi, eax
        code = "b8" + struct.pack("<I", number).hex() + "0f05 f7d8 89c7" + EXIT
        result = Machine(root={"/t": elf(code)}, memory=8 << 20).run(["/t"])
        assert result.exit_code == Errno.ENOSYS
        assert sum(result.kernel.enosys.values()) == 1


WILD = (
    0, 1, 2, 3, -1, -2, 1 << 31, 1 << 32, 1 << 62, 1 << 63, (1 << 64) - 1, 1 << 47, 0xFFFF800000000000, 4096, 1 << 100,
)
NOT_ALONE = {"exit", "exit_group", "pause", "rt_sigsuspend", "rt_sigreturn"}
SIGNALS = {"kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"}


def wild_argument(rng):
    kind = rng.randrange(8)
    if kind < 3:
        return rng.choice(WILD)
    if kind == 3:
        return None
    if kind == 4:
        return rng.choice(("/", "/tmp/x", "", "/proc/self/stat", "x" * 5000, "/bin/main"))
    if kind == 5:
        return rng.randbytes(rng.choice((0, 1, 4, 8, 16, 24, 100, 4096)))
    return bytearray(rng.choice((0, 1, 4, 8, 16, 24, 100, 4096))) if kind == 6 else rng.randrange(32)


@pytest.mark.parametrize("seed", range(3))
def test_wild_system_calls_of_python_programs(seed):
    """They get an OSError, or a TypeError for what no C program could pass."""
    async def main(sys):
        rng = random.Random(seed)
        # System V objects outlive who made them, but not their namespace.
        await sys.unshare(sys.CLONE_NEWIPC)
        for name in sorted(set(SYSCALL_NAMES.values()) - NOT_ALONE):
            own = random.Random(rng.getrandbits(64))
            pid = await sys.fork()
            if pid == 0:
                await sys.alarm(2)
                for _ in range(4):
                    arguments = [wild_argument(own) for _ in range(own.choice((6, 6, 6, 2, 0)))]
                    if name in SIGNALS:
                        arguments = [await sys.getpid(), own.choice((0, 14, 65, -1)), *arguments]
                    try:
                        await sys.syscall(name, *arguments)
                    except (OSError, TypeError, ValueError):
                        pass
                await sys.exit(0)
            await sys.waitpid(pid)

    result = Machine(root={"/x": b""}, memory=64 << 20).run(main)
    assert (result.exit_code, result.stderr) == (0, b"")
    result.kernel.check_baseline()


class Foreign:
    """Something awaited that is no system call."""

    def __init__(self, value):
        self.value = value

    def __await__(self):
        yield self.value

    def __iter__(self):
        raise RuntimeError("not to be taken apart")

    def __repr__(self):
        raise RuntimeError("not to be looked at")


@pytest.mark.parametrize("value", [None, 5, "x", ["write"], (1, 2, 3), object(), Foreign(None)], ids=type)
def test_a_program_that_awaits_something_else(value):
    """The program has made a mistake, and is told."""
    async def main(sys):
        await Foreign(value)

    result = Machine().run(main)
    assert result.exit_code == 1
    assert b"TypeError: a program can only await system calls" in result.stderr


# Wild code.


@pytest.mark.parametrize(("seed", "cpus"), [(1, 1), (2, 1), (3, 2)])
def test_wild_code(hostile, inside, seed, cpus):
    """Random instructions, privileged ones among them: signals, for those who have run them."""
    result = inside([hostile("wild_code"), str(seed), "1000"], memory=64 << 20, cpus=cpus)
    lines = result.output.splitlines()
    assert lines[-1] == "survived"
    for word in ("ILL", "SEGV", "FPE", "TRAP"):
        assert f"{word} 0 " not in lines[-2]


@pytest.mark.parametrize("seed", [1, 2])
def test_wild_signal_frames(hostile, inside, seed):
    """rt_sigreturn to anything: SIGSEGV, or registers nobody asked for."""
    result = inside([hostile("wild_frames"), str(seed), "600"], memory=64 << 20)
    assert result.output.endswith("survived\n")


PRIVILEGED = {
    "hlt": "f4", "cli": "fa", "sti": "fb", "in": "e410", "out": "e610", "insb": "6c", "clts": "0f06", "invd": "0f08",
    "wrmsr": "0f30", "rdmsr": "0f32", "mov cr3": "0f22d8", "mov dr7": "0f23f8", "lgdt": "0f0110",
    "lidt": "0f0118", "ltr": "0f00d8", "iret to the kernel": "6a00 6a00 6a02 6a10 6a00 48cf",
    "int 0": "cd00", "int 13": "cd0d",
    "int 14": "cd0e", "int 0x81": "cd81",
    "far jump": "48ff2c24",
}


@pytest.mark.parametrize("name", PRIVILEGED)
def test_a_privileged_instruction_is_sigsegv(name):
    result = Machine(root={"/t": elf(PRIVILEGED[name] + EXIT)}, memory=8 << 20).run(["/t"])
    assert result.status & 0x7F == SIGSEGV


def test_a_crash_is_said_as_a_shell_says_it(tmp_path):
    (tmp_path / "crash").write_bytes(elf("31c0 8b00" + EXIT))
    (tmp_path / "crash").chmod(0o755)
    done = run("--root", str(tmp_path), "--", "/crash")
    assert (done.returncode, done.stderr) == (139, b"Segmentation fault\n")


def test_a_bug_of_ours_names_task_and_call_and_where_to_go(monkeypatch):
    """What leaves kernel code is an oops, whatever it is."""
    from procession.include.linux.bug import KernelBug  # noqa: PLC0415
    from procession.include.linux.syscalls import SYSCALLS  # noqa: PLC0415

    class Unknown(Exception):
        pass

    def broken(current):
        raise Unknown("the reason")

    call = SYSCALLS["getppid"]
    monkeypatch.setattr(call, "fn", broken)

    async def main(sys):
        await sys.getppid()

    with pytest.raises(KernelBug) as caught:
        Machine().run(main)
    text = str(caught.value)
    assert "the reason" in text
    assert "comm: main" in text
    assert "(getppid)" in text
    assert "report" in text


# Exhaustion.


class Watched:
    """The command in a process of its own, and how large that has become."""

    def __init__(self, *arguments, **options):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "procession.cli", "run", *arguments],
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )
        self.peak = 0
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        status = Path(f"/proc/{self.process.pid}/status")
        while self.process.poll() is None:
            try:
                found = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
            except OSError:
                break
            if found:
                self.peak = max(self.peak, int(found[0].split()[1]) << 10)
            time.sleep(0.05)

    def end(self):
        """Wait for it; returns exit status, output, errors."""
        try:
            out, err = self.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        finally:
            self.thread.join()
        assert b"Traceback" not in err, err.decode()
        return self.process.returncode, out, err

    def stop(self, number, after):
        """Send a signal when it has run for a while; it must end."""
        time.sleep(after)
        assert self.process.poll() is None
        self.process.send_signal(number)
        return self.end()


ERRNO, KILLED = 0, 137
EXHAUSTED = {
    "touch": ERRNO, "sparse": KILLED, "sparseread": KILLED, "maps": ERRNO, "brk": ERRNO, "brktouch": ERRNO,
    "stack": 139,
    "file": KILLED, "sparsefile": KILLED, "pipes": ERRNO, "manypipes": ERRNO, "manysockets": ERRNO, "manymaps": ERRNO,
    "shared": ERRNO, "argv": ERRNO, "longarg": ERRNO, "endlessargv": ERRNO, "hugeread": KILLED, "hugewrite": KILLED,
    "creat": ERRNO, "deep": ERRNO, "stat": ERRNO, "passedsockets": ERRNO, "forks": 143,
}
EXHAUSTED_ERRNO = {
    "touch": Errno.ENOMEM, "maps": Errno.ENOMEM, "brk": 0, "manymaps": Errno.ENOMEM, "argv": Errno.E2BIG,
    "longarg": Errno.E2BIG,
    "creat": Errno.ENOSPC, "pipes": Errno.EMFILE, "passedsockets": Errno.ETOOMANYREFS,
}


@pytest.mark.parametrize("what", EXHAUSTED)
def test_exhaustion(hostile, what):
    """An errno or a kill inside; outside no more than the machine's memory and what our own objects take."""
    command = Watched("--memory", "64M", "--", hostile("exhaust"), what)
    status, out, err = command.end()
    assert status == EXHAUSTED[what], err.decode()
    assert command.peak < 400 * MEGABYTE
    if what in EXHAUSTED_ERRNO:
        assert f"{what}: errno {int(EXHAUSTED_ERRNO[what])} ".encode() in out


@pytest.mark.unchecked      # a walk through all of it after every trap would take hours
def test_a_chain_of_sockets_inside_sockets(hostile, inside):
    """What nobody can receive any more is closed, link by link and not one inside the other."""
    inside([hostile("exhaust"), "passedsockets", "down"], memory=64 << 20)


@pytest.mark.parametrize("script", [":(){ :|:; };:", ":(){ :|:& };:; while :; do :; done"], ids=["in front", "behind"])
def test_a_fork_bomb(script):
    """fork fails, the host does not notice, and it can be stopped."""
    bash = need("bash")
    command = Watched("--memory", "64M", "--", bash, "-c", script)
    time.sleep(4)
    command.process.send_signal(signal.SIGINT)
    status, _, _ = command.end()
    assert status in (-signal.SIGINT, 137)
    assert command.peak < 400 * MEGABYTE


# Interruption, and the world outside.

LOOPS = {
    "a shell's loop": "while :; do :; done", "two that talk": "yes | cat > /dev/null", "one that waits": "cat",
    "many": "for i in 1 2 3 4; do while :; do :; done & done; wait",
}


@pytest.mark.parametrize("script", LOOPS.values(), ids=LOOPS)
def test_ctrl_c(script):
    """It ends within two seconds, by SIGINT and without a word."""
    silent, other = os.pipe()
    command = Watched("--", SH, "-c", script, stdin=silent, stdout=subprocess.DEVNULL)
    try:
        status, _, err = command.stop(signal.SIGINT, 1.5)
    finally:
        os.close(silent)
        os.close(other)
    assert (status, err) == (-signal.SIGINT, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_guest_never_leaves_its_loop(tmp_path, number):
    (tmp_path / "spin").write_bytes(elf("ebfe"))
    (tmp_path / "spin").chmod(0o755)
    status, _, _ = Watched("--root", str(tmp_path), "--", "/spin").stop(number, 1.5)
    assert status == -number


def test_ctrl_c_at_any_moment_of_the_start():
    for delay in (0, 0.1, 0.2, 0.3):
        command = Watched("--", SH, "-c", "while :; do :; done")
        wait_for_the_command(command.process.pid)
        status, _, _ = command.stop(signal.SIGINT, delay)
        assert status == -signal.SIGINT


def test_a_closed_output_ends_the_program_quietly():
    line = f"{sys.executable} -m procession.cli run -- yes | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, timeout=30, check=False)
    assert (done.stdout, done.stderr) == (b"y\n141\n", b"")


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_standard_files(redirection, tmp_path):
    """The next file opened does not take their place; the program has not got them either."""
    trace = tmp_path / "trace"
    script = "echo out; echo err >&2; cat"
    line = f"{sys.executable} -m procession.cli run --trace {trace} -- {SH} -c '{script}' {redirection}"
    done = subprocess.run(["bash", "-c", line], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    assert done.returncode == (0 if redirection == "2>&-" else 1)  # cat's
    assert done.stdout == (b"" if ">&-" in redirection.split() else b"out\n")
    assert (b"err\n" in done.stderr) == ("2>&-" not in redirection)
    assert all(line.startswith("{") for line in trace.read_text().splitlines())


def test_a_full_disk_under_the_output():
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = run("--", "/bin/ls", "/", stdout=full)
    assert done.returncode == 2  # that of ls
    assert b"No space left on device" in done.stderr


def test_input_from_a_pipe():
    lines = b"".join(b"%d\n" % i for i in range(50000))
    assert run("--", "wc", "-l", input=lines, stdin=None).stdout.strip() == b"50000"


def test_a_poll_for_nothing_lets_time_pass():
    """Input that lies there is not what this one waits for."""
    async def main(sys):
        before = await sys.clock_gettime(1)
        assert await sys.poll([(0, 2)], 5000) == []
        await sys.print(round((await sys.clock_gettime(1) - before) / 1e9))

    result = Machine(stdin=b"unread").run(main)
    assert (result.output, result.stderr) == ("5\n", b"")
