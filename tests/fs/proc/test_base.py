"""The files and links of a process."""

from tests.fs.programs import errno_of, run

from procession import Machine


def test_listing_ascends_and_self_leads_to_the_reader():
    """Leaders only, by number; names vanish with the process."""
    async def main(sys):
        me = await sys.getpid()
        pid = await sys.fork()
        if pid == 0:
            await sys.pause()
        numbers = [int(name) for name in await sys.listdir("/proc") if name.isdigit()]
        await sys.print(numbers == sorted(numbers), me in numbers, pid in numbers)
        await sys.print(await sys.readlink("/proc/self") == str(me))
        await sys.kill(pid, sys.SIGKILL)
        await sys.wait()
        await sys.print(str(pid) in await sys.listdir("/proc"), await errno_of(sys.stat(f"/proc/{pid}")))
        await sys.print(await errno_of(sys.stat("/proc/01")), await errno_of(sys.stat("/proc/99")))

    assert run(main) == "True True True\nTrue\nFalse ENOENT\nENOENT ENOENT\n"


def test_a_directory_keeps_its_inode_number():
    """Tools compare what they find with what they had."""
    async def main(sys):
        a, b = await sys.stat("/proc/self/fd"), await sys.stat("/proc/self/fd")
        await sys.print(a.st_ino == b.st_ino, a.st_ino != (await sys.stat("/proc/1/fd")).st_ino)

    assert run(main) == "True True\n"


def test_a_file_of_the_dead():
    """An open file answers ESRCH, a working directory ENOENT, when the process is gone."""
    async def main(sys):
        pid = await sys.fork()
        if pid == 0:
            await sys.pause()
        fd = await sys.open(f"/proc/{pid}/status", 0)
        await sys.chdir(f"/proc/{pid}")
        await sys.kill(pid, sys.SIGKILL)
        await sys.wait()
        await sys.print(await errno_of(sys.read(fd, 100)), await errno_of(sys.open("status", 0)))

    assert run(main) == "ESRCH ENOENT\n"


def test_a_zombie_has_little_left():
    """No descriptors, memory, directories; name and numbers remain."""
    async def main(sys):
        pid = await sys.fork()
        if pid == 0:
            return
        await sys.sleep(1)
        base = f"/proc/{pid}/"
        await sys.print(await sys.listdir(base + "fd"), await sys.read_file(base + "cmdline"))
        await sys.print(await sys.read_file(base + "maps"), await sys.read_file(base + "comm"))
        await sys.print(await errno_of(sys.readlink(base + "exe")), await errno_of(sys.readlink(base + "cwd")))
        await sys.print(await errno_of(sys.open(base + "ns/uts", 0)))

    assert run(main) == "[] b''\nb'' b'main\\n'\nENOENT ENOENT\nENOENT\n"


def test_comm_can_be_written():
    """By a thread of the process, cut to 15 bytes: so much was written."""
    async def main(sys):
        fd = await sys.open("/proc/self/comm", sys.O_WRONLY)
        assert await sys.write(fd, b"a name that is too long") == 15
        await sys.print(await sys.read_file("/proc/self/comm"))
        await sys.print(await errno_of(sys.write_file("/proc/1/comm", b"x")))

    assert run(main) == "b'a name that is \\n'\nEINVAL\n"


def test_links():
    """cwd, root and exe lead there whatever their text; fd/N shows what is open."""
    async def main(sys):
        await sys.mkdir("/d")
        await sys.chdir("/d")
        fd = await sys.open("/d/file", sys.O_CREAT | sys.O_RDWR)
        await sys.write(fd, b"still here")
        await sys.unlink("/d/file")
        await sys.print(*[await sys.readlink(f"/proc/self/{name}") for name in ("cwd", "root", "exe", f"fd/{fd}")])
        await sys.print(await sys.read_file(f"/proc/self/fd/{fd}"))
        await sys.print(oct((await sys.lstat(f"/proc/self/fd/{fd}")).st_mode))
        await sys.print((await sys.read_file(f"/proc/self/fdinfo/{fd}")).split())
        await sys.print((await sys.stat("/proc/self/cwd/.")).st_ino == (await sys.stat("/d")).st_ino)

    assert run(main) == (
        "/d / /bin/main /d/file (deleted)\nb'still here'\n0o120700\n"
        "[b'pos:', b'10', b'flags:', b'0100002']\nTrue\n"
    )


def test_cmdline_and_environ():
    """Each string with its NUL."""
    async def main(sys):
        await sys.print(await sys.read_file("/proc/self/cmdline"))
        await sys.print((await sys.read_file("/proc/self/environ")).split(b"\0")[1:])
        await sys.print(await sys.read_file("/proc/2/cmdline"))

    assert run(main) == "b'/bin/main\\x00'\n[b'HOME=/', b'TERM=linux', b'']\nb''\n"


