"""Other people's servers, unmodified, on the host and inside: what they print and how they end has to be the same.

    python -m fuzz.servers [--write] [NAME]...      redis, nginx, …; all without a name

Each is a script of fuzz/served that starts a server and its clients, and prints what does not depend on where it runs;
lines with "figure: " are told beside each other and not compared. Inside it runs in Linux's own order, and again on two
CPUs in the order of a seed. A call or an option that is not there and that is not listed here is a find. --write: put
the table into docs/servers.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import unified_diff
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import tempfile
import time

from tests import packages

from fuzz.runners import built
from fuzz.tried import Tried

__all__ = ("RUNS", "Ended", "Served", "differences", "inside", "on_host", "run", "unavailable")

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE / "served"
PAGE = HERE.parent / "docs" / "servers.md"
TABLE = re.compile(r"(<!-- servers: .*? -->\n).*?(<!-- end -->)", re.DOTALL)
FIGURE = "figure: "
NOT_HERE = re.compile(r"^not supported here: (.*) \(\d+\)$", re.MULTILINE)
INSIDE_SECONDS = 300
HOST_SECONDS = 60
PLACES = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
# Namespaces of their own, so that ports, mounts and processes are nobody else's; process 1 reaps.
NAMESPACES = ("unshare", "--mount", "--pid", "--net", "--ipc", "--fork", "--mount-proc", "sh", "-c")
CHILD = 'ip link set lo up; "$@"; exit $?'
PROCESS_1 = 'ip link set lo up; exec "$@"'


@dataclass(frozen=True)
class Served:
    """A server and its clients.

    script: in fuzz/served.  needs: programs beside the shell's.  options: of `procession run`.  under: what starts the
    script, which is then process 1 if options have --as-init.  quick: so many requests in a test; 0: no test.
    builds: the source of the server, and the variable that tells the script where its program is.
    vain: what it asks for that is not here, and does without.  root: the host does it for root alone.
    """

    name: str
    script: str
    needs: tuple[str, ...]
    options: tuple[str, ...] = ()
    under: tuple[str, ...] = ()
    quick: int = 0
    builds: tuple[str, str] | None = None
    vain: tuple[str, ...] = ()
    root: bool = False


# procps looks for NUMA, PostgreSQL for huge pages, OpenSSH tells the audit of a terminal: all go without.
NO_NUMA = ("get_mempolicy",)
SUBREAPER = ("--later", "PR_SET_CHILD_SUBREAPER")

RUNS = (
    Served("redis", "redis.sh", ("redis-server", "redis-benchmark", "redis-cli"), quick=100),
    Served("nginx", "nginx.sh", ("nginx", "ab", "curl"), quick=40),
    Served("PostgreSQL", "postgres.sh", ("postgres", "setpriv"), vain=("mmap: MAP_HUGETLB",), root=True),
    Served("MariaDB", "mariadb.sh", ("mariadbd", "mariadb"), vain=NO_NUMA),
    Served("memcached", "memcached.sh", ("memcached", "/usr/bin/python3")),
    Served("Apache", "apache.sh", ("apache2", "ab", "curl"), options=("--later", "getrandom"), root=True),
    Served("HAProxy, lighttpd, socat", "haproxy.sh", ("haproxy", "lighttpd", "socat", "ab", "curl")),
    Served("python3 -m http.server", "python.sh", ("/usr/bin/python3", "curl")),
    Served("Go, net/http", "go.sh", ("go", "ab", "curl"), builds=("server.go", "SERVED_GO")),
    Served("Rust, a pool of threads", "rust.sh", ("rustc", "cc", "ab", "curl"), builds=("server.rs", "SERVED_RUST")),
    Served("Node.js, http and cluster", "node.sh", ("node", "ab", "curl")),
    Served(
        "sshd and ssh", "ssh.sh", ("sshd", "ssh", "ssh-keygen", "sftp"),
        options=("--later", "PR_SET_NO_NEW_PRIVS,getrandom"), vain=("socket: netlink protocol 9",), root=True,
    ),
    Served(
        "ss, ip, fuser, lsof", "tools.sh", ("ss", "ip", "fuser", "lsof", "/usr/bin/python3"),
        options=("--later", "statx,IFLA_EXT_MASK"), quick=1,
    ),
    Served("inotifywait", "watch.sh", ("inotifywait",), quick=1),
    Served("make -j4", "make.sh", ("make",), quick=1),
    Served("tini as process 1", "init.sh", ("tini",), ("--as-init",), ("tini", "--"), quick=1),
    Served("tini as a subreaper", "init.sh", ("tini",), SUBREAPER, ("tini", "-s", "--"), quick=1),
    Served("catatonit as process 1", "init.sh", ("catatonit",), ("--as-init",), ("catatonit", "--"), quick=1),
    Served("catatonit as a subreaper", "init.sh", ("catatonit",), SUBREAPER, ("catatonit", "--"), quick=1),
    Served("runit", "runit.sh", ("runsvdir", "pgrep"), quick=1, vain=NO_NUMA),
    Served("s6", "s6.sh", ("s6-svscan", "/usr/bin/python3"), quick=1),
)


@dataclass(slots=True)
class Ended:
    """How a run ended.

    status: None if it was killed for its time.  cpu: seconds, of all its processes.  vain: what it asked for that is
    not here.
    """

    status: int | None
    output: list[str]
    errors: str
    cpu: float
    figures: list[str] = field(default_factory=list)
    vain: list[str] = field(default_factory=list)


# --- what there is ---


def path() -> str:
    """Return where programs are, as for PATH."""
    fetched = [*packages.directories(), *packages.directories(packages.SERVERS_FOLDER)]
    return ":".join([*fetched, *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"))), *PLACES])


def unavailable(served: Served) -> str:
    """Return why it cannot be run here, or nothing."""
    for program in served.needs:
        if shutil.which(program, path=path()) is None:
            package = packages.PACKAGE_OF.get(program)
            return f"no {program} here" + (f" (package {package})" if package else "")
    return ""


def host_refuses(served: Served) -> str:
    """Return why the host cannot be asked, or nothing."""
    if served.root and os.geteuid():
        return "the host does that for root alone"
    done = subprocess.run([*namespaces(), CHILD, "-", "true"], capture_output=True, text=True, check=False)
    return f"the host gives no namespaces: {done.stderr.strip()}" if done.returncode else ""


def namespaces() -> list[str]:
    """Return what starts a shell's line in namespaces."""
    as_root = ["--user", "--map-root-user"] if os.geteuid() else []
    return [NAMESPACES[0], *as_root, *NAMESPACES[1:]]


