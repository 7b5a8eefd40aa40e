"""`procession strace` has strace's letters, and what they print is what strace prints of the same program."""

from __future__ import annotations

from pathlib import Path
import re
import subprocess

import pytest
from tests import starter
from tests.surroundings import need
from tests.test_strace import DROPPED, ENV, normal

from procession import Machine
from procession.tools.strace import Strace
from procession.tools.strace_filter import parse_filters
from procession.tools.strace_lines import Options, fraction
from procession.tools.strace_summary import Summary

FILES = Path(__file__).parent / "strace_files.c"
SH = "/bin/sh"


def ours(*arguments, **options):
    return starter.run("strace", *arguments, text=True, **options)


def lines(*arguments):
    return ours(*arguments).stderr.splitlines()


def host(*arguments):
    command = [need("strace"), *map(str, arguments)]
    done = subprocess.run(
        command, env=ENV, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        errors="replace",
    )
    if "ptrace" in done.stderr:
        pytest.skip("the host does not let strace trace")
    return done


@pytest.fixture(scope="session")
def files(compilers):
    """The program that has descriptors of all kinds."""
    compilers.need("glibc")
    command = [*compilers.commands["glibc"], "-w", str(FILES)]
    return compilers.cache.build("strace_files", command, [FILES], compilers.versions["glibc"] or "")


def numbered(text):
    """The text without inodes and devices that are other ones inside."""
    text = re.sub(r"(?<=\[)\d+(?=[],]|->)", "N", text)
    text = re.sub(r"(?<=->)\d+(?=[],])", "N", text)
    text = re.sub(r"</dev/(?:console|null)(?:<char \d+:\d+>)?>", "<TERMINAL>", text)
    text = re.sub(r"st_dev=makedev\([^)]*\), st_ino=\d+", "st_dev, st_ino", text)
    text = re.sub(r"st_([amc])time=\d+ /\*[^*]*\*/, st_.time_nsec=\d+", r"st_\1time", text)
    return re.sub(r"d_ino=\d+, d_off=\d+", "d_ino, d_off", text)


LETTERS = [
    ["-y"], ["-yy"], ["-x"], ["-xx"], ["-s", "1"], ["-s", "2"], ["-s0"], ["-a", "0"], ["-v"], ["-z"], ["-Z"],
    ["-P", "/etc/passwd", "-y"], ["-P", "sock"], ["-P", "/usr", "-P", "/dev/null"], ["-xx", "-y", "-P", "/usr"],
    ["-zv"],
    ["-e", "decode-fds=socket"], ["-e", "decode-fds=dev"], ["-e", "verbose=none"], ["-e", "abbrev=none"],
    ["-e", "status=failed,unfinished"], ["-e", "status=none"], ["-e", "signal=none"], ["-e", "status=!successful"],
    ["-e", "%desc"], ["-e", "%file"], ["-e", "!%net"], ["-e", "%memory"], ["-e", "trace=%process,?nonsense"],
    ["-e", "%pure"], ["-e", "%clock"], ["-e", "%stat"], ["-e", "%%stat"], ["-e", "%creds"], ["-e", "%ipc"],
    ["-e", "/^.?close"], ["-e", "trace=read", "-e", "trace=write"], ["-e", "none"], ["-e", "!all"],
    ["--strings-in-hex"], ["--strings-in-hex=non-ascii-chars"], ["--decode-fds=all"], ["--decode-fds"], ["--no-abbrev"],
    ["--trace=%desc", "--successful-only"], ["--string-limit=3"], ["--string-limit", "3"], ["--failed-only"],
    ["--trace-path=/usr"], ["--columns=60"], ["--status=failed"], ["--seccomp-bpf"], ["--quiet=exit"], ["-qq"],
    ["--verbose=!poll"],
]


