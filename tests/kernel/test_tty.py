"""Terminals from within: what is left over, what is refused, what no program of the host's can show."""

from __future__ import annotations

from contextlib import suppress
import struct

import pytest

from procession import Machine
from procession.hw.console import BufferConsole, ConsoleAround
from procession.include.linux.errno import Errno

from .faults import ENFILE, ENOMEM, every_failure

RDWR, NOCTTY = 2, 0o400
TIOCSCTTY, TIOCSPTLCK, TIOCGPTN, TIOCSTI, TIOCSWINSZ = 0x540E, 0x40045431, 0x80045430, 0x5412, 0x5414


def run(main, **options):
    result = Machine(**options).run(main)
    result.kernel.check_baseline()
    return result


def test_a_python_program_at_both_ends():
    async def main(sys):
        master, slave = await sys.openpty()
        await sys.write(master, "hello\n")
        await sys.print(repr(await sys.read(slave, 100)), repr(await sys.read(master, 100)))
        await sys.write(slave, "out\n")
        await sys.print(repr(await sys.read(master, 100)))
        await sys.print(await sys.listdir("/dev/pts"))
        await sys.close(slave)
        try:
            await sys.read(master, 1)
        except OSError as error:
            await sys.print(Errno(error.errno).name)

    assert run(main).output == "b'hello\\n' b'hello\\r\\n'\nb'out\\r\\n'\n['0', 'ptmx']\nEIO\n"


def test_job_control_of_python_programs():
    async def main(sys):
        await sys.fork() or await session(sys)
        await sys.print((await sys.waitpid(-1))[1])

    async def session(sys):
        await sys.setsid()
        master, slave = await sys.openpty()
        await sys.ioctl(slave, TIOCSCTTY, 0)
        pid = await sys.fork()
        if pid == 0:
            await sys.setpgid(0, 0)
            await sys.signal(22, 1)                     # SIGTTOU is ignored
            await sys.tcsetpgrp(slave, await sys.getpid())
            await sys.write(master, b"\x1a")            # ^Z stops us here
            await sys.write(master, b"\x03")
            await sys.pause()
        _, status = await sys.waitpid(pid, 2)
        await sys.print(hex(status), (await sys.read_file(f"/proc/{pid}/stat")).split()[6:8] == [b"34816", b"%d" % pid])
        await sys.kill(-pid, 18)
        await sys.print((await sys.waitpid(pid))[1])
        await sys.exit(7)

    assert run(main).output == "0x147f True\n2\n1792\n"


@pytest.mark.parametrize("kind", ["slab", "usercopy"])
def test_every_failure_of_opening_a_master(kind):
    async def main(sys):
        try:
            master = await sys.open("/dev/ptmx", RDWR)
            await sys.close(master)
        except OSError as error:
            await sys.exit(error.errno)

    codes = [result.exit_code for _, result in every_failure(main, "open", kind=kind)]
    assert codes == ([ENFILE, ENOMEM, ENOMEM] if kind == "slab" else [int(Errno.EFAULT)])


def test_everything_is_given_back_when_killed_in_the_middle():
    async def main(sys):
        for _ in range(3):
            if await sys.fork() == 0:
                await sys.setsid()
                master, slave = await sys.openpty()
                await sys.ioctl(slave, TIOCSCTTY, 0)
                await sys.write(master, b"unread " * 2000)
                if await sys.fork() == 0:
                    await sys.read(slave, 100)          # for ever
                await sys.read(master, 100000)
                await sys.read(master, 100000)
        await sys.nanosleep(1)

    result = run(main)
    assert result.kernel.tty.pty_count == 0
    assert result.kernel.mm.kmem_pages == 0


def test_there_are_not_endless_ptys():
    async def main(sys):
        count = 0
        try:
            while True:
                await sys.open("/dev/ptmx", RDWR)
                count += 1
        except OSError as error:
            await sys.print(count, Errno(error.errno).name)

    assert run(main, memory=4 << 20).output == "102 ENOMEM\n"

    async def limited(sys):
        fd = await sys.open("/proc/sys/kernel/pty/max", RDWR)
        await sys.write(fd, b"10")
        await sys.close(fd)
        await main(sys)

    assert run(limited).output == "10 EIO\n"


def test_flip_buffers_come_out_of_the_kernels_memory():
    async def main(sys):
        total = 0
        for _ in range(40):
            master, slave = await sys.openpty()
            raw = bytearray(36)
            await sys.ioctl(slave, 0x5401, raw)
            raw[:16] = bytes(16)
            await sys.ioctl(slave, 0x5402, raw)
            await sys.fcntl(master, 4, 0o4000)
            try:
                while True:
                    total += await sys.write(master, bytes(65536))
            except OSError as error:
                if error.errno != Errno.EAGAIN:
                    raise
        await sys.print(total < 40 * 65536)

    result = run(main, memory=4 << 20)
    assert result.output == "True\n"


def test_proc_knows_the_drivers():
    async def main(sys):
        await sys.print((await sys.read_file("/proc/tty/drivers")).decode(), end="")

    plain = run(main).output
    assert "pty_slave            /dev/pts      136 0-1048575 pty:slave" in plain
    assert "hvc" not in plain
    assert "hvc                  /dev/hvc      229     0-7 system" in run(main, tty=True).output.replace("\r", "")


