"""Shared directories from the command line and from Python, and what of outside a trace takes in."""

from __future__ import annotations

from contextlib import contextmanager
import io
import json
import os
from pathlib import Path
import pty
import re
import shutil
import subprocess
import sys
import time

import pytest
from tests import starter

from procession import Machine
from procession.fs.hostfs.volumes import VolumeError
from procession.tools import trace_volumes
from procession.tools.replay import Difference, Replay
from procession.tools.tracefile import FORMAT, TraceWriter

from .conftest import PROGRAMS

COMMAND = [sys.executable, "-m", "procession.cli"]
SH = "/bin/sh"
SOURCE = Path(__file__).with_name("volume.c")


def procession(*arguments, **options):
    done = starter.run(*arguments, text=True, errors="surrogateescape", timeout=120, **options)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def tree(top):
    """What a directory holds: names, modes, links, contents."""
    return {
        os.fsencode(path.relative_to(top)): (
            st.st_mode, st.st_nlink, path.read_bytes() if path.is_file() and not path.is_symlink() else None,
        )
        for path in sorted(top.rglob("*"))
        for st in [path.lstat()]
    }


@pytest.fixture(scope="module")
def program(compilers):
    """volume.c, which does in its directory all that can be done."""
    compilers.need("glibc")
    command = [*compilers.commands["glibc"], "-I", str(PROGRAMS), str(SOURCE)]
    return compilers.cache.build("volume", command, [SOURCE, PROGRAMS / "check.h"], compilers.versions["glibc"])


@pytest.fixture
def shared(tmp_path):
    directory = tmp_path / "shared"
    directory.mkdir()
    (directory / "file").write_text("contents\n")
    return directory


# What programs do in one.


