"""strace's output is laid out as the host's strace lays it out."""

from __future__ import annotations

import io
import os
from pathlib import Path
import pwd
import random
import re
import subprocess

import pytest
from tests import starter
from tests.surroundings import need

from procession import Machine
from procession.include.linux.syscalls import SYSCALLS
from procession.init import vmlinux  # noqa: F401 -- links every call in
from procession.tools.strace import Strace
from procession.tools.strace_args import flag_names, quote, sigset, wait_status
from procession.tools.strace_filter import parse_filters
from procession.tools.strace_printers import PRINTERS, argument, result
from procession.tools.strace_structs import Shown

SHAPES = Path(__file__).parent / "strace_shapes.c"
LATER = Path(__file__).parent / "strace_later.c"
# What the command gives its program.
ROOT = pwd.getpwuid(0)
ENV = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": ROOT.pw_dir, "USER": ROOT.pw_name, "LOGNAME": ROOT.pw_name, "SHELL": ROOT.pw_shell,
}

# Calls that 3.2 lacks, that the vDSO answers on the host, or that the allocator makes depending on addresses.
DROPPED = re.compile(
    r"(rseq|getrandom|statx|clone3|faccessat2|openat2|membarrier|close_range|clock_gettime|gettimeofday|time|uname|"
    r"brk|sysinfo|prlimit64\(0, RLIMIT_(?:STACK|NPROC)|readlink\(\"/proc/self/exe\", \"[^\"]*\", 4096|"
    r"getppid|getpgrp|munmap\(0x[0-9a-f]+, (?:135168|528384))\b|"
    r"mmap\(NULL, \d+, PROT_READ\|PROT_WRITE, MAP_PRIVATE\|MAP_ANONYMOUS, -1, 0\)"
)
# What of these calls differs from run to run: the library's own, and numbers that are the kernel's affair.
DROPPED_LATER = re.compile(
    r"brk|prlimit64\(0, RLIMIT_STACK|readlink\(\"/proc/self/exe\"|rseq\(0x[0-9a-f]{5}|mmap\(NULL|"
    r"getrandom\(.*, 8, GRND_NONBLOCK\) = 8"
)
NUMBERS = re.compile(
    r"((?:st_ino|st_nlink|st_[acm]time(?:_nsec)?|stx_ino|stx_nlink|stx_attributes_mask|stx_dev_major|stx_dev_minor|"
    r"stx_mnt_id|ru_\w+|d_ino|d_off)=|st_dev=makedev|parent_tid=\[|sched_runtime=|"
    r"getdents64\(3, 0x[0-9a-f]+ /\* )"
    r"(?:\(.*?\)|[\w|]+)(?: /\* \d{4}-.*?\*/)?"
)
# What only the host's real root may do.
PRIVILEGED = re.compile(r"setgroups\(")
# What comes when it comes: a pipeline's processes run side by side.
UNORDERED = re.compile(r"--- SIGCHLD|rt_sigreturn|wait4|.* \? ERESTART")
PID_RESULT = re.compile(
    r"^(getpid|gettid|clone3?|fork|vfork|wait4|set_tid_address|getpgid|getsid|setsid)\((.*)\) = (\d+)$",
)
PID_FIRST = re.compile(
    r"^(kill|tkill|wait4|waitid|rt_sigqueueinfo|setpgid|getpgid|tgkill)\(((?:P_PID, )?)(\d+)(, \d+)?",
)


def by_process(text):
    """The lines of each process, unfinished ones joined; processes in the order of their creation."""
    lines = {}
    for line in text.splitlines():
        pid, what = re.match(r"(\d+) +(.*)$", line).groups()
        mine = lines.setdefault(pid, [])
        resumed = re.match(r"<\.\.\. \w+ resumed>(.*)$", what)
        if resumed and mine and mine[-1].endswith(" <unfinished ...>"):
            mine[-1] = mine[-1].removesuffix(" <unfinished ...>") + resumed[1]
        else:
            mine.append(what)
    order = [next(iter(lines))]
    for pid in order:
        for line in lines[pid]:
            made = re.match(r"(?:clone3?|v?fork)\(.* = (\d+)$", line)
            if made and made[1] in lines and made[1] not in order:
                order.append(made[1])
    assert sorted(order) == sorted(lines)
    return {pid: lines[pid] for pid in order}


