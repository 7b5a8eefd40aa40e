"""What makes a product of it: extras, hosts that cannot, tables, the cache, reports, the manual page, licences."""

from __future__ import annotations

import importlib.metadata
import json
import os
from pathlib import Path
import re
import runpy
import shutil
import subprocess
import sys
import tomllib

import pexpect
import pytest

from procession import _host
from procession.cli import bug_report, cache
from procession.include.linux.threads import NR_CPUS  # noqa: F401 -- the package is whole

HOME = Path(__file__).parents[1]
PROJECT = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COMMAND = [sys.executable, "-m", "procession"]
HELLO = ["run", "--", "/bin/echo", "hello"]


def procession(*arguments, before="", **env):
    """Run the command, with Python code that is run before it."""
    code = f"import sys; sys.argv = ['procession', *sys.argv[1:]]\n{before}\nfrom procession.cli import main\nmain()\n"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, check=False, env={**os.environ, **env},
    )


# --- hosts ---

HOSTS = [
    ("sys.platform = 'win32'; sys.modules['fcntl'] = sys.modules['termios'] = None",
     "Windows is not supported (no fcntl): use WSL"),
    ("sys.platform = 'emscripten'", "emscripten is not supported (no processes, no mmap)"),
    ("sys.maxsize = 2 ** 31 - 1", "a 32-bit Python is not supported (a guest's memory does not fit): use a 64-bit one"),
    ("sys.version_info = (3, 10, 13, 'final', 0)", "Python 3.10 is too old: 3.11 or later is needed"),
    ("sys.byteorder = 'big'",
     "a big-endian host is not supported (guests are little-endian, and share their memory with it)"),
]


@pytest.mark.parametrize(("host", "why"), HOSTS)
def test_a_host_that_cannot_is_told_so_in_one_line(host, why):
    done = procession(*HELLO, before=host)
    assert (done.stdout, done.stderr) == ("", f"procession: {why}\n")
    assert done.returncode != 0
    library = subprocess.run(
        [sys.executable, "-c", f"import sys; {host}\nfrom procession import Machine"],
        capture_output=True, text=True, check=False,
    )
    assert library.stderr.splitlines()[-1] == f"ImportError: {why}"


def test_this_host_can():
    assert not _host.why_not()


OLDER = sorted(Path(sys.base_prefix).parent.glob("3.[89].*/bin/python3"))       # pyenv's


@pytest.mark.skipif(not OLDER, reason="no older Python")
@pytest.mark.parametrize("python", OLDER or [None], ids=str)
def test_an_older_python_says_which_it_wants(python):
    done = subprocess.run(
        [python, "-m", "procession", *HELLO], cwd=HOME / "src", capture_output=True, text=True, check=False,
    )
    assert re.fullmatch(r"procession: Python 3\.\d+ is too old: 3\.11 or later is needed\n", done.stderr)


# --- extras ---

WITHOUT = "sys.modules['numpy'] = None"


def test_numpy_is_an_extra_and_a_run_does_not_miss_it(tmp_path):
    assert not any(line.startswith("numpy") for line in PROJECT["dependencies"])
    assert set(PROJECT["optional-dependencies"]) == {"fast", "check", "cluster", "all"}
    done = procession(*HELLO, before=WITHOUT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello\n", "")


def test_checks_say_which_extra_brings_what_they_need():
    done = procession("run", "--check", "--", "/bin/true", before=WITHOUT)
    assert done.returncode != 0
    assert done.stderr == "procession: checks need NumPy: pip install 'procession[check]'\n"
    code = f"import sys; {WITHOUT}\nfrom procession import Machine\nMachine(check=True)"
    library = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert library.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: checks need NumPy: pip install 'procession[check]'"
    )


def test_large_page_tables_come_out_the_same_without_numpy(cache_programs_of_forks):
    """The same trace: what NumPy does at once is done one by one, in the same order."""
    code = (
        "import procession.hw.memory as m; m._IMPORT_ENTRIES = {}\n"
        "from procession import Machine; from procession.tools.tracefile import trace_hash\n"
        f"result = Machine(root='/', trace=True).run([{str(cache_programs_of_forks)!r}])\n"
        "print(result.status, trace_hash(result.trace), 'numpy' in sys.modules and bool(sys.modules['numpy']))\n"
    )
    said = []
    for before, entries in (("", "100"), (WITHOUT, "100")):
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; {before}\n{code.replace('{}', entries)}"],
            capture_output=True, text=True, check=True,
        )
        said.append(done.stdout.split())
    assert [line[:2] for line in said] == [said[0][:2]] * 2
    assert [line[2] for line in said] == ["True", "False"]
    assert said[0][0] == "0"


