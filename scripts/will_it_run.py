"""Run a list of programs inside and on the host, and write what came of it into docs/will-it-run.md.

    python scripts/will_it_run.py            # all of them: ten minutes
    python scripts/will_it_run.py WORD...    # those whose rows have one of these words

Each program is a shell command that prints something that does not depend on where it runs. It runs if the exit status
and the output are the same; how fast is told by the CPU time of both, without what a start costs. What is not installed
here keeps the row that it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
import re
import resource
import shutil
import subprocess
import sys
import time

HOME = Path(__file__).resolve().parents[1]
PAGE = HOME / "docs" / "will-it-run.md"
SECONDS = 240
PROCESSION = (sys.executable, "-m", "procession", "run", "--unsupported")
TABLE = re.compile(r"(<!-- programs: .*? -->\n).*?(<!-- end -->)", re.DOTALL)
ROW = re.compile(r"^\| (?P<what>.+?) \| (?P<found>.+?) \| (?P<ratio>.*?) \| (?P<note>.*?) \|$", re.MULTILINE)
# 3.2 has no such call, and every C library knows how to do without: no reason for anything.
USUAL = {"getrandom", "rseq", "clone3", "faccessat2", "statx", "close_range", "prlimit64", "openat2", "pidfd_open"}


@dataclass(frozen=True)
class Program:
    """A row: what the table calls it, the program it needs, the command.

    quick: tests run it.  why: the reason, if it does not run and no call that was refused says why.
    """

    what: str
    needs: str
    command: str
    quick: bool = False
    why: str = ""


TREE = "cd /tmp && mkdir -p w/a w/b && cd w && seq 3000 > a/n && cp a/n b/m && "

PROGRAMS = (
    Program(
        "dash: a loop of 2,000 rounds", "dash", "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; echo $i", quick=True
    ),
    Program(
        "bash: jobs, pipes, traps",
        "bash",
        "bash -c 'trap \"echo bye\" EXIT; (echo a; echo b) | while read x; do echo $x; done; sleep 1 & wait; echo $?'",
        quick=True,
    ),
    Program(
        "busybox: `ash`, `sed`, `awk`",
        "busybox",
        "busybox ash -c 'seq 300 | busybox awk \"{s+=\\$1} END {print s}\" | busybox sed s/4/x/'",
    ),
    Program(
        "coreutils: `sort`, `uniq`, `join` of 3,000 lines",
        "sort",
        TREE + "sort -r a/n | sort -n | uniq | join - b/m | tail -1",
    ),
    Program("findutils, `xargs`, `grep`", "find", TREE + "find . -type f -print0 | xargs -0 grep -c 7 | sort"),
    Program(
        "`sed`, `awk`",
        "awk",
        "seq 2000 | awk '{s += $1 * $1} END {print s}'; seq 50 | sed -n '/3/{s/$/!/;p}' | tail -1",
        quick=True,
    ),
    Program("`tar`, `gzip`", "tar", TREE + "tar cf - . | gzip -n | gzip -d | tar xOf - ./a/n | cksum"),
    Program(
        "`xz`, `zstd` (threads)", "zstd", TREE + "xz -c a/n | xz -dc | cksum; zstd -q -T2 -c a/n | zstd -dc | cksum"
    ),
    Program(
        "openssl: digests, AES",
        "openssl",
        "seq 2000 | openssl dgst -sha256; seq 2000 | openssl enc -aes-128-cbc -K 00 -iv 00 2>/dev/null | cksum",
    ),
    Program(
        "Perl: fork, pipes, regular expressions",
        "perl",
        'perl -e \'for (1..3) { if (!fork) { exit $_ } } $s += $? >> 8 while wait > 0; print "$s\\n"; print join(",", ("a1b2c3" =~ /\\d/g)), "\\n"\'',
        quick=True,
    ),
    Program(
        "Python: json, re, decimal",
        "/usr/bin/python3",
        '/usr/bin/python3 -c \'import json, re, decimal; print(len(json.dumps(list(range(3000)))), re.sub("a+", "b", "caaat"), decimal.Decimal(2).sqrt())\'',
    ),
    Program(
        "Python: threads, subprocess, asyncio",
        "/usr/bin/python3",
        '/usr/bin/python3 -c \'import asyncio, subprocess, threading; t = [threading.Thread(target=print, args=(n,)) for n in range(2)]; [(x.start(), x.join()) for x in t]; print(subprocess.check_output(["echo", "x"])); asyncio.run(asyncio.sleep(5))\'',
    ),
    Program(
        "Python: multiprocessing.Pool",
        "/usr/bin/python3",
        "/usr/bin/python3 -c 'import multiprocessing as m; print(m.Pool(2).map(abs, [-1, -2, -3]))'",
    ),
    Program(
        "Tcl",
        "tclsh",
        "echo 'for {set i 0} {$i < 500} {incr i} {append s $i}; puts [string length $s]' | tclsh",
        quick=True,
    ),
    Program(
        "Node.js",
        "node",
        'node -e \'const c = require("child_process"); console.log(c.execSync("echo x").toString(), [3,1,2].sort())\'',
    ),
    Program(
        "Java (HotSpot), a class",
        "javac",
        "cd /tmp && echo 'class A { public static void main(String[] a) { System.out.println(6 * 7); } }' > A.java && javac A.java && java A",
    ),
    Program(
        "gcc: compile, link, run",
        "gcc",
        "cd /tmp && echo 'int printf(const char *, ...); int main(void) { return printf(\"42\\n\") != 3; }' > a.c && gcc -O2 a.c -o a.out && ./a.out",
    ),
    Program(
        "g++, with exceptions",
        "g++",
        "cd /tmp && printf '#include <iostream>\\nint main() { try { throw 3; } catch (int n) { std::cout << n << std::endl; } }' > a.cc && g++ a.cc -o b.out && ./b.out",
    ),
    Program(
        "`make -j2`",
        "make",
        "cd /tmp && printf 'all: a b\\na b:\\n\\t@echo made > $@\\n' > Makefile && make -s -j2 && cat a b",
    ),
    Program(
        "CMake",
        "cmake",
        "mkdir -p /tmp/c && cd /tmp/c && printf 'cmake_minimum_required(VERSION 3.5)\\nproject(x NONE)\\nmessage(STATUS hello)\\n' > CMakeLists.txt && cmake . | grep hello",
    ),
    Program(
        "Git: init, commit, log, gc",
        "git",
        "export HOME=/tmp GIT_AUTHOR_DATE=1000000000 GIT_COMMITTER_DATE=1000000000; cd /tmp && git init -q g && cd g && git config user.email a@b && git config user.name a && seq 100 > f && git add f && git commit -qm one && git gc -q && git log --format=%H",
    ),
    Program(
        "SQLite",
        "sqlite3",
        "cd /tmp && sqlite3 x.db 'create table t(n); insert into t values (1), (2), (3); select sum(n) from t;'",
    ),
    Program("jq", "jq", "echo '{\"a\": [1, 2, 3]}' | jq -c '.a | add'", quick=True),
    Program("groff, man pages", "groff", "printf '.TH X 1\\n.SH NAME\\nx \\\\- y\\n' | groff -man -Tascii | cksum"),
    Program(
        "expect (a terminal of its own)",
        "expect",
        'expect -c \'spawn -noecho sh -c "read x; echo got \\$x"; send "hi\\r"; expect eof\'',
    ),
    Program("`ps`, `/proc`", "ps", "ps -o comm= -p $$"),
    Program("ImageMagick", "convert", "convert -size 20x20 xc:red -rotate 45 txt:- | cksum"),
    Program("Go (the docker client)", "docker", "docker --version"),
    Program("Valgrind", "valgrind", "valgrind -q /bin/true && echo ok"),
    Program("gdb, batch", "gdb", "gdb -q -batch -ex run /bin/true 2>&1 | grep -c 'exited normally'"),
    Program("strace", "strace", "strace -c -o /dev/null /bin/true && echo ok"),
    Program(
        "a local server and client (Python sockets, AF_UNIX)",
        "/usr/bin/python3",
        "/usr/bin/python3 -c 'import socket; a, b = socket.socketpair(); a.send(b\"x\"); print(b.recv(9))'",
    ),
    Program(
        "a TCP server on 127.0.0.1 (nginx, redis, PostgreSQL, `python -m http.server`)",
        "/usr/bin/python3",
        "/usr/bin/python3 -c 'import socket; s = socket.create_server((\"127.0.0.1\", 0)); print(s.family)'",
    ),
    Program(
        "System V shared memory, semaphores (fakeroot, `ipcs`)",
        "perl",
        "perl -e 'my $id = shmget(0, 4096, 01600); defined $id or exit 1; print \"ok\\n\"; shmctl($id, 0, 0)'",
    ),
    Program(
        "inotify (`tail -f`, file watchers)",
        "/usr/bin/python3",
        "/usr/bin/python3 -c 'import ctypes; exit(ctypes.CDLL(None).inotify_init1(0) < 0)'",
    ),
    Program(
        "containers (bubblewrap, docker run)",
        "bwrap",
        "bwrap --ro-bind / / --unshare-pid echo ok",
        why="`prctl(PR_SET_NO_NEW_PRIVS)`, user namespaces: both later than 3.2; bubblewrap runs with `--later all`",
    ),
)


def cpu_seconds() -> float:
    """Return what all children took so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(command: Sequence[str]) -> tuple[int | None, str, str, float]:
    """Run a command in an empty environment; returns its status (None: it took too long), outputs, and CPU seconds."""
    began = cpu_seconds()
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "LC_ALL": "C", "TERM": "dumb"}  # noqa: S108
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=SECONDS, env=env, cwd="/"
        )
    except subprocess.TimeoutExpired:
        return None, "", "", cpu_seconds() - began
    output, errors = (data.decode(errors="replace") for data in (done.stdout, done.stderr))
    return done.returncode, output, errors, cpu_seconds() - began