def ends(text):
    """Who ends, by the order of coming, in the order of ending."""
    pids = list(by_process(text))
    return [pids.index(pid) for pid in re.findall(r"^(\d+) +\+\+\+", text, re.MULTILINE)]


def normal(text, *, ordered=True, dropped=DROPPED):
    """The lines without what differs from run to run."""
    processes = by_process(text)
    names = {pid: f"PID{n}" for n, pid in enumerate(processes, 1)}
    out = []
    for pid, lines in processes.items():
        without = [dropped, PRIVILEGED] if os.geteuid() else [dropped]
        kept = [normal_line(line, names) for line in lines if not any(these.match(line) for these in without)]
        if not ordered:
            kept = sorted(line for line in kept if not UNORDERED.match(line))
        out += [f"== {names[pid]}", *kept]
    return out


def normal_line(line, names):
    line = re.sub(r"\) +=", ") =", line, count=1)
    line = PID_RESULT.sub(lambda m: f"{m[1]}({m[2]}) = {names.get(m[3], m[3])}", line)
    line = PID_FIRST.sub(
        lambda m: f"{m[1]}({m[2]}{names.get(m[3], m[3])}" + (", …" if m[1] == "tgkill" else m[4] or ""), line,
    )
    line = re.sub(r"in pid (\d+)", lambda m: f"in pid {names[m[1]]}", line)
    line = re.sub(r"si_pid=(\d+)", lambda m: f"si_pid={names.get(m[1], m[1])}", line)
    line = re.sub(r"(rt_sigreturn\(.*\)|getdents64\(.*\)) = .*", r"\1", line)
    line = re.sub(r"0x[0-9a-f]{5,16}", "ADDRESS", line)
    line = re.sub(r"S_IFCHR\|\d+, st_rdev=makedev\([^)]*\)", "S_IFCHR", line)
    line = re.sub(r"/\* \d+ vars? \*/", "/* vars */", line)
    line = re.sub(r"si_([us])time=\d+( /\*.*?\*/)?", r"si_\1time=N", line)
    return re.sub(r"tv_sec=\d+, tv_([nu])sec=\d+}( /\*.*?\*/)?", r"tv_\1sec=N}", line)


def host_strace(argv, directory, *options):
    program = need("strace")
    out = directory / "host"
    # Its standard files are devices, as inside.
    null = subprocess.DEVNULL
    root = ["unshare", "--map-root-user"] if os.geteuid() else []      # as inside
    command = [*root, program, "-f", *options, "-o", str(out), *argv]
    subprocess.run(command, env=ENV, cwd="/", stdin=null, stdout=null, stderr=null, check=False)
    text = out.read_text(errors="replace") if out.exists() else ""
    if "exited" not in text and "killed" not in text:
        pytest.skip("the host does not let strace trace")
    return text


def our_strace(argv, *options, output=None):
    if output is None:
        return starter.run("strace", *options, "--", *argv, cwd="/")
    null = subprocess.DEVNULL
    starter.run("strace", "-o", output, *options, "--", *argv, cwd="/", stdout=null, stderr=null)
    return output.read_text(errors="replace")


@pytest.fixture(scope="session")
def shapes(compilers):
    """The program that makes calls of all shapes."""
    compilers.need("glibc")
    command = [*compilers.commands["glibc"], "-w", str(SHAPES)]
    return compilers.cache.build("strace_shapes", command, [SHAPES], compilers.versions["glibc"] or "")