@pytest.mark.parametrize("letters", LETTERS, ids=" ".join)
def test_each_letter_prints_what_the_host_prints(letters, files, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    host("-f", *letters, "-o", tmp_path / "host", files, work)
    done = ours("-f", *letters, "-o", tmp_path / "ours", files, work)
    assert done.stderr == ""
    assert done.returncode == 3
    texts = [(tmp_path / name).read_text() for name in ("host", "ours")]
    theirs, mine = (normal(numbered(text)) if text else [] for text in texts)
    assert mine == theirs


def test_raw_arguments_are_numbers(files, tmp_path):
    raw = ["-e", "raw=all", "-e", "trace=!execve,set_tid_address"]
    host("-f", *raw, "-o", tmp_path / "host", files, tmp_path)
    ours("-f", *raw, "-o", tmp_path / "ours", files, tmp_path)
    assert normal((tmp_path / "ours").read_text()) == normal((tmp_path / "host").read_text())


# Times and the like: the same columns, whatever the figures.
STAMPS = [
    ["-t"], ["-tt"], ["-ttt"], ["-t", "-t"], ["-r"], ["-T"], ["-t", "-r"], ["-tt", "-r", "-T"], ["-tttT"], ["-n"],
    ["-i"], ["-n", "-i", "-tt"], ["-a", "60", "-T"], ["--relative-timestamps"], ["--relative-timestamps=ns"],
    ["--syscall-times=ms"], ["--syscall-times=s"], ["--absolute-timestamps"], ["--absolute-timestamps=unix,ms"],
    ["--absolute-timestamps=precision:ns"], ["--absolute-timestamps=format:unix"], ["-r", "--relative-timestamps=s"],
]


@pytest.mark.parametrize("letters", STAMPS, ids=" ".join)
def test_times_stand_where_the_host_has_them(letters):
    trace = ["-e", "trace=openat,close,write,kill,exit_group", "-e", "signal=all"]
    argv = [SH, "-c", "echo on; kill -CONT $$; exit 3"]
    theirs = host(*letters, *trace, *argv).stderr
    mine = ours(*letters, *trace, *argv).stderr

    def shape(text):
        text = re.sub(r"(kill\(|si_pid=)\d+", r"\1PID", text)
        text = re.sub(r"(kill\(PID, SIGCONT\)) +=", r"\1 =", text)
        text = re.sub(r"\[[0-9a-f]{16}\]", "[ADDRESS]", text)
        text = re.sub(r"^\d{10} ", "dddddddddd ", text, flags=re.MULTILINE)
        return re.sub(r"\d(?=[\d:.]*[.:]\d)|(?<=[.:])\d+", lambda found: "d" * len(found[0]), text)

    assert shape(mine) == shape(theirs)


def test_the_clock_is_the_machines():
    letters = ["--boot-time", "2012-01-05T12:30:00+01:00", "-e", "exit_group"]
    first, last = lines(*letters, "-tt", "/bin/true")
    assert re.fullmatch(r"11:30:00\.\d{6} exit_group\(0\) += \?", first)
    assert last.endswith("+++ exited with 0 +++")
    assert re.match(r"1325763000\.\d{6} exit_group", lines(*letters, "-ttt", "/bin/true")[0])
    assert re.match(r"11:30:00 exit_group", lines(*letters, "-t", "/bin/true")[0])
    assert lines(*letters, "-tt", "-r", "-T", "/bin/true") == lines(*letters, "-tt", "-r", "-T", "/bin/true")


def test_a_sleep_takes_its_time():
    (line,) = [line for line in lines("-T", "/bin/sleep", "0.25") if "nanosleep" in line]
    assert 0.25 <= float(re.search(r"<(.*)>", line)[1]) < 0.26


def test_fractions_are_cut_off():
    assert fraction(1_999_999_999, 6) == "1.999999"
    assert fraction(1_999_999_999, 0, 6) == "     1"
    assert fraction(5, 9) == "0.000000005"


# The table.


def table(text):
    """The rows of a summary: calls and errors by name."""
    rows = [line.split() for line in text.splitlines()[2:] if not line.startswith("---")]
    return {row[-1]: row[3:-1] for row in rows}


def test_c_counts_what_the_host_counts(files, tmp_path):
    theirs = host("-c", "-o", tmp_path / "host", files, tmp_path)
    done = ours("-c", "-o", tmp_path / "ours", files, tmp_path)
    assert (done.returncode, done.stderr) == (theirs.returncode, theirs.stderr) == (3, "")
    texts = [(tmp_path / name).read_text() for name in ("host", "ours")]
    assert texts[0].splitlines()[:2] == texts[1].splitlines()[:2]
    counts = [{name: row for name, row in table(text).items() if not DROPPED.match(name)} for text in texts]
    for count in counts:
        for name in ("total", "readlink", "prlimit64", "munmap", "mmap"):  # by the allocator, or dropped ones' sum
            count.pop(name, None)
    assert counts[1] == counts[0]


def test_the_table_is_laid_out_as_the_hosts():
    summary = Summary()
    summary.add("read", 1_500_000, failed=False)
    summary.add("read", 500_000, failed=True)
    summary.add("sched_get_priority_max", 2_000_000, failed=False)
    summary.add("close", 0, failed=True)
    assert summary.text() == (
        "% time     seconds  usecs/call     calls    errors syscall\n"
        "------ ----------- ----------- --------- --------- -----------------------\n"
        " 50.00    0.002000        1000         2         1 read\n"
        " 50.00    0.002000        2000         1           sched_get_priority_max\n"
        "  0.00    0.000000           0         1         1 close\n"
        "------ ----------- ----------- --------- --------- -----------------------\n"
        "100.00    0.004000        1000         4         2 total\n"
    )
    assert Summary().text() == ""


def test_columns_and_order_of_the_table():
    done = lines("-c", "-U", "name,calls,max-time", "-S", "calls", SH, "-c", "read x; read x; exit 5")
    assert done[0] == "syscall              calls  longest"
    counts = [int(line.split()[1]) for line in done[2:-2]]
    assert counts == sorted(counts, reverse=True)
    by_name = lines("-c", "-S", "name", "-U", "calls", "/bin/true")
    names = [line.split()[-1] for line in by_name[2:-2]]
    assert names == sorted(names)
    theirs = host("-c", "-S", "name", "-U", "calls", "/bin/true").stderr.splitlines()
    assert by_name[:1] == theirs[:1]


def test_c_counts_the_cpus_time_and_w_that_of_the_clock():
    def slept(*letters):
        rows = [line.split() for line in lines("-c", *letters, "/bin/sleep", "0.5") if "nanosleep" in line]
        return float(rows[0][1])

    assert slept() < 0.001
    assert 0.5 <= slept("-w") < 0.51


def test_big_c_prints_calls_and_table():
    done = lines("-C", "-e", "close", "/bin/true")
    closes = sum(line.startswith("close(") for line in done)
    assert closes
    ends = done.index("+++ exited with 0 +++")
    assert done[ends + 1].startswith("% time")
    assert table("\n".join(done[ends + 1 :]))["close"] == [str(closes)]


def test_no_call_no_table():
    assert ours("-c", "-e", "none", "/bin/true").stderr == ""


# Where it goes.


def test_ff_writes_a_file_for_each_process(tmp_path):
    argv = [SH, "-c", "/bin/true; exit 3"]
    out = tmp_path / "out"
    assert ours("-ff", "-o", out, "-e", "%process", *argv).returncode == 3
    texts = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert sorted(texts) == ["out.17", "out.18"]
    assert "vfork()                                 = 18\n" in texts["out.17"]
    assert "<unfinished ...>" not in texts["out.17"]
    assert texts["out.18"].splitlines()[-1] == "+++ exited with 0 +++"
    host("-ff", "-o", tmp_path / "host", "-e", "%process", *argv)

    def shape(text):
        return re.sub(r"0x[0-9a-f]+", "ADDRESS", re.sub(r"(?<=[= ])\d{2,}|(?<=si_pid=)\d+", "PID", text))

    theirs = [path.read_text() for path in sorted(tmp_path.glob("host.*"), key=lambda path: int(path.suffix[1:]))]
    mine = [texts["out.17"], texts["out.18"]]
    assert [shape(text).replace("/* 4 vars", "/* 3 vars").splitlines()[1:] for text in mine] == [
        shape(text).replace("/* 4 vars", "/* 3 vars").splitlines()[1:] for text in theirs
    ]


def test_output_separately_is_the_long_name_of_ff(tmp_path):
    ours("--follow-forks", "--output-separately", f"--output={tmp_path / 'out'}", SH, "-c", "/bin/true; exit")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.17", "out.18"]


def test_big_a_appends(tmp_path):
    out = tmp_path / "out"
    for _ in range(2):
        ours("-A", "-o", out, "-e", "none", "/bin/true")
    assert out.read_text() == "+++ exited with 0 +++\n" * 2


@pytest.mark.parametrize("sign", ["|", "!"])
def test_output_goes_to_a_command(sign, tmp_path):
    out = tmp_path / "out"
    done = ours("-e", "none", "-o", f"{sign}sed s/^/X/ >{out}", SH, "-c", "exit 4")
    assert (done.returncode, done.stderr) == (4, "")
    assert out.read_text() == "X+++ exited with 4 +++\n"


def test_a_command_that_does_not_read_is_no_harm():
    done = ours("-o", "|exec <&-; sleep 0.1", SH, "-c", "exit 4")
    assert "Traceback" not in done.stderr


# Who is traced.


def sigchld(pid, status):
    return (
        f"--- SIGCHLD {{si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid={pid}, si_uid=0, si_status={status}, "
        "si_utime=0, si_stime=0} ---"
    )


def test_p_traces_only_these_processes():
    argv = [SH, "-c", "/bin/true; /bin/false; exit 3"]
    done = ours("-p", "19", "-e", "execve", *argv)
    assert done.returncode == 3
    assert [re.sub("0x.*vars", "…", line) for line in done.stderr.splitlines()] == [
        "strace: Process 19 attached",
        'execve("/bin/false", ["/bin/false"], … */) = 0',
        "+++ exited with 1 +++",
    ]
    both = ours("-p18", "-p", "17", "-q", "-e", "exit_group", *argv).stderr.splitlines()
    assert both == [
        "[pid    18] exit_group(0)               = ?",
        "[pid    18] +++ exited with 0 +++",
        sigchld(18, 0),
        sigchld(19, 1),
        "exit_group(3)                           = ?",
        "+++ exited with 3 +++",
    ]
    assert ours("-p", "17,18", "-q", "-e", "exit_group", *argv).stderr.splitlines() == both


def test_p_follows_with_f_from_there_on():
    argv = [SH, "-c", "/bin/sh -c '/bin/true; exit 4'; exit 3"]
    text = ours("-f", "-p", "18", "-e", "exit_group", *argv).stderr
    assert text.splitlines()[:2] == ["strace: Process 18 attached", "strace: Process 19 attached"]
    assert "exit_group(0)" in text
    assert "exit_group(4)" in text
    assert "exit_group(3)" not in text


def test_p_of_nobody_is_said():
    done = ours("-p", "99", SH, "-c", "exit 3")
    assert (done.returncode, done.stderr) == (3, "procession: strace -p 99: there was no such process\n")


def test_q_leaves_messages_out():
    argv = ["-f", "-e", "none", "-e", "signal=none", SH, "-c", "/bin/true; exit 3"]
    assert lines(*argv) == ["strace: Process 18 attached", "[pid    18] +++ exited with 0 +++", "+++ exited with 3 +++"]
    assert lines("-q", *argv) == ["[pid    18] +++ exited with 0 +++", "+++ exited with 3 +++"]
    assert lines("-qq", *argv) == lines("-q", "-q", *argv) == lines("--quiet=all", *argv) == []
    assert lines("-e", "quiet=exit", *argv) == ["strace: Process 18 attached"]


def test_big_p_takes_relative_names_and_links(tmp_path):
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("file")
    done = lines("-P", "link", "--cwd", tmp_path, "/bin/cat", "link", "/etc/passwd")
    assert done[0] == f'strace: Requested path "link" resolved into "{tmp_path}/link"'
    assert [re.match(r"\w+", line)[0] for line in done[1:-1]][:2] == ["openat", "newfstatat"]
    assert 'openat(AT_FDCWD, "link", O_RDONLY)      = 3' in done
    assert "passwd" not in "\n".join(done)
    assert lines("-qqq", "-P", "link", "--cwd", tmp_path, "/bin/true") == []


# What went through.


def test_dumps_are_the_hosts(files, tmp_path):
    letters = ["-e", "read=all", "-e", "write=all", "-e", "trace=read,write,readv,writev,pwrite64"]
    theirs = host(*letters, files, tmp_path).stderr
    assert ours(*letters, files, tmp_path).stderr == theirs


# The order of lines, and what begins them.


def test_calls_are_held_back_until_it_is_known_how_they_end():
    text = ours("-z", "-f", "-e", "%process", SH, "-c", "/bin/true; exit 3").stderr
    assert "unfinished" not in text
    assert "exit_group" not in text
    assert "strace: Process 18 attached\n[pid    18] execve(" in text
    assert "\nvfork()                                 = 18\n" in text
    assert "ECHILD" in ours("-Z", "-e", "%process", SH, "-c", "/bin/true; exit 3").stderr


def test_times_come_behind_the_pid():
    done = lines("-f", "-tt", "-e", "execve", SH, "-c", "/bin/true; exit 3")
    assert re.match(r"\[pid    18\] \d\d:\d\d:\d\d\.\d{6} execve\(\"/bin/true\"", done[2])


# Mistakes.

MISTAKES = [
    (["-k"], "strace -k: not to be had here (stack traces)"),
    (["-D"], "strace -D: not to be had here"),
    (["-fbexecve"], "strace -b: not to be had here"),
    (["--daemonize"], "strace --daemonize: not to be had here"),
    (["-M"], "strace -M: no such option"),
    (["-fM"], "strace -M: no such option"),
    (["-s", "x"], "strace -s x: not a number"),
    (["-s", "-1"], "strace -s -1: not a number"),
    (["-s", "\N{SUPERSCRIPT TWO}"], "not a number"),
    (["-a", ""], "strace -a : not a number"),
    (["-p", "x"], "strace -p x: not"),
    (["-p", "0"], "strace -p 0: not"),
    (["-p", ""], "strace -p : not"),
    (["-e", "nonsense=1"], "-e nonsense=1: "),
    (["-e", "trace=nonsense"], "invalid system call 'nonsense'"),
    (["-e", "%nonsense"], "invalid system call '%nonsense'"),
    (["-e", "status=x"], "invalid status 'x'"),
    (["-e", "signal=x"], "invalid signal 'x'"),
    (["-e", "quiet=x"], "invalid quiet 'x'"),
    (["-e", "read=x"], "invalid descriptor 'x'"),
    (["-e", "decode-fds=x"], "invalid decode 'x'"),
    (["-e", "inject=read:error=EIO"], "--fail"),
    (["--fault=read"], "--fail"),
    (["-c", "-C"], "-c and -C exclude each other"),
    (["-c", "-ff"], "-ff"),
    (["-ff", "-o", "|cat"], "-ff needs files"),
    (["-w"], "strace -w: goes with -c or -C"),
    (["-S", "time"], "strace -S: goes with -c or -C"),
    (["-A"], "strace -A: goes with -o"),
    (["-c", "-S", "x"], "-S x: one of time,"),
    (["-c", "-U", "x"], "-U x: 'x' is no column"),
    (["-c", "-U", "calls,calls"], "-U calls,calls: calls twice"),
    (["--absolute-timestamps=x"], "strace --absolute-timestamps=x: "),
    (["--relative-timestamps=x"], "x: the precision is one of"),
    (["--strings-in-hex=x"], "strace --strings-in-hex=x: one of"),
    (["--no-abbrev=x"], "strace --no-abbrev: takes no value"),
]


@pytest.mark.parametrize(("letters", "words"), MISTAKES, ids=lambda value: " ".join(value) if value else None)
def test_a_mistake_is_one_line(letters, words):
    done = ours(*letters, "/bin/true")
    assert done.returncode not in (0, 1)
    assert done.stdout == ""
    assert done.stderr.startswith("procession: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_missing_value_and_a_missing_program_are_said():
    for arguments in (["-s"], ["-fe"], ["--output"], ["-p"]):
        option = arguments[0].replace("-fe", "-e")
        assert ours(*arguments).stderr == f"procession: strace {option}: its value is missing\n"
    assert "say which program" in ours("-p", "3").stderr
    assert ours("-f").returncode not in (0, 1)


def test_options_end_at_the_program():
    done = ours("-e", "none", "-e", "signal=none", "-qq", "/bin/echo", "-e", "-f", "--", "-x")
    assert (done.stdout, done.stderr) == ("-f -- -x\n", "")
    assert ours("-qqenone", "--", "/bin/echo", "x").stdout == "x\n"


def test_big_e_sets_a_variable():
    assert ours("-qq", "-enone", "-esignal=none", "-E", "A=5", SH, "-c", "echo $A").stdout == "5\n"
    assert ours("-qq", "-enone", "-esignal=none", "-EA=6", SH, "-c", "echo $A").stdout == "6\n"


def test_help_has_a_line_for_each_letter():
    text = ours("--help").stdout
    for letter in "fpePzZqoAsavxynitrTcCSUw":
        assert re.search(rf"^  -{letter}\b", text, re.MULTILINE), letter
    for name in ("--seed", "--root", "--cpus", "What is traced", "A summary"):
        assert name in text
    assert ours("-h").stdout == text


# From Python.


def test_python_has_them_too():
    class Out(list):
        write = list.append

    async def main(sys):
        fd = await sys.open("/tmp/file", 0o101, 0o644)
        await sys.write(fd, b"text")

    machine, out = Machine(), Out()
    Strace(machine, out, Options(only=parse_filters(["trace=write", "decode-fds=all"]), clock="unix", spent=9))
    machine.run(main)
    (line,) = [line for line in "".join(out).splitlines() if "write" in line]
    assert re.fullmatch(r'1325721600 write\(3</tmp/file>, "text", 4\) += 4 <0\.\d{9}>', line)