@pytest.fixture
def cache_programs_of_forks(cache, tmp_path):
    """A static program with 16 MB that forks four times and frees what it has."""
    source = tmp_path / "large.c"
    source.write_text(
        "#include <stdlib.h>\n#include <unistd.h>\n#include <sys/wait.h>\n"
        "int main(void) { volatile char *p = malloc(16 << 20); for (int i = 0; i < 16 << 20; i += 4096) p[i] = 1;\n"
        "for (int n = 0; n < 4; n++) { if (!fork()) { p[n << 12] = 2; _exit(0); } wait(0); }\n"
        "free((void *)p); return 0; }\n",
    )
    return cache.build("large", ["gcc", "-O1", "-static", str(source)], [source], "")


# --- tables ---

TABLES = [["syscalls"], ["run", "--tree", "--", "/bin/sh", "-c", "true | /bin/true"]]


def on_a_terminal(arguments, columns=100, **env):
    env = {**os.environ, "TERM": "xterm-256color", **env}
    text = pexpect.run(
        " ".join([*COMMAND, *(f"'{word}'" for word in arguments)]), env=env, dimensions=(40, columns), timeout=60,
    )
    return text.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("arguments", TABLES, ids=["syscalls", "tree"])
def test_a_table_is_plain_in_a_pipe_whatever_the_environment_says(arguments):
    for env in ({}, {"FORCE_COLOR": "1", "COLUMNS": "40"}, {"CLICOLOR_FORCE": "1", "TERM": "xterm-256color"}):
        done = procession(*arguments, **env)
        assert "\x1b" not in done.stdout + done.stderr
        assert not re.search(r"[ \t]$", done.stdout + done.stderr, re.MULTILINE)
        longest = max(map(len, (done.stdout + done.stderr).splitlines()))
        assert longest > 200 if arguments == ["syscalls"] else longest > 20      # a call with all its flags


@pytest.mark.parametrize("arguments", TABLES, ids=["syscalls", "tree"])
def test_colour_is_off_by_no_color(arguments):
    assert "\x1b[1m" in on_a_terminal(arguments)
    assert "\x1b" not in on_a_terminal(arguments, NO_COLOR="1")
    assert "\x1b" not in on_a_terminal(arguments, TERM="dumb")
    assert "\x1b[1m" in on_a_terminal(arguments, NO_COLOR="")       # as no-color.org has it


def test_the_width_is_that_of_the_terminal_or_of_columns():
    plain = {"NO_COLOR": "1"}
    assert max(map(len, on_a_terminal(["syscalls"], 90, **plain).splitlines())) in range(60, 91)
    assert max(map(len, on_a_terminal(["syscalls"], 90, COLUMNS="120", **plain).splitlines())) in range(91, 121)


# --- the cache ---


@pytest.fixture
def sealed(tmp_path):
    """A copy of the package beside which no bytecode can be kept, whoever runs it."""
    copy = tmp_path / "sealed" / "procession"
    shutil.copytree(HOME / "src" / "procession", copy, ignore=shutil.ignore_patterns("_compiled", "__pycache__"))
    for folder in (copy, *(path for path in copy.rglob("*") if path.is_dir())):
        (folder / "__pycache__").touch()
    return copy.parent


def in_sealed(sealed, *arguments, **env):
    env = {**os.environ, "PYTHONPATH": str(sealed), "PYTHONDONTWRITEBYTECODE": "", **env}
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=True, env=env).stdout


def test_bytecode_is_cached_where_it_cannot_be_kept_beside_the_sources(sealed, tmp_path):
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert "nothing is cached" in in_sealed(sealed, "cache", "show", PYTHONDONTWRITEBYTECODE="1", **env)
    assert in_sealed(sealed, *HELLO, **env) == "hello\n"
    made = list((tmp_path / "cache" / "procession").iterdir())
    assert [path.stat().st_mode & 0o777 for path in made] == [0o700]
    files = sorted(made[0].rglob("procession/**/*.pyc"))
    assert len(files) > 100
    times = [path.stat().st_mtime_ns for path in files]
    assert in_sealed(sealed, *HELLO, **env) == "hello\n"
    assert [path.stat().st_mtime_ns for path in files] == times     # read, and not made again
    assert re.search(rf"MB +\d+ files  {made[0]}\n", in_sealed(sealed, "cache", "show", **env))
    assert re.fullmatch(r"\d+\.\d MB removed from .*/procession\n", in_sealed(sealed, "cache", "clear", **env))
    assert in_sealed(sealed, *HELLO, **env) == "hello\n"