@pytest.fixture(scope="session")
def later(compilers):
    """The program that makes the calls that came later."""
    compilers.need("glibc")
    command = [*compilers.commands["glibc"], "-w", str(LATER)]
    return compilers.cache.build("strace_later", command, [LATER], compilers.versions["glibc"] or "")


def test_every_shape_of_argument_is_printed_as_the_host_prints_it(shapes, tmp_path):
    theirs = normal(host_strace([str(shapes)], tmp_path))
    ours = normal(our_strace([str(shapes)], "-f", output=tmp_path / "ours"))
    assert ours == theirs


@pytest.mark.parametrize("options", [[], ["-v"], ["-e", "verbose=none"]], ids=["short", "whole", "addresses"])
def test_what_came_later_is_printed_as_the_host_prints_it(later, options, tmp_path):
    theirs = host_strace([str(later)], tmp_path, *options)
    ours = our_strace([str(later)], "--later", "all", "-f", *options, output=tmp_path / "ours")
    assert ends(ours) == ends(theirs)
    theirs, ours = (
        [NUMBERS.sub(r"\1N", line) for line in normal(text, dropped=DROPPED_LATER)] for text in (theirs, ours)
    )
    assert len(theirs) > 200
    assert ours == theirs


# A core file is the host's affair.
SEQUENTIAL = {
    "true": ["/bin/true"],
    "cat": ["/bin/cat", "/etc/passwd", "/nope"],
    "head": ["/usr/bin/head", "-c", "10", "/etc/passwd"],
    "cut": ["/usr/bin/cut", "-d:", "-f1", "/etc/passwd"],
    "readlink": ["/bin/readlink", "/proc/self/cwd"],
    "uname": ["/bin/uname", "-s"],
    "rmdir": ["/bin/rmdir", "/nope"],
    "dash_builtin": ["/bin/sh", "-c", "cd /; echo hello; umask 027; exit 3"],
    # Children last long enough for their parent to wait already when SIGCHLD comes, however busy the host is.
    "dash_command": ["/bin/sh", "-c", "/bin/sleep 0.2; echo $?"],
    "dash_subshell": ["/bin/sh", "-c", "(/bin/sleep 0.2; exit 3); echo $?"],
    "dash_killed": ["/bin/sh", "-c", "trap 'echo usr1' USR1; kill -USR1 $$; kill -TERM $$"],
    "dash_kills_itself": ["/bin/sh", "-c", "kill -KILL $$"],
}
CONCURRENT = {
    "dash_pipeline": ["/bin/sh", "-c", "echo hi | cat | wc -c"],
    "dash_job": ["/bin/sh", "-c", "sleep 0.01 & wait; echo done"],
    "bash_jobs": ["/bin/bash", "-c", "sleep 0.01 & (exit 4); echo $?; wait $!; true | false"],
}


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_command_lines_are_printed_as_the_host_prints_them(name, tmp_path):
    argv = SEQUENTIAL[name]
    assert normal(our_strace(argv, "-f", output=tmp_path / "ours")) == normal(host_strace(argv, tmp_path))


@pytest.mark.parametrize("name", CONCURRENT)
def test_processes_side_by_side_are_printed_as_the_host_prints_them(name, tmp_path):
    argv = CONCURRENT[name]
    ours = normal(our_strace(argv, "-f", output=tmp_path / "ours"), ordered=False)
    assert ours == normal(host_strace(argv, tmp_path), ordered=False)


# Fixed expectations, for hosts without strace.