def program(served: Served) -> dict[str, str]:
    """Return the variable with the program that is compiled for it; it is kept for the next time."""
    if served.builds is None:
        return {}
    source, variable = served.builds
    compiler = str(shutil.which(served.needs[0], path=path()))
    command = [compiler, "-O"]
    if compiler.endswith("/go"):
        cache = HERE.parent / ".pytest_cache/d/go"
        variables = ("CGO_ENABLED=0", "GO111MODULE=off", f"GOCACHE={cache}", f"GOPATH={cache}")
        command = ["env", *variables, compiler, "build"]
    return {variable: str(built("server", command, SCRIPTS / source))}


def environment(served: Served, count: int) -> dict[str, str]:
    """Return the variables of a run, the same on both sides; count: of requests, 0: the script's own number."""
    few = {"COUNT": str(count)} if count else {}
    settled = {"HOME": "/nonexistent", "LC_ALL": "C", "TZ": "UTC0", "TERM": "dumb"}
    return {"PATH": path(), **settled, **few, **program(served)}


# --- one side ---


def inside(served: Served, count: int = 0, options: Sequence[str] = ()) -> Ended:
    """Run it on a machine of ours."""
    variables = [part for name, value in environment(served, count).items() for part in ("--env", f"{name}={value}")]
    command = [sys.executable, "-m", "procession", "run", "--unsupported", *served.options, *options, *variables]
    with tempfile.TemporaryDirectory() as place:      # which it does not see: its own /tmp is in memory
        ended = finish([*command, "--", *under(served)], dict(os.environ), INSIDE_SECONDS, place)
    ended.vain = NOT_HERE.findall(ended.errors)
    return ended


def on_host(served: Served, count: int = 0) -> Ended:
    """Run it on the host."""
    line = PROCESS_1 if "--as-init" in served.options else CHILD
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o755)
        variables = environment(served, count) | {"TMPDIR": place}
        return finish([*namespaces(), line, "-", *under(served)], variables, HOST_SECONDS, place)


def under(served: Served) -> list[str]:
    """Return the command of a script."""
    return [*served.under, "sh", str(SCRIPTS / served.script)]


def finish(command: list[str], variables: dict[str, str], seconds: int, place: str) -> Ended:
    """Run a command to its end, or for so many seconds of our time."""
    with (Path(place) / "out").open("w+b") as out, (Path(place) / "errors").open("w+b") as errors:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, env=variables, start_new_session=True,
        ) as process:
            status, cpu = reaped(process, time.monotonic() + seconds)
        lines = (Path(place) / "out").read_text(errors="replace").splitlines()
        said = (Path(place) / "errors").read_text(errors="replace")
    figures = [line.removeprefix(FIGURE) for line in lines if line.startswith(FIGURE)]
    return Ended(status, [line for line in lines if not line.startswith(FIGURE)], said, cpu, figures)