def test_strangers_see_less():
    """Without the right to trace: no environment, no links, no layout; stat and status stay readable."""
    async def main(sys):
        pid = await sys.fork()
        if pid == 0:
            await sys.pause()
        await sys.setuid(1000)
        for name in ("environ", "exe", "cwd", "fd", "maps", "auxv", "io", "personality", "mem"):
            path = f"/proc/{pid}/{name}"
            read = {"exe": sys.readlink, "cwd": sys.readlink, "fd": sys.listdir}.get(name, sys.read_file)
            await sys.print(name, await errno_of(read(path)))
        await sys.print(len((await sys.read_file(f"/proc/{pid}/stat")).split()))

    assert run(main) == (
        "environ EACCES\nexe EACCES\ncwd EACCES\nfd EACCES\nmaps EACCES\nauxv EACCES\nio EACCES\n"
        "personality EPERM\nmem EACCES\n44\n"
    )


def test_limits():
    """A table of fixed columns."""
    async def main(sys):
        await sys.setrlimit(7, (100, 200))
        await sys.write(1, await sys.read_file("/proc/self/limits"))

    lines = run(main).splitlines()

    assert lines[0] == "Limit                     Soft Limit           Hard Limit           Units     "
    assert lines[4] == "Max stack size            8388608              unlimited            bytes     "
    assert lines[8] == "Max open files            100                  200                  files     "
    assert lines[14] == "Max nice priority         0                    0                    "
    assert len(lines) == 17


def test_oom_adjustments():
    """Both scales follow each other; going down needs a right."""
    async def main(sys):
        await sys.write_file("/proc/self/oom_score_adj", b"500\n")
        await sys.print(await sys.read_file("/proc/self/oom_adj"), await sys.read_file("/proc/self/oom_score_adj"))
        await sys.write_file("/proc/self/oom_adj", b"-17")
        await sys.print(await sys.read_file("/proc/self/oom_score_adj"))
        await sys.write_file("/proc/self/oom_adj", b"15")
        await sys.print(await sys.read_file("/proc/self/oom_score_adj"))
        for value in (b"1001", b"x", b""):
            await sys.print(await errno_of(sys.write_file("/proc/self/oom_score_adj", value)))

    assert run(main) == "b'7\\n' b'500\\n'\nb'-1000\\n'\nb'1000\\n'\nEINVAL\nEINVAL\nnone\n"


def test_namespace_files():
    """Regular files that setns(2) takes: a hostname of one's own, and back."""
    async def main(sys):
        old = await sys.open("/proc/self/ns/uts", 0)
        await sys.print(await sys.listdir("/proc/self/ns"), oct((await sys.stat("/proc/self/ns/uts")).st_mode))
        await sys.unshare(sys.CLONE_NEWUTS)
        await sys.sethostname("other")
        await sys.print((await sys.uname()).nodename)
        await sys.syscall("setns", old, 0)
        await sys.print((await sys.uname()).nodename)
        await sys.print(await errno_of(sys.syscall("setns", 0, 0)), await errno_of(sys.read(old, 1)))

    assert run(main) == "['net', 'uts', 'ipc'] 0o100400\nother\nprocession\nEINVAL EINVAL\n"


def test_mem_is_for_oneself():
    """One's own memory can be read at its address; another's if one might trace it, and init has none here."""
    async def main(sys):
        address = await sys.mmap(4096)
        await sys.poke(address, b"in memory")
        fd = await sys.open("/proc/self/mem", sys.O_RDWR)
        await sys.lseek(fd, address)
        await sys.print(await sys.read(fd, 9))
        await sys.pwrite(fd, b"changed", address)
        await sys.print(await sys.peek(address, 9), await errno_of(sys.pread(fd, 1, 0x1000)))
        other = await sys.open("/proc/1/mem", 0)
        await sys.print(await errno_of(sys.pread(other, 1, address)))

    assert run(main) == "b'in memory'\nb'changedry' EIO\nnone\n"


def test_oom_adj_is_deprecated():
    """Which the log says once, with the global numbers of who wrote and of whom it is about."""
    script = "for n in x 3 4; do echo $n > /proc/$$/oom_adj; done; echo 0 > /proc/self/oom_score_adj"
    result = Machine(root="/").run(["/bin/sh", "-c", script])
    log = [text for _, text in result.kernel.printk_log if "oom_adj" in text]
    assert log == ["sh (17): /proc/17/oom_adj is deprecated, please use /proc/17/oom_score_adj instead."]