def test_columns_prefixes_and_attached_lines():
    done = our_strace(["/bin/sh", "-c", "/bin/true; exit 5"], "-f", "-e", "trace=%process")
    assert done.returncode == 5
    lines = re.sub("0x[0-9a-f]{8,}", "0x…", done.stderr.decode()).splitlines()
    first = 'execve("/bin/sh", ["/bin/sh", "-c", "/bin/true; exit 5"], 0x… /* 5 vars */) = 0'
    assert lines[0] == first
    assert lines[1:3] == ["vfork(strace: Process 18 attached", " <unfinished ...>"]
    assert lines[3].startswith('[pid    18] execve("/bin/true", ["/bin/true"], 0x')
    sigchld = (
        "--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=18, si_uid=0, si_status=0, "
        "si_utime=0, si_stime=0} ---"
    )
    assert lines[4:] == [
        "[pid    17] <... vfork resumed>)        = 18",
        "[pid    17] wait4(-1,  <unfinished ...>",
        "[pid    18] exit_group(0)               = ?",
        "[pid    18] +++ exited with 0 +++",
        "<... wait4 resumed>[{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 18",
        sigchld,
        "wait4(-1, 0x…, WNOHANG, NULL) = -1 ECHILD (No child processes)",
        "exit_group(5)                           = ?",
        "+++ exited with 5 +++",
    ]


def test_output_file_has_a_pid_on_each_line_with_f_only(tmp_path):
    with_f = our_strace(["/bin/true"], "-f", output=tmp_path / "a").splitlines()
    without = our_strace(["/bin/true"], output=tmp_path / "b").splitlines()
    assert with_f[-1] == "17    +++ exited with 0 +++"
    assert with_f[-2] == "17    exit_group(0)                     = ?"
    assert without[-2:] == ["exit_group(0)                           = ?", "+++ exited with 0 +++"]


def test_without_f_children_are_not_shown():
    text = our_strace(["/bin/sh", "-c", "/bin/echo x; :"]).stderr.decode()
    assert "attached" not in text
    assert '"/bin/echo", ["/bin/echo"' not in text


def test_s_sets_how_much_of_a_string_is_shown():
    argv = ["/bin/echo", "0123456789" * 5]
    assert '"0123456789"...' in our_strace(argv, "-s", "10", "-e", "write").stderr.decode()
    assert f'"{"0123456789" * 5}\\n", 51)' in our_strace(argv, "-s", "100", "-e", "write").stderr.decode()


def test_filters():
    def shows(*expressions):
        return parse_filters(list(expressions)).call

    assert shows("trace=open,close")("open")
    assert not shows("trace=open,close")("read")
    assert not shows("!open")("open")
    assert shows("!open")("read")
    assert shows("%file")("openat")
    assert not shows("%file")("read")
    assert shows("%desc")("read")
    assert shows("/^get.*id$")("getpid")
    assert shows("getrandom")("getrandom")
    assert shows("?nonsense,read")("read")
    assert not shows("none")("read")
    assert shows("%stat")("stat")
    assert not shows("%stat")("fstat")
    assert shows("%%stat")("fstat")
    assert shows("%net")("bind")
    assert not shows("%desc")("bind")
    assert shows("%desc")("sendfile")
    assert parse_filters(["verbose=!read"]).verbose("write")
    assert parse_filters(["status=!failed"]).status == {"successful", "unfinished", "unavailable", "detached"}
    assert parse_filters(["read=!3"]).read(4)
    assert not parse_filters(["write=none"]).write(4)
    assert parse_filters(["signal=SIGINT,term"]).signal("SIGTERM")
    assert not parse_filters(["signal=!15"]).signal("SIGTERM")
    for bad in ("trace=nonsense", "kvm=vcpu", "signal=SIGNOTHING", "/("):
        with pytest.raises(ValueError, match="-e"):
            parse_filters([bad])


def test_quoting_and_names():
    assert quote(b'a\x017\x7f"\\\n\x00x') == r'"a\0017\177\"\\\n\0x"'
    assert quote(b"abc", cut=True) == '"abc"...'
    assert sigset(0) == "[]"
    assert sigset((1 << 64) - 1) == "~[]"
    assert sigset(1 << 1 | 1 << 33) == "[INT RT_2]"
    assert wait_status(0x137F) == "{WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP}"
    assert wait_status(0x8B) == "{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}"
    flags = SYSCALLS["mprotect"].params[2].arg.flags
    assert flag_names(3, flags, "PROT_") == "PROT_READ|PROT_WRITE"
    assert flag_names(0, flags, "PROT_") == "PROT_NONE"
    assert flag_names(0x10, flags, "PROT_") == "0x10 /* PROT_??? */"