def start_seconds() -> float:
    """Return what a start costs without any program to speak of."""
    return min(measure([*PROCESSION, "--", "/bin/true"])[3] for _ in range(3))


def of_program(program: Program, start: float) -> tuple[str, str, str]:
    """Run one; returns "yes" or how not, how many times as long it took, and what it asked for in vain."""
    scratch = Path("/tmp") / "procession-will-it-run"  # noqa: S108 -- the same path inside
    command = program.command.replace("/tmp", str(scratch))  # noqa: S108
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    inside = measure([*PROCESSION, "--env", "LC_ALL=C", "--", "/bin/sh", "-c", command])
    host = measure(["/bin/sh", "-c", command])
    shutil.rmtree(scratch, ignore_errors=True)
    found = verdict(host, inside)
    ratio = ""
    if found == "yes" and host[3] >= 0.02:
        ratio = f"{max(1, round((inside[3] - start) / host[3])):,}"
    return found, ratio, "" if found == "yes" else missed(inside[2]) or program.why


def verdict(host: tuple[int | None, str, str, float], inside: tuple[int | None, str, str, float]) -> str:
    """Return whether it ran."""
    if inside[0] is None:
        return "too slow"
    if host[0] is None or (host[0] != 0 and inside[0] != host[0]):
        return f"no (the host: status {host[0]})"
    if inside[0] != host[0]:
        return "no"
    return "yes" if inside[1] == host[1] else "differs"


