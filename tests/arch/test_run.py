"""linux.run(), pipeline() and spawn(): as subprocess, and made of system calls that everybody can see."""

import errno
import subprocess

import pytest

from procession import Deadlock, Machine


async def cat(linux):
    while data := await linux.read(0, 4096):
        await linux.write(1, data)


async def upper(linux):
    while data := await linux.read(0, 4096):
        await linux.write(1, data.upper())


async def fails(linux):
    await linux.print("out")
    await linux.print("bad", fd=2)
    return 3


async def sleeps(linux):
    await linux.print("before")
    await linux.sleep(100)


async def dies(linux):
    await linux.kill(await linux.getpid(), linux.SIGKILL)


async def head(linux):
    await linux.read(0, 1)


async def shows(linux):
    descriptors = []
    for fd in range(32):
        try:
            await linux.fstat(fd)
            descriptors.append(fd)
        except OSError:
            pass
    await linux.print(linux.argv[1:], linux.environ.get("A"), await linux.getcwd(), *descriptors)


PROGRAMS = {f"/bin/{fn.__name__}": fn for fn in (cat, upper, fails, sleeps, dies, head, shows)}


def run(main, **options):
    result = Machine(programs=PROGRAMS, **options).run(main)
    assert result.stderr == b"", result.stderr.decode()
    assert result.exit_code == 0
    result.check_baseline()
    return result


async def nothing_left(linux):
    """No child, no descriptor, no signal blocked or pending."""
    with pytest.raises(ChildProcessError):
        await linux.wait()
    assert await linux.listdir("/proc/self/fd") == ["0", "1", "2", "3"]
    assert await linux.sigprocmask(linux.SIG_BLOCK) == await linux.sigpending() == frozenset()


def test_run_returns_what_subprocess_does():
    async def main(linux):
        done = await linux.run(["fails"], capture_output=True)
        assert type(done) is subprocess.CompletedProcess
        assert (done.args, done.returncode, done.stdout, done.stderr) == (["fails"], 3, b"out\n", b"bad\n")
        done = await linux.run(["/bin/dies"])
        assert (done.returncode, done.stdout, done.stderr) == (-9, None, None)
        done = await linux.run(["cat"], input="ä\n", capture_output=True, text=True)
        assert (done.stdout, done.stderr) == ("ä\n", "")
        await nothing_left(linux)

    run(main)


def test_redirections():
    async def main(linux):
        done = await linux.run(["fails"], stdout=linux.PIPE, stderr=linux.STDOUT)
        assert (done.stdout, done.stderr) == (b"out\nbad\n", None)
        done = await linux.run(["fails"], stdout=linux.DEVNULL, stderr=linux.PIPE)
        assert (done.stdout, done.stderr) == (None, b"bad\n")
        assert (await linux.run(["cat"], stdin=linux.DEVNULL, stdout=linux.PIPE)).stdout == b""
        file = await linux.open("/tmp/file", linux.O_RDWR | linux.O_CREAT)
        await linux.run(["fails"], stdout=file, stderr=file)
        assert await linux.read_file("/tmp/file") == b"out\nbad\n"
        await linux.lseek(file, 0)
        assert (await linux.run(["cat"], stdin=file, stdout=subprocess.PIPE)).stdout == b"out\nbad\n"
        # Descriptors in each other's places.
        done = await linux.run(["fails"], stdout=2, stderr=1)
        await linux.close(file)
        await nothing_left(linux)

    result = Machine(programs=PROGRAMS).run(main)
    assert (result.stdout, result.stderr, result.exit_code) == (b"bad\n", b"out\n", 0)


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_closed_standard_files(closed):
    """Pipes get their numbers, and are moved out of the way."""

    async def main(linux):
        done = await linux.run(["fails"], stdin=linux.DEVNULL, capture_output=True)
        assert (done.returncode, done.stdout, done.stderr) == (3, b"out\n", b"bad\n")
        done = await linux.pipeline(["cat"], ["upper"], input=b"abc", capture_output=True)
        assert (done.returncodes, done.stdout, done.stderr) == ([0, 0], b"ABC", b"")

    assert Machine(programs=PROGRAMS, closed=closed).run(main).exit_code == 0


def test_arguments_environment_and_directory():
    async def main(linux):
        await linux.mkdir("/d")
        done = await linux.run(
            ["shows", "a", b"\xff"], env={"A": "b", "PATH": "/nowhere:/bin"}, cwd="/d", stdout=linux.PIPE, text=True
        )
        assert done.stdout == "('a', '\\udcff') b /d 0 1 2\n"
        assert (await linux.run(["/bin/shows"], env=["A=c"], capture_output=True)).stdout == b"() c / 0 1 2\n"

    run(main)


def test_a_program_that_cannot_be_executed():
    async def main(linux):
        await linux.write_file("/tmp/plain", "x", 0o644)
        await linux.write_file("/tmp/bad", "x", 0o755)
        for args, options, number, filename in [
            (["nothing"], {}, errno.ENOENT, "nothing"),
            (["/tmp/nothing"], {}, errno.ENOENT, "/tmp/nothing"),
            (["/tmp/plain"], {}, errno.EACCES, "/tmp/plain"),
            (["plain"], {"env": {"PATH": "/tmp:/bin"}}, errno.EACCES, "plain"),
            (["/tmp/bad"], {}, errno.ENOEXEC, "/tmp/bad"),
            (["cat"], {"cwd": "/nowhere"}, errno.ENOENT, "/nowhere"),
            (["cat"], {"stdin": 99}, errno.EBADF, "cat"),
        ]:
            with pytest.raises(OSError, match=filename) as raised:
                await linux.run(args, capture_output=True, **options)
            assert (raised.value.errno, raised.value.filename) == (number, filename)
        for args in (["nothing"], ["/tmp/plain"], ["/tmp/bad"]):
            with pytest.raises(OSError, match=args[0]):
                await linux.pipeline(["cat"], args, ["cat"], input=b"x", capture_output=True)
        await nothing_left(linux)

    run(main)