def reaped(process: subprocess.Popen[bytes], end: float) -> tuple[int | None, float]:
    """Wait for a process until then, or kill it; returns its status, or None, and the seconds of the CPU it took."""
    late = False
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return None if late else process.returncode, usage.ru_utime + usage.ru_stime
        if time.monotonic() > end and not late:
            late = True
            process.kill()
        time.sleep(0.02)


# --- both ---


def differences(served: Served, host: Ended | None, ours: Ended) -> str:
    """Return what is wrong with how it ended inside, or nothing."""
    wrong = [f"it asked in vain for {what}" for what in ours.vain if what not in served.vain]
    if ours.status is None:
        wrong.append(f"it has not ended within {INSIDE_SECONDS} seconds")
    elif host is not None and ours.status != host.status:
        wrong.append(f"exit status {ours.status}, on the host {host.status}")
    elif host is not None and ours.output != host.output:
        wrong += ["it prints something else", *unified_diff(host.output, ours.output, "host", "inside", lineterm="")]
    return f"{served.name}: " + "\n".join([*wrong, ours.errors]) if wrong else ""


@contextmanager
def told(served: Served) -> Iterator[list[str]]:
    """Say what is run, and after it what came of it."""
    words: list[str] = []
    yield words
    print(f"  {served.name}: {'; '.join(words)}", file=sys.stderr, flush=True)


def both(served: Served, seed: int) -> tuple[list[str], Ended | None, Ended | None]:
    """Run it on the host and inside; returns what is wrong, and how it ended on both sides."""
    with told(served) as words:
        why = unavailable(served)
        if why:
            words.append(why)
            return [], None, None
        refused = host_refuses(served)
        host = None if refused else on_host(served)
        ours = inside(served)
        other = inside(served, options=("--cpus", "2", "--seed", str(seed + 1)))
        there = f"{host.cpu:.2f} on the host" if host else refused
        words.append(f"{ours.cpu:.1f} s of the CPU inside, {other.cpu:.1f} on two CPUs, {there}")
        words += ours.figures
    return [one for one in (differences(served, host, ended) for ended in (ours, other)) if one], host, ours


def row(served: Served, host: Ended, ours: Ended) -> str:
    """Return its line of the table."""
    pairs = zip(map(rate, ours.figures), map(rate, host.figures), strict=True)
    figures = "; ".join(f"{what}: {here}, {there}" for (what, here), (_, there) in pairs)
    options = f"`{' '.join(served.options)}`" if served.options else ""
    times = f"{ours.cpu / host.cpu:.0f}"
    return f"| {served.name} | `{served.script}` | {options} | {ours.cpu:.1f} | {host.cpu:.2f} | {times} | {figures} |"


def rate(figure: str) -> tuple[str, str]:
    """Return what a figure is of, and how many a second."""
    what, _, much = figure.rpartition(": ")
    return what, much.split()[0]


def run(count: int | None = None, seed: int = 0, names: Sequence[str] = (), write: bool = False) -> Tried:
    """Run so many of the servers, from the seed's on, or those of these names, or all."""
    began = time.monotonic()
    why = packages.provide() or packages.provide(packages.SERVERS, packages.SERVERS_FOLDER)
    if why:
        print(f"  {why}", file=sys.stderr)
    turned = [*RUNS[seed % len(RUNS):], *RUNS[: seed % len(RUNS)]]
    chosen = [served for served in RUNS if served.name in names] if names else turned[:count]
    found, rows, done = [], [], 0
    for served in chosen:
        wrong, host, ours = both(served, seed)
        found += wrong
        done += ours is not None
        if host is not None and ours is not None:
            rows.append(row(served, host, ours))
    if write:
        PAGE.write_text(with_rows(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")
    return Tried("other people's servers", done, "servers", found, time.monotonic() - began)


def with_rows(text: str, rows: Sequence[str]) -> str:
    """Return the page with these lines in its table."""
    head = "| server | script | options | inside, s | host, s | times | a second: inside by its own clock, host |"
    lines = [head, "|---|---|---|---:|---:|---:|---|", *rows]
    return TABLE.sub(lambda match: match[1] + "\n" + "\n".join(lines) + "\n\n" + match[2], text)


def main() -> int:
    """Run those that are named, or all; exit status 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.servers", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the table of docs/servers.md")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(served.name for served in RUNS))
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in {served.name for served in RUNS}]
    if unknown:
        parser.error(f"no server {unknown[0]}")
    if options.write and options.names:
        parser.error("the table is of all of them")
    tried = run(names=options.names, write=options.write)
    print(f"{tried.count} {tried.unit} in {tried.seconds:.0f} s, {len(tried.found)} found", *tried.found, sep="\n")
    return 1 if tried.found else 0


if __name__ == "__main__":
    sys.exit(main())