def missed(errors: str) -> str:
    """Return what --unsupported has listed, as far as it may be the reason."""
    listed = re.findall(r"^(?:not in Linux 3\.2 \(ENOSYS\)|not supported here): (.+) \(\d+\)$", errors, re.MULTILINE)
    wanted = [what for what in listed if what not in USUAL]
    return ", ".join(f"`{what}`" for what in wanted[:3]).replace("|", "\\|")


def rows(text: str) -> dict[str, tuple[str, str, str]]:
    """Return the table's rows as they stand."""
    found = TABLE.search(text)
    assert found is not None
    of_programs = [row for row in ROW.finditer(found[0]) if row["what"] not in ("program", "---")]
    return {row["what"]: (row["found"], row["ratio"], row["note"]) for row in of_programs}


def with_table(text: str, told: dict[str, tuple[str, str, str]]) -> str:
    """Return the page with this table."""
    lines = ["| program | runs | times as long | asked in vain for |", "|---|---|---:|---|"]
    lines += [f"| {program.what} | {' | '.join(told[program.what])} |" for program in PROGRAMS if program.what in told]
    return TABLE.sub(lambda match: match[1] + "\n" + "\n".join(lines) + "\n\n" + match[2], text)


def is_here(program: Program) -> bool:
    """Whether the host has it."""
    return shutil.which(program.needs, path="/usr/local/bin:/usr/bin:/bin") is not None


def main() -> int:
    """Enter from the command line; returns the exit status."""
    wanted = sys.argv[1:]
    told = rows(PAGE.read_text(encoding="utf-8"))
    start = start_seconds()
    for program in PROGRAMS:
        if (wanted and not any(word in program.what for word in wanted)) or not is_here(program):
            continue
        began = time.monotonic()
        told[program.what] = of_program(program, start)
        print(f"{program.what}: {' | '.join(told[program.what])} [{time.monotonic() - began:.0f} s]", flush=True)
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), told), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