def test_check_and_timeout():
    async def main(linux):
        with pytest.raises(subprocess.CalledProcessError) as failed:
            await linux.run(["fails"], check=True, capture_output=True)
        assert (failed.value.returncode, failed.value.stderr) == (3, b"bad\n")
        await linux.pipeline(["fails"], ["cat"], check=True, stdout=linux.DEVNULL, stderr=linux.DEVNULL)
        with pytest.raises(subprocess.CalledProcessError):
            await linux.pipeline(["cat"], ["fails"], check=True, input=b"", capture_output=True)
        began = await linux.clock_gettime()
        for options in ({}, {"capture_output": True}, {"stdout": linux.DEVNULL, "input": b"x"}):
            with pytest.raises(subprocess.TimeoutExpired) as late:
                await linux.run(["sleeps"], timeout=2.5, **options)
            assert late.value.cmd == ["sleeps"]
            assert late.value.stdout == (b"before\n" if "capture_output" in options else None)
        assert 7.5e9 <= await linux.clock_gettime() - began < 7.6e9
        assert (await linux.run(["fails"], timeout=1, capture_output=True)).returncode == 3
        await nothing_left(linux)

    result = Machine(programs=PROGRAMS).run(main)
    assert (result.stdout, result.stderr, result.exit_code) == (b"before\n", b"", 0)


def test_a_pipeline():
    async def main(linux):
        done = await linux.pipeline(["cat"], ["upper"], ["cat"], input=b"x" * 200_000, capture_output=True)
        assert (done.returncodes, done.returncode, done.stdout, done.stderr) == ([0, 0, 0], 0, b"X" * 200_000, b"")
        done = await linux.pipeline(["fails"], ["dies"], ["fails"], stdout=linux.PIPE, stderr=linux.STDOUT)
        assert (done.returncodes, done.stdout) == ([3, -9, 3], b"out\nbad\n")
        done = await linux.pipeline(["fails"], ["fails"], capture_output=True, text=True)
        assert (done.stdout, done.stderr) == ("out\n", "bad\nbad\n")
        # A reader that goes away early.
        done = await linux.pipeline(["cat"], ["head"], input=b"y" * 500_000)
        assert done.returncodes == [-linux.SIGPIPE, 0]
        await nothing_left(linux)

    run(main)


def test_spawn_and_talk():
    async def main(linux):
        child = await linux.spawn(["upper"], stdin=linux.PIPE, stdout=linux.PIPE)
        assert (child.args, child.stderr) == (["upper"], None)
        await linux.write(child.stdin, "abc")
        assert await linux.read(child.stdout, 10) == b"ABC"
        assert await child.poll() is None
        # A copy knows it as well, and its descriptors.
        if await linux.fork() == 0:
            await linux.close(child.stdin)
            await linux.exit(child.returncode is None)
        assert (await linux.waitpid())[1] == 1 << 8
        with pytest.raises(subprocess.TimeoutExpired):
            await child.wait(0.25)
        assert await child.communicate("def", timeout=5) == (b"DEF", None)
        assert (child.returncode, child.stdin, child.stdout) == (0, None, None)
        await child.kill()  # nobody any more
        for end in ("terminate", "kill"):
            child = await linux.spawn(["sleeps"], stdout=linux.DEVNULL)
            await getattr(child, end)()
            assert await child.wait() == {"terminate": -15, "kill": -9}[end]
        await nothing_left(linux)

    run(main)


def test_signals_in_between():
    """They interrupt nothing for good; an exception of a handler ends it, and the children with it."""

    async def main(linux):
        await linux.sigaction(linux.SIGALRM, lambda _sig: None)
        await linux.setitimer(linux.ITIMER_REAL, 100_000, 100_000)
        for options in ({"capture_output": True}, {}):
            with pytest.raises(subprocess.TimeoutExpired):
                await linux.run(["sleeps"], timeout=2, **options)

        async def handler(_sig):
            raise KeyError("mine")

        await linux.sigaction(linux.SIGALRM, handler)
        await linux.setitimer(linux.ITIMER_REAL, 100_000)
        with pytest.raises(KeyError):
            await linux.pipeline(["sleeps"], ["cat"], capture_output=True)
        await nothing_left(linux)

    assert Machine(programs=PROGRAMS).run(main).stderr == b""


def test_all_of_it_stands_in_the_trace():
    async def main(linux):
        await linux.pipeline(["cat"], ["upper"], input=b"x", capture_output=True)

    calls = [event.name for event in run(main, trace=["sys_enter"]).trace if event.common_pid in (17, 18)]
    for name in ("pipe2", "clone", "dup2", "execve", "read", "write", "poll", "close", "wait4", "rt_sigprocmask"):
        assert name in calls
    assert calls.count("clone") == 2


def test_a_program_of_the_host():
    async def main(linux):
        done = await linux.pipeline(
            ["printf", "b\\na\\nb\\n"], ["sort"], ["uniq", "-c"], capture_output=True, text=True
        )
        await linux.print(done.returncodes, done.stdout.split())

    assert Machine(root="/").run(main).output == "[0, 0, 0] ['1', 'a', '2', 'b']\n"


def test_a_child_that_nobody_waits_for_is_the_callers():
    """As subprocess.Popen; what never ends is a deadlock."""

    async def main(linux):
        await linux.spawn(["cat"], stdin=linux.PIPE)
        await linux.run(["cat"], stdin=(await linux.pipe())[0])

    with pytest.raises(Deadlock):
        Machine(programs=PROGRAMS).run(main)