def test_it_is_as_a_disk_of_the_host(program, tmp_path):
    """The same program there and here says the same and leaves the same behind; and again from the trace alone."""
    there, here, trace = tmp_path / "there", tmp_path / "here", tmp_path / "trace"
    there.mkdir()
    here.mkdir()
    own = subprocess.run([program], cwd=there, capture_output=True, text=True, errors="surrogateescape", check=True)
    done = procession(
        "run", "--check", "--trace", trace, "-v", f"{here}:/shared:rw", "--cwd", "/shared", "--", program
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == own.stdout
    assert tree(here) == tree(there)
    shutil.rmtree(here)
    again = procession("replay", trace)
    assert again.stdout.startswith("identical: ")
    assert not here.exists()


def test_read_only_is_what_is_not_said_otherwise(shared):
    script = "cat file; echo x > file; echo x > new; rm file; touch file; mount -o remount,rw /v"
    for mode in ("", ":ro"):
        done = procession("run", "-v", f"{shared}:/v{mode}", "--cwd", "/v", "--", SH, "-c", script)
        assert done.stdout == "contents\n"
        assert done.stderr.count("Read-only file system") == 4
    assert tree(shared) == {b"file": (0o100644, 1, b"contents\n")}


def test_several_relative_and_under_strace(shared, tmp_path):
    (tmp_path / "out").mkdir()
    done = procession(
        "strace", "-e", "trace=openat", "--volume", "shared:/in", "--volume", "./out:/a/b/out:rw", "--volume",
        "shared/file:/etc/motd", "--", SH, "-c", "cat /in/file > /a/b/out/copy; cat /etc/motd; ls /a/b", cwd=tmp_path,
    )
    assert done.stdout == "contents\nout\n"
    assert (tmp_path / "out" / "copy").read_text() == "contents\n"
    assert 'openat(AT_FDCWD, "/a/b/out/copy", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3' in done.stderr


WRONG = {
    "nothing": ("", "not HOST:GUEST"), "one": ("/tmp", "not HOST:GUEST"), "no guest": ("/tmp:", "not HOST:GUEST"),
    "no host": (":/v", "not HOST:GUEST"), "mode": ("/tmp:/v:rx", "not HOST:GUEST"),
    "four": ("/tmp:/v:x:ro", "not HOST:GUEST"), "mode alone": ("/tmp:rw", "not HOST:GUEST"),
    "no such": ("/no/such:/v", "No such file or directory"), "relative": ("/tmp:v", "has to begin with /"),
    "root": ("/tmp:/", "/ itself is the root"), "dots": ("/tmp:/a/..", "/ itself is the root"),
    "device": ("/dev/null:/v", "neither a directory nor a regular file"), "proc": ("/proc:/v", "kernel speaks there"),
    "a place in proc": ("/tmp:/proc/v", "No such file or directory"), "on a file": ("/tmp:/etc/passwd", "Not a dir"),
    "a file on a directory": ("/etc/passwd:/tmp", "Is a directory"), "NUL": ("/tmp:/v\udcff:x", "not HOST:GUEST"),
}


@pytest.mark.parametrize(("text", "why"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_is_one_line(text, why):
    for command in (("run", "-v"), ("run", "--volume"), ("strace", "--volume")):
        done = procession(*command, text, "--", "/bin/true")
        assert (done.returncode, done.stdout) == (125, "")
        assert done.stderr.startswith("procession: -v ")
        assert done.stderr.count("\n") == 1
        assert why in done.stderr


def test_the_same_place_twice_is_a_mistake(shared):
    done = procession("run", "-v", f"{shared}:/v", "-v", f"{shared}:/w/../v:rw", "--", "/bin/true")
    assert (done.returncode, done.stderr) == (125, f"procession: -v {shared}:/w/../v:rw: there is another -v for /v\n")


@contextmanager
def user(uid):
    """Be another user of the host, as far as files go."""
    os.setegid(uid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_what_the_user_may_not_the_guest_may_not(shared, tmp_path):
    """The guest's root is nobody on the host."""
    (shared / "secret").write_text("secret")
    (shared / "secret").chmod(0o600)
    (shared / "locked").mkdir(mode=0o700)
    for path in (tmp_path, *tmp_path.parents):
        if path.name.startswith(("pytest", "popen", "test")):
            path.chmod(0o755)
    Machine(root="/").run(["/bin/true"])  # what is imported late is: the other user may not read Python
    script = "cat secret; echo x > new; chown 5 file; chmod 777 file; ls locked; cat locked/x; rm file"
    with user(1000):
        result = Machine(root="/", volumes={"/v": (shared, "rw")}).run([SH, "-c", script], cwd="/v")
    errors = result.stderr.decode()
    assert result.stdout == b""
    for words in (
        "secret: Permission denied", "new: Permission denied", "ownership of 'file': Operation not permitted",
        "permissions of 'file': Operation not permitted", "directory 'locked': Permission denied",
        "locked/x: Permission denied", "'file': Permission denied",
    ):
        assert words in errors
    assert tree(shared)[b"file"] == (0o100644, 1, b"contents\n")
    shared.chmod(0o777)
    script = "umask 077; echo x > new; cat new; ls -ln new; mkdir d; echo y > d/y; chmod 0 d; ls -lnd d; chown 0 d"
    with user(1000):
        result = Machine(root="/", volumes={"/v": (shared, "rw")}).run([SH, "-c", script], cwd="/v")
    assert re.match(r"x\n-rw------- 1 1000 1000 2 .* new\nd--------- 2 1000 1000 4096 .* d\n", result.output)
    assert (shared / "new").stat().st_uid == (shared / "d" / "y").stat().st_uid == 1000


def test_ways_through_proc_lead_there_and_no_further(shared):
    (shared.parent / "outside").write_text("secret")
    script = (
        "exec 5>>/v/file; echo one >&5; echo two >> /proc/self/fd/5; echo three >> /proc/$$/root/v/file; cd /v;"
        "echo four >> /proc/$$/cwd/file; cat /proc/$$/cwd/../outside /proc/$$/root/../outside;"
        "(cd /; chroot /v /file); readlink /proc/$$/fd/5"
    )
    done = procession("run", "-v", f"{shared}:/v:rw", "--", SH, "-c", script)
    assert (shared / "file").read_text() == "contents\none\ntwo\nthree\nfour\n"
    assert done.stdout == "/v/file\n"
    assert done.stderr.count("No such file or directory") == 2
    assert (shared.parent / "outside").read_text() == "secret"


def test_programs_run_from_there(program, shared):
    shutil.copy(program, shared / "program")
    (shared / "work").mkdir()
    done = procession("run", "-v", f"{shared}:/v:rw", "--cwd", "/v/work", "--", "/v/program")
    assert done.returncode == 0
    assert (shared / "work" / "mapped").exists()


# From Python.


def test_volumes_of_a_machine(shared):
    async def main(sys):
        fd = await sys.open("/out/new", sys.O_CREAT | sys.O_WRONLY, 0o600)
        await sys.write(fd, b"from Python")
        try:
            await sys.unlink("/in/file")
        except OSError as error:
            await sys.write(1, error.strerror.encode())

    result = Machine(volumes={"/in": shared, "/out": (str(shared), "rw")}).run(main)
    assert result.output == "Read-only file system"
    assert (shared / "new").read_text() == "from Python"


@pytest.mark.parametrize(("value", "error"), [
    (5, TypeError), ("/v", TypeError), ({5: "/tmp"}, TypeError), ({"/v": 5}, TypeError), ({"/v": None}, TypeError),
    ({"/v": ("/tmp", "rx")}, ValueError), ({"/v": ("/tmp",)}, TypeError), ({"/v": ["/tmp", "rw"]}, TypeError),
    ({"v": "/tmp"}, ValueError), ({"/": "/tmp"}, ValueError), ({"/v": "/a\0b"}, ValueError), ({"": "/tmp"}, ValueError),
    ({"/v\0": "/tmp"}, ValueError), ({"/\ud800": "/tmp"}, ValueError), ({"/v": ""}, ValueError),
    ({"/v": "/tmp", "/w/../v": "/tmp"}, ValueError), ({"/v": "/no/such"}, OSError),
])
def test_wrong_volumes_are_told_at_the_call(value, error):
    with pytest.raises(error) as info:
        Machine(volumes=value)
    if error is not OSError:
        assert str(info.value).startswith("volumes: ")


def test_a_place_that_cannot_be_made_is_told_by_run():
    with pytest.raises(VolumeError, match="Not a directory"):
        Machine(root={"/f": ""}, volumes={"/f/x": "/tmp"}).run(["/bin/true"])


def test_the_host_cuts_a_mapped_file_off(compilers, shared, tmp_path):
    """What was there reads as zero, or is SIGBUS, as on 3.2: nothing happens to us."""
    source = tmp_path / "cut.c"
    source.write_text(
        "#include <fcntl.h>\n#include <stdio.h>\n#include <sys/mman.h>\n#include <unistd.h>\n"
        'int main(void) { int fd = open("/v/big", O_RDONLY); char c;\n'
        'char *p = mmap(0, 8192, PROT_READ, MAP_SHARED, fd, 0); printf("%d", p[0]); fflush(stdout); read(0, &c, 1);\n'
        'lseek(fd, 0, SEEK_END); printf(" %d", p[100]); fflush(stdout); printf(" %d", p[5000]); return 0; }\n'
    )
    compilers.need("glibc")
    subprocess.run([*compilers.commands["glibc"], "-w", "-o", tmp_path / "cut", source], check=True)
    (shared / "big").write_bytes(b"\1" * 8192)
    process = subprocess.Popen(
        [*COMMAND, "run", "-v", f"{shared}:/v", "--", tmp_path / "cut"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.read(1) == b"1"
    os.truncate(shared / "big", 10)
    out, err = process.communicate(b"x", timeout=60)
    assert (process.returncode, out, err) == (128 + 7, b" 0", b"Bus error\n")


# What a trace takes in.


def record(path, program, **options):
    machine = Machine(**options)
    with path.open("w") as out:
        TraceWriter(machine, out)
        return machine.run(program)


def header(path):
    with path.open() as lines:
        return json.loads(next(lines))


def test_a_replay_needs_no_directory_and_changes_none(shared, tmp_path):
    script = "cat /v/file; ls -l /v; echo more >> /v/file; mkdir /v/d; cat /v/file /v/none; rm /v/file; ls /v/d"
    trace = tmp_path / "trace"
    first = record(trace, [SH, "-c", script], root="/", volumes={"/v": (shared, "rw")})
    assert header(trace)["volumes"] == [{"guest": "/v", "path": str(shared), "writable": True}]
    (shared / "file").write_text("something else")
    (shared / "d").rmdir()
    before = tree(shared)
    done = procession("replay", "--show", trace)
    assert done.stdout.startswith(first.output)
    assert "identical" in done.stdout
    assert tree(shared) == before
    shutil.rmtree(shared)
    with Replay(trace) as replay:
        assert replay.finish().how["status"] == 0


def test_recording_changes_nothing(shared):
    script = "cat /v/file; ls -l /v; stat /v/file; cat /proc/uptime"
    plain = Machine(root="/", volumes={"/v": shared}, trace=True).run([SH, "-c", script])
    machine = Machine(root="/", volumes={"/v": shared}, trace=True)
    TraceWriter(machine, io.StringIO())
    recorded = machine.run([SH, "-c", script])
    assert recorded.stdout == plain.stdout
    assert recorded.trace == plain.trace


def test_what_the_host_refused_is_refused_again(shared, tmp_path, monkeypatch):
    async def main(sys):
        fd = await sys.open("/v/file", sys.O_RDWR)
        try:
            await sys.write(fd, b"abc")
        except OSError as error:
            await sys.write(1, error.strerror.encode())

    def full(*_args):
        raise OSError(28, "No space left on device")

    trace = tmp_path / "trace"
    with monkeypatch.context() as m:
        m.setattr(os, "pwrite", full)
        assert record(trace, main, volumes={"/v": (shared, "rw")}).output == "No space left on device"
    with Replay(trace, program=main) as replay:
        assert replay.finish().how["status"] == 0


def test_too_much_is_not_taken_in_and_the_trace_says_so(shared, tmp_path, monkeypatch):
    monkeypatch.setattr(trace_volumes, "READ_LIMIT", 1 << 20)
    (shared / "big").write_bytes(b"b" * (3 << 20))
    trace = tmp_path / "trace"
    record(trace, ["/bin/sh", "-c", "echo begins; cat /v/big > /dev/null; echo ends"], root="/", volumes={"/v": shared})
    assert trace.stat().st_size < 4 << 20
    sentence = "volume /v: more than 1 MiB were read from it"
    lines = map(json.loads, trace.read_text().splitlines())
    assert [line["why"] for line in lines if line["event"] == "not_repeatable"] == [sentence]
    done = procession("replay", trace)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"  not repeatable: {sentence}"
    with Replay(trace) as replay:
        assert replay.until("sched_process_exec:filename=/usr/bin/cat").number > 0  # up to there it goes


@pytest.mark.parametrize("change", [
    lambda line: line.update(answer=5), lambda line: line.update(answer=[1, 2]), lambda line: line.pop("answer"),
    lambda line: line.update(errno="x"), lambda line: line.update(call=9999), lambda line: line.update(guest="/w"),
    lambda line: line.update(op="open"), lambda line: line.update(answer="&&&"),
    lambda line: line.update(answer=[None]),
], ids=range(9))
def test_answers_that_make_no_sense_are_a_difference(shared, tmp_path, change):
    trace = tmp_path / "trace"
    record(trace, ["/bin/cat", "/v/file"], root="/", volumes={"/v": shared})
    lines = trace.read_text().splitlines()
    for op in ("root", "pread"):
        edited = list(lines)
        at = next(at for at, line in enumerate(lines) if f'"op":"{op}"' in line)
        found = json.loads(lines[at])
        change(found)
        edited[at] = json.dumps(found, separators=(",", ":"))
        trace.write_text("\n".join(edited) + "\n")
        with Replay(trace) as replay, pytest.raises(Difference):
            replay.finish()


def test_a_changed_file_of_the_root_is_named(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    trace = tmp_path / "trace"
    (root / "data").write_text("one")

    async def main(sys):
        fd = await sys.open("/data", sys.O_RDONLY)
        await sys.write(1, await sys.read(fd, 100))

    record(trace, main, root=root)
    assert header(trace)["not_repeatable"] == [
        f"unless the files of {root} stay as they were", "without the same Python programs",
    ]
    with Replay(trace, program=main) as replay:
        replay.finish()
    (root / "data").write_text("other")
    with Replay(trace, program=main) as replay, pytest.raises(Difference) as info:
        replay.finish()
    assert info.value.why == (
        f"not repeatable unless the files of {root} stay as they were",
        "not repeatable without the same Python programs",
        "changed since: /data",
    )
    assert str(info.value).endswith("\n  changed since: /data")


def test_a_trace_says_what_it_depends_on(tmp_path):
    async def main(sys):
        pass

    trace = tmp_path / "trace"
    archive = tmp_path / "root.tar"
    subprocess.run(["tar", "cf", archive, "-C", tmp_path, "--files-from", os.devnull], check=True)
    programs = "without the same Python programs"
    for root, said in (
        (None, [programs]), ({"/f": "x"}, ["without the dictionary that the root was made of", programs]),
        (archive, [f"unless the archive {archive} stays as it was", programs]),
    ):
        record(trace, main, root=root)
        assert header(trace)["not_repeatable"] == said


def test_a_trace_of_the_last_format_is_still_read(tmp_path):
    """It knew no shared directories, nor what it depends on."""
    trace = tmp_path / "trace"
    record(trace, ["/bin/echo", "x"], root="/")
    lines = [line for line in trace.read_text().splitlines() if '"event":"root_file"' not in line]
    first = {**json.loads(lines[0]), "format": FORMAT - 1}
    del first["volumes"], first["not_repeatable"]
    trace.write_text("\n".join([json.dumps(first), *lines[1:]]) + "\n")
    with Replay(trace) as replay:
        assert replay.finish().how["status"] == 0


def test_input_from_a_pipe_is_recorded(tmp_path):
    trace = tmp_path / "trace"
    done = procession(
        "run", "--trace", trace, "--", SH, "-c", "read a; cat; echo got $a", stdin=None, input="one\ntwo\nthree\n"
    )
    assert done.stdout == "two\nthree\ngot one\n"
    again = procession("replay", "--show", trace)
    assert again.stdout.startswith("two\nthree\ngot one\nidentical")


def test_todays_date_is_recorded(tmp_path):
    trace = tmp_path / "trace"
    done = procession("run", "--trace", trace, "--boot-time", "now", "--", "date", "-u", "+%s.%N")
    assert abs(float(done.stdout) - time.time()) < 100
    time.sleep(1.1)
    again = procession("replay", "--show", trace)
    assert again.stdout.startswith(f"{done.stdout}identical")


def test_what_is_typed_is_recorded(tmp_path):
    """Every key, as it comes to a guest's terminal."""
    trace = tmp_path / "trace"
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "run", "-it", "--trace", trace, "--", SH, "-c", "echo ready; read x; echo =$x; stty size"],
        stdin=slave, stdout=slave,
    )
    os.close(slave)
    seen = b""
    while b"ready" not in seen:
        seen += os.read(master, 100)
    for key in b"ab\x7fc\r":
        os.write(master, bytes([key]))
        time.sleep(0.05)
    try:
        while piece := os.read(master, 1000):
            seen += piece
    except OSError:  # Linux says EIO at the end
        pass
    assert process.wait(timeout=60) == 0
    os.close(master)
    assert b"=ac\r\n" in seen
    again = procession("replay", "--show", trace)
    assert re.search(r"=ac\s", again.stdout)
    assert "identical" in again.stdout