def test_an_ordinary_start_caches_nothing(tmp_path):
    done = procession(*HELLO, XDG_CACHE_HOME=str(tmp_path), PYTHONDONTWRITEBYTECODE="")
    assert (done.returncode, list(tmp_path.iterdir())) == (0, [])
    done = procession("cache", "clear", XDG_CACHE_HOME=str(tmp_path))
    assert done.stdout == f"nothing was cached ({tmp_path}/procession)\n"


@pytest.fixture
def unset(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    return tmp_path / "xdg" / "procession"


def test_the_cache_is_bounded(unset, monkeypatch):
    """The four folders that were used last stay."""
    used = []
    for number in range(7):
        monkeypatch.setattr(sys, "pycache_prefix", None)
        cache.use(f"/nowhere/{number}.pyc")
        used.append(sys.pycache_prefix)
        os.utime(used[-1], ns=(number, number))
    assert len(set(used)) == 7
    left = sorted(str(path) for path in unset.iterdir())
    assert left == sorted(used[3:])
    assert [name for name, files, size in cache.listing()] == [Path(path).name for path in left]
    assert cache.clear() == (str(unset), 0)
    assert not unset.exists()


def test_a_cache_that_others_could_write_to_is_not_used(unset, monkeypatch):
    """Bytecode is run."""
    unset.mkdir(parents=True)
    unset.chmod(0o777)
    cache.use("/nowhere/a.pyc")
    assert sys.pycache_prefix is None
    unset.chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    cache.use("/nowhere/a.pyc")
    assert sys.pycache_prefix is None


def test_what_was_chosen_already_stays(unset, monkeypatch, tmp_path):
    (tmp_path / "there.pyc").touch()
    cache.use(str(tmp_path / "there.pyc"))
    cache.use(None)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    cache.use("/nowhere/a.pyc")
    assert sys.pycache_prefix is None
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", "/mine")
    cache.use("/nowhere/a.pyc")
    assert sys.pycache_prefix == "/mine"
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")      # a folder that cannot be had
    monkeypatch.setattr(sys, "pycache_prefix", None)
    cache.use("/nowhere/a.pyc")
    assert (sys.pycache_prefix, unset.exists()) == (None, False)


def test_the_folder_of_the_cache(monkeypatch):
    monkeypatch.setenv("HOME", "/home/eve")
    usual = "/home/eve/.cache/procession"
    for said, where in (("/x", "/x/procession"), ("x", usual), ("", usual)):
        monkeypatch.setenv("XDG_CACHE_HOME", said)
        assert cache.folder() == where


# --- reports ---

SECRET = {"SECRET_TOKEN": "hunter2", "USER": "eve", "LOGNAME": "eve", "HOME": "/home/eve"}


def test_a_report_says_versions_and_host_and_nothing_private(tmp_path):
    trace = tmp_path / "eve" / "trace.jsonl"
    trace.parent.mkdir()
    script = tmp_path / "eve" / "diary.sh"
    script.write_text("#!/bin/sh\nread line; true\n")
    script.chmod(0o755)
    recorded = subprocess.run(
        [*COMMAND, "run", "--trace", str(trace), "--env", "SECRET_TOKEN=hunter2", "--", str(script)],
        input=b"my password\n", capture_output=True, check=True,
    )
    assert recorded.returncode == 0
    assert {"my password", "hunter2", "diary.sh"} <= set(re.findall("my password|hunter2|diary.sh", trace.read_text()))
    done = procession("bug-report", "--trace", str(trace), "--lines", "5000", **SECRET)
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout
    for private in ("my password", "hunter2", "SECRET_TOKEN", "/home", str(tmp_path), "eve", os.uname().nodename):
        assert not re.search(rf"\b{re.escape(private)}\b", said), private
    for word in ("procession:", importlib.metadata.version("unicorn"), "pure Python", "pages of 4 KiB"):
        assert word in said or "compiled:" in said
    assert "a run:     /bin/true ends with 0\n" in said
    assert '"event":"sched_process_exec","filename":"/..."' in said
    assert '"event":"console_read","call":1,"data":"12 characters"' in re.sub('"time_ns":[0-9]+,', "", said)


def test_a_report_has_the_last_lines_of_a_trace(tmp_path):
    path = tmp_path / "trace.jsonl"
    lines = [json.dumps({"time_ns": n, "event": "sched_switch", "args": [n, "x", ["A=1"]]}, separators=(",", ":"))
             for n in range(100)]
    path.write_text('{"event":"run","format":3,"argv":["x"],"env":{"A":"b"},"seed":7}\n' + "\n".join([*lines, "torn"]))
    end = bug_report.trace_end(path, 3)
    assert end == [
        "the trace, its first line and the last 3:",
        '{"event":"run","format":3,"seed":7}',
        "... 98 lines ...",
        '{"time_ns":98,"event":"sched_switch","args":[98,"1 characters","1 items"]}',
        '{"time_ns":99,"event":"sched_switch","args":[99,"1 characters","1 items"]}',
        "(no line of a trace: 4 characters)",
    ]


def test_a_report_of_a_trace_that_is_not_there_is_one_line():
    done = procession("bug-report", "--trace", "/no/such/file")
    assert (done.stdout, done.stderr) == ("", "procession: /no/such/file: No such file or directory\n")
    assert done.returncode != 0


# --- the manual page ---


def test_the_manual_page_is_up_to_date():
    """make generate writes it."""
    script = runpy.run_path(str(HOME / "scripts" / "manpage.py"))
    assert (HOME / "docs" / "procession.1").read_text(encoding="utf-8") == script["page"]()


@pytest.mark.skipif(not shutil.which("groff"), reason="no groff")
def test_the_manual_page_renders_without_a_warning():
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", str(HOME / "docs" / "procession.1")],
        capture_output=True, text=True, check=True,
    )
    assert done.stderr == ""
    text = re.sub(r"\x1b\[[\d;]*m|.\x08", "", done.stdout)
    for word in ("procession run [OPTIONS] PROGRAM", "--seed N", "bug-report", "cache clear", "NO_COLOR", "--until"):
        assert word in text