def test_the_consoles_window_size_and_its_name():
    async def main(sys):
        size = bytearray(8)
        await sys.ioctl(0, 0x5413, size)
        await sys.print(struct.unpack("<4H", size), await sys.readlink("/proc/self/fd/0"), await sys.tcgetpgrp(0))
        await sys.print((await sys.stat("/dev/hvc0")).st_rdev == (await sys.fstat(2)).st_rdev)

    result = run(main, tty=True, winsize=(50, 132))
    assert result.output == "(50, 132, 0, 0) /dev/hvc0 17\r\nTrue\r\n"


def test_without_a_terminal_the_console_is_none():
    async def main(sys):
        for path in ("/dev/tty", "/dev/hvc0"):
            try:
                await sys.open(path, RDWR)
            except OSError as error:
                await sys.print(path, Errno(error.errno).name)
        try:
            await sys.ioctl(0, 0x5401, bytearray(36))
        except OSError as error:
            await sys.print(Errno(error.errno).name)

    assert run(main).output == "/dev/tty ENXIO\n/dev/hvc0 ENOENT\nENOTTY\n"


@pytest.mark.parametrize("cpus", [1, 2])
def test_master_and_slave_on_several_cpus(cpus):
    async def main(sys):
        master, slave = await sys.openpty()
        if await sys.fork() == 0:
            await sys.close(master)
            for n in range(50):
                await sys.write(slave, f"line {n}\n")
            await sys.exit(0)
        await sys.close(slave)
        data = b""
        try:
            while True:
                data += await sys.read(master, 100)
        except OSError as error:
            if error.errno != Errno.EIO:
                raise
        await sys.print(data.count(b"\r\n"))

    assert run(main, cpus=cpus).output == "50\n"


class Someone(ConsoleAround):
    """At a console whose window changes, that lets nothing be written any more, or that brings a lot at once."""

    def __init__(self, stdin=b"", sizes=(), gone=False):
        super().__init__(BufferConsole(stdin))
        self.sizes, self.gone = list(sizes), gone

    def winsize(self):
        return self.sizes.pop(0) if self.sizes else None

    def write(self, fd, data):
        if self.gone:
            raise OSError(32, "Broken pipe")
        super().write(fd, data)


def test_a_window_that_changes_is_told_to_the_foreground_once():
    async def main(sys):
        changes = []
        await sys.signal(sys.SIGWINCH, changes.append)
        size = bytearray(8)
        for line in range(3000):
            assert await sys.read(0, 3) == b"ab\n"
            if not line:
                await sys.ioctl(0, 0x5413, size)
                await sys.print(struct.unpack("<4H", size), changes)
                console.sizes += [(30, 100), (30, 100), (31, 100)]
        for _ in range(3):
            with suppress(InterruptedError):
                await sys.nanosleep(100_000_000)
        await sys.ioctl(0, 0x5413, size)
        await sys.print(struct.unpack("<4H", size), changes)

    console = Someone(b"ab\n" * 4000)
    said = [line for line in run(main, tty=True, console=console, winsize=(24, 80)).output.splitlines() if line != "ab"]
    assert said == ["(24, 80, 0, 0) []", "(31, 100, 0, 0) [28, 28]"]


def test_a_console_that_takes_nothing_more_hangs_up():
    async def main(sys):
        await sys.signal(sys.SIGHUP, heard.append)
        await sys.print("before")
        console.gone = True
        for _ in range(2):
            try:
                await sys.write(1, b"x")
            except OSError as error:
                heard.append(Errno(error.errno).name)
        heard.append(await sys.read(0, 10))

    heard, console = [], Someone(b"typed\n")
    result = run(main, tty=True, console=console)
    assert sorted(result.output.splitlines()) == ["before", "typed"]
    assert sorted(map(str, heard)) == ["1", "EIO", "EIO", "b''"]
    assert "console: [Errno 32] Broken pipe" in [text for _, text in result.kernel.printk_log]


def test_input_that_has_no_room_waits_for_its_reader():
    async def main(sys):
        await sys.nanosleep(100_000_000)
        data = bytearray(4)
        await sys.ioctl(0, 0x541B, data)
        got = b""
        while len(got) < len(typed):
            got += await sys.read(0, 500)
        await sys.print(int.from_bytes(data, "little"), got == typed)

    typed = b"".join(b"line %d\n" % n for n in range(2000))
    said = run(main, tty=True, console=Someone(typed)).output.splitlines()
    assert [line for line in said if "line" not in line] == ["4093 True"]


def test_a_stopped_console_takes_no_output():
    async def main(sys):
        settings = bytearray(36)
        await sys.ioctl(1, 0x5401, settings)
        settings[4:8] = bytes(4)  # without OPOST
        await sys.ioctl(1, 0x5402, settings)
        await sys.ioctl(1, 0x540A, 0)
        await sys.fcntl(1, 4, 0o4000)
        try:
            await sys.write(1, b"not ")
        except OSError as error:
            refused = Errno(error.errno).name
        await sys.ioctl(1, 0x540A, 1)
        await sys.write(1, refused.encode())

    assert run(main, tty=True).output == "EAGAIN"


def test_a_console_that_nobody_has_open():
    async def main(sys):
        for fd in range(3):
            await sys.close(fd)
        await sys.nanosleep(50_000_000)
        fd = await sys.open("/dev/hvc0", RDWR)
        await sys.write(fd, b"again\n" + await sys.read(fd, 10))

    assert run(main, tty=True, console=Someone(b"typed\n")).output.splitlines()[-2:] == ["again", "typed"]