def test_every_kind_of_argument_has_a_printer():
    missing = {
        (call.name, param.name, param.arg.kind) for call in SYSCALLS.values() for param in call.params
        if param.arg.kind not in PRINTERS
    }
    assert not missing


# 2-byte words, so that structs are full of small and of huge numbers.
VALUES = (0, 1, 2, 3, 7, 8, 17, 0x7F, 0xFFFF, 0x5401, 1 << 20, 1 << 31, (1 << 32) - 1, 1 << 47, 1 << 63, (1 << 64) - 1)


def test_no_arguments_and_no_memory_make_strace_fail():
    choice = random.Random(1)

    def peek(ptr, offset, size):
        kind = choice.randrange(4)
        if kind == 0:
            return None
        return b"".join(choice.choice((b"\0", b"\1", b"\xff", b"a")) for _ in range(size))

    for name, call in sorted(SYSCALLS.items()):
        for _ in range(60):
            args = []
            for param in call.params:
                value = choice.choice(VALUES) & (1 << param.arg.bits) - 1
                negative = param.arg.signed and value >> param.arg.bits - 1
                args.append(value - (1 << param.arg.bits) if negative else value)
            shown = Shown(tuple(args), call.params, peek, ret=choice.choice((None, 0, 1, 5, 4096, -14, -516)))
            for at in range(len(args)):
                text = argument(shown, at)
                assert text is None or isinstance(text, str), name
            if not shown.failed:
                assert result(shown, call.result)


def test_syslog_has_the_arguments_of_its_action():
    """As strace 6.1 prints it."""
    async def main(sys):
        text = bytearray(64)
        for action, buf, size in (0, None, 0), (10, None, 0), (3, text, 8), (2, None, 9), (8, None, 7), (77, None, 5):
            try:
                await sys.syscall("syslog", action, buf, size)
            except OSError:
                pass

    kernel = Machine()
    out = io.StringIO()
    Strace(kernel, out)
    kernel.run(main)
    lines = [re.sub(" +=", " =", line) for line in out.getvalue().splitlines() if "syslog" in line]
    assert lines == [
        "syslog(0 /* SYSLOG_ACTION_CLOSE */) = 0",
        "syslog(10 /* SYSLOG_ACTION_SIZE_BUFFER */) = 131072",
        lines[2],
        "syslog(2 /* SYSLOG_ACTION_READ */, NULL, 9) = -1 EINVAL (Invalid argument)",
        "syslog(8 /* SYSLOG_ACTION_CONSOLE_LEVEL */, NULL, 7 /* LOGLEVEL_DEBUG */) = 0",
        "syslog(77 /* SYSLOG_ACTION_??? */, NULL, 5) = -1 EINVAL (Invalid argument)",
    ]
    assert re.fullmatch(r'syslog\(3 /\* SYSLOG_ACTION_READ_ALL \*/, ".+", 8\) = 8', lines[2])


def test_a_python_program_is_traced():
    async def main(sys):
        fd = await sys.open("/tmp/file", 0o101, 0o644)
        await sys.write(fd, b"some text")
        pid = await sys.fork()
        if pid == 0:
            await sys.exit(7)
        await sys.waitpid(pid)

    kernel = Machine()
    out = io.StringIO()
    Strace(kernel, out)
    kernel.run(main)
    text = out.getvalue()
    assert re.search(r'open\("/tmp/file", O_WRONLY\|O_CREAT, 0644\) += 3', text)
    assert re.search(r'write\(3, "some text", 9\) += 9', text)
    assert "WEXITSTATUS(s) == 7" in text