@pytest.mark.skipif(not shutil.which("mandoc"), reason="no mandoc")
def test_the_manual_page_has_no_error_for_mandoc():
    subprocess.run(["mandoc", "-T", "lint", "-W", "error", str(HOME / "docs" / "procession.1")], check=True)


# --- licences ---


def test_the_licence_of_what_a_compiled_wheel_has_is_the_one_that_is_shipped():
    files = importlib.metadata.files("mypy")
    (licence,) = (path for path in files if path.name == "LICENSE" and path.parent.name == "licenses")
    assert (HOME / "licenses" / "mypyc.txt").read_text() == licence.read_text()


def test_every_package_that_comes_along_is_named():
    text = (HOME / "THIRD_PARTY.md").read_text(encoding="utf-8")
    extras = [name for names in PROJECT["optional-dependencies"].values() for name in names]
    for line in [*PROJECT["dependencies"], *extras]:
        name = re.match(r"\w+", line)[0]
        assert name == "procession" or f"| {name}" in text


# --- a container ---


def can_contain():
    command = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"]
    return shutil.which("bwrap") and not subprocess.run(command, capture_output=True, check=False).returncode


@pytest.mark.skipif(not can_contain(), reason="no bubblewrap that works here")
def test_the_container_of_security_md(tmp_path):
    """As it stands there; a guest sees its root, and the host's files are not there."""
    text = (HOME / "SECURITY.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (site,) = venv.glob("lib/python*/site-packages")
    ignore = shutil.ignore_patterns("_compiled", "__pycache__")
    shutil.copytree(HOME / "src" / "procession", site / "procession", ignore=ignore)
    unicorn = Path(importlib.metadata.distribution("unicorn").locate_file("unicorn"))
    shutil.copytree(unicorn, site / "unicorn")
    env = {**os.environ, "VENV": str(venv), "GUEST": str(HOME / "tests" / "upgrade" / "root")}
    done = subprocess.run(
        ["bash", "-c", script, "x", "/forks"], env=env, capture_output=True, text=True, check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 7)
    # What code that had got out of the engine would find.
    look = script.replace("-m procession run --root /guest --", "-c")
    code = "import os, socket; print(sorted(os.listdir('/')), os.path.exists('/etc/passwd'), socket.if_nameindex())"
    done = subprocess.run(["bash", "-c", look, "x", code], env=env, capture_output=True, text=True, check=True)
    assert "False [(1, 'lo')]" in done.stdout
    mounted = {"bin", "dev", "etc", "guest", "lib", "lib64", "proc", "tmp", "usr"}
    top = {*mounted, venv.parts[1], Path(sys.base_prefix).parts[1]}
    assert set(re.findall(r"'(\w+)'", done.stdout.partition("]")[0])) <= top
