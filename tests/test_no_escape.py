"""No way leads to what the host has beside the root: no path, link, mount, entry of /proc, descriptor,
number or address.

What -v shows is tried in fs/test_hostfs.py and test_volumes.py, sockets by path, name and netlink in
net/test_no_way_out.py, core files in fs/test_coredump.py.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
import socket
import struct
import subprocess
import sys
import tarfile

import pytest
from tests.fs.programs import errno_of

from procession import Machine
from procession.hw.published import PublishedPorts

SECRET = "what nobody inside may see"
BIND, REC, MOVE, DETACH = 4096, 16384, 8192, 2
O_PATH, O_RDWR, O_DIRECTORY = 0o10000000, 2, 0o200000


@pytest.fixture
def host(tmp_path):
    """A root, a secret beside it, and in the root links that lead to the secret outside."""
    root = tmp_path / "root"
    (root / "etc" / "deep").mkdir(parents=True)
    (root / "etc" / "passwd").write_text("root:x:0:0::/:/bin/sh\n")
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "secret").write_text(SECRET)
    (root / "up").symlink_to("../secret")
    (root / "etc" / "up").symlink_to("../../../../../secret")
    (root / "absolute").symlink_to(tmp_path / "secret")
    (root / "outdir").symlink_to("../dir")
    (root / "chain").symlink_to("outdir/secret")
    os.mkfifo(root / "fifo")
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    yield root
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before
    assert (tmp_path / "secret").read_text() == (tmp_path / "dir" / "secret").read_text() == SECRET


def run(main, **options):
    """Run a program; returns what it has to say."""
    result = Machine(**options).run(main)
    assert result.status == 0, result.stderr.decode()
    return result.output


# Paths.


def ways(outside):
    """Names of the secret: from above, by links, by what /proc shows of a process."""
    up = "../" * 12
    for base in ("", "/", "/etc/deep/", "/proc/1/root/", "/proc/self/root/", "/proc/self/cwd/", "/proc/self/fd/4/"):
        yield f"{base}{up}secret"
        yield f"{base}{up}{outside}/secret"
    yield from ("/up", "/etc/up", "/absolute", "/chain", "/outdir/secret", "/etc/deep/../../up", "/etc/../../secret")
    yield from (f"{outside}/secret", f"/proc/1/root{outside}/secret", f"/proc/self/task/17/root{outside}/secret")
    yield from (f"/dev/fd/4/{up}{outside}/secret", "/made", "/made-absolute", "/made-root/secret",
    "/etc/made-up/secret")


async def make_links(sys, outside):
    await sys.symlink("../" * 12 + "secret", "/made")
    await sys.symlink(f"{outside}/secret", "/made-absolute")
    await sys.symlink(f"/proc/self/root/../..{outside}", "/made-root")
    await sys.symlink(f"../..{outside}", "/etc/made-up")


def test_paths_end_at_the_root(host):
    """Neither .. nor a link, the host's or one's own, nor what /proc has instead of one."""
    outside = str(host.parent)

    async def main(sys):
        await make_links(sys, outside)
        while await sys.open("/", O_DIRECTORY) < 4:
            pass
        for way in ways(outside):
            for what in (sys.open(way), sys.stat(way), sys.open(way, O_PATH), sys.chdir(way), sys.execve(way, ["x"])):
                name = await errno_of(what)
                if name not in ("ENOENT", "ENOTDIR"):
                    await sys.print(way, name)
            for call in (sys.link, sys.rename):
                name = await errno_of(call(way, "/stolen"))
                # A link itself is not followed, and may be had.
                if name == "none" and await errno_of(sys.read_file("/stolen")) != "ENOENT":
                    await sys.print(way, "stolen")
                await errno_of(call("/stolen", way) if name == "none" and call is sys.rename else sys.unlink("/stolen"))

    assert run(main, root=host) == ""


def test_chroot_and_mounts_lead_nowhere(host):
    """Root inside may do what root may: it stays inside all the same."""
    outside = str(host.parent)

    async def look(sys, where):
        for way in ways(outside):
            if await errno_of(sys.open(way)) == "none":
                await sys.print(where, way)

    async def main(sys):
        await make_links(sys, outside)
        await sys.mkdir("/jail")
        await sys.mkdir("/m")
        top = await sys.open("/", O_DIRECTORY)
        # Out of a jail, the old way: that leads to the machine's root.
        await sys.chroot("/jail")
        await sys.fchdir(top)
        for _ in range(40):
            await sys.chdir("..")
        await sys.chroot(".")
        await look(sys, "jail")
        for source in ("/", "..", "/proc/1/root", "/proc/self/cwd", f"/proc/1/root/../..{outside}", "/up", outside):
            if await errno_of(sys.mount(source, "/m", "", BIND | REC)) == "none":
                await look(sys, source)
                await errno_of(sys.umount2("/m", DETACH))
        for kind in ("hostfs", "overlay", "ext4", "9p", "nfs", "virtiofs", "fuse", "bind", "cifs", "btrfs"):
            name = await errno_of(sys.mount(outside, "/m", kind))
            if name != "ENODEV":
                await sys.print(kind, name)
        await sys.mount("none", "/m", "tmpfs")
        await sys.mkdir("/m/old")
        await errno_of(sys.pivot_root("/m", "/m/old"))
        await look(sys, "pivot")
        await errno_of(sys.umount2("/", DETACH))
        await look(sys, "no root")

    assert run(main, root=host) == ""


DEVICES = [(kind | 0o600, major << 8 | minor) for kind, numbers in (
    (0o060000, ((8, 0), (8, 1), (7, 0), (9, 0), (252, 0), (253, 0), (254, 0), (259, 0), (1, 0), (3, 0))),
    (0o020000, ((1, 1), (1, 2), (1, 4), (10, 1), (10, 200), (10, 229), (10, 232), (21, 0), (29, 0), (89, 0),
    (116, 1), (202, 0))),
) for major, minor in numbers]


def test_no_device_is_the_hosts(host):
    """Whoever makes a node of a disk's, of memory's, of tun's or kvm's number opens nothing by it."""

    async def main(sys):
        for at, (mode, dev) in enumerate(DEVICES):
            await sys.mknod(f"/d{at}", mode, dev)
            name = await errno_of(sys.open(f"/d{at}", O_RDWR))
            if name not in ("ENXIO", "ENODEV", "ENOMEM", "EPERM"):
                await sys.print(oct(mode), dev >> 8, dev & 255, name)

    assert run(main, root=host) == ""


@pytest.mark.parametrize("name", ["../secret", "/etc/../../secret", "a/../../../secret"])
def test_an_archive_has_no_members_outside(tmp_path, name):
    """Neither a member's name nor where its links point is a place of the host's."""
    (tmp_path / "secret").write_text(SECRET)
    archive = tmp_path / "root.tar"
    with tarfile.open(archive, "w") as tar:
        for of, type, target in ((name, tarfile.REGTYPE, ""), ("link", tarfile.SYMTYPE, str(tmp_path / "secret")),
                                 ("hard", tarfile.LNKTYPE, str(tmp_path / "secret")),
                                 ("up", tarfile.SYMTYPE, "../secret")):
            member = tarfile.TarInfo(of)
            member.type, member.linkname, member.size = type, target, 4 if type == tarfile.REGTYPE else 0
            tar.addfile(member, io.BytesIO(b"mine"))

    async def main(sys):
        for way in ("/secret", "/link", "/hard", "/up", "/../secret", str(tmp_path / "secret")):
            try:
                await sys.print((await sys.read_file(way)).decode())
            except OSError:
                continue

    try:
        said = run(main, root=archive)
    except (OSError, ValueError):
        return          # it was refused
    assert SECRET not in said
    assert (tmp_path / "secret").read_text() == SECRET


# Processes and memory.


def test_numbers_of_the_hosts_processes_and_descriptors(host):
    """No pid, descriptor or address of the host means anything inside."""
    sleeper = subprocess.Popen(["sleep", "60"])
    held = [os.open(host.parent / "secret", os.O_RDWR) for _ in range(30)]
    addresses = [int(line.split("-")[0], 16) for line in Path("/proc/self/maps").read_text().splitlines()][::40]

    async def main(sys):
        page = await sys.mmap()
        for pid in (os.getpid(), os.getppid(), sleeper.pid,
        *(int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit())):
            if await errno_of(sys.stat(f"/proc/{pid}")) == "none":
                continue    # one of ours has that number
            await sys.poke(page, struct.pack("<4Q", page + 64, 8, addresses[0], 8))
            for what in (
                sys.kill(pid, 0), sys.ptrace(16, pid, 0, 0), sys.process_vm_readv(pid, page, 1, page + 16, 1, 0),
                sys.getpgid(pid), sys.sched_getscheduler(pid),
            ):
                name = await errno_of(what)
                if name != "ESRCH":
                    await sys.print(pid, name)
            for entry in ("root", "cwd", "exe", "mem", "fd/3", "maps", "environ"):
                name = await errno_of(sys.open(f"/proc/{pid}/{entry}"))
                if name != "ENOENT":
                    await sys.print(pid, entry, name)
        for fd in range(3, 80):
            for what in (sys.fstat(fd), sys.dup(fd), sys.fchdir(fd), sys.open(f"/proc/self/fd/{fd}")):
                name = await errno_of(what)
                if name not in ("EBADF", "ENOENT"):
                    await sys.print(fd, name)
        own = await sys.open("/proc/self/mem", O_RDWR)
        for address in addresses:
            for what in (sys.pread(own, 8, address), sys.pwrite(own, b"x" * 8, address)):
                if await errno_of(what) == "none" and not page <= address < page + 4096:
                    await sys.print(hex(address))

    try:
        assert run(main, root=host) == ""
    finally:
        sleeper.kill()
        sleeper.wait()
        for fd in held:
            os.close(fd)


# Networks.


def own_addresses():
    """Addresses of the host, its own names for itself among them."""
    found = {"127.0.0.1", "127.0.0.2", "0.0.0.0", "255.255.255.255", "10.0.0.1", "192.0.2.1", "224.0.0.1", "8.8.8.8"}
    try:
        found |= {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    except socket.gaierror:     # a host whose own name is in no file and no DNS
        pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return sorted(found)
        found.add(probe.getsockname()[0])
    return sorted(found)


def listeners():
    """TCP and UDP sockets of the host at all of its addresses."""
    made = []
    for family in (socket.AF_INET, socket.AF_INET6):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            sock = socket.socket(family, kind)
            try:
                sock.bind(("", made[0].getsockname()[1] if made else 0))
            except OSError:     # no IPv6 here
                sock.close()
                continue
            if kind == socket.SOCK_STREAM:
                sock.listen(50)
            sock.setblocking(False)
            made.append(sock)
    return made


def heard(sock):
    try:
        sock.recv(10) if sock.type == socket.SOCK_DGRAM else sock.accept()
    except BlockingIOError:
        return False
    return True


def test_no_address_is_the_hosts():
    """Every address leads to the machine itself or nowhere, by TCP, by UDP and by packets made by hand."""
    servers = listeners()
    port = servers[0].getsockname()[1]

    async def main(sys):
        for address in own_addresses():
            to = struct.pack("<H", 2) + port.to_bytes(2) + socket.inet_aton(address) + bytes(8)
            stream, datagram, raw = [await sys.socket(2, kind, protocol) for kind, protocol in ((1, 0), (2, 0),
            (3, 255))]
            name = await errno_of(sys.connect(stream, to, 16))
            if name not in ("ECONNREFUSED", "ENETUNREACH", "EINVAL", "EACCES"):
                await sys.print(address, name)
            await sys.syscall("setsockopt", datagram, 1, 6, (1).to_bytes(4, "little"), 4)
            await errno_of(sys.sendto(datagram, b"x", 1, 0, to, 16))
            udp = struct.pack(">HHHH", 9, port, 9, 0) + b"x"
            head = bytes([0x45, 0]) + (20 + len(udp)).to_bytes(2) + bytes(4) + bytes([64, 17, 0, 0]) + bytes(4)
            await errno_of(sys.sendto(raw, head + to[4:8] + udp, 20 + len(udp), 0, to, 16))
            for fd in (stream, datagram, raw):
                await sys.close(fd)
        for text in ("::1", "::", "::ffff:127.0.0.1", "fe80::1", "ff02::1", "2001:db8::1"):
            to = struct.pack("<H", 10) + port.to_bytes(2) + bytes(4) + socket.inet_pton(socket.AF_INET6,
            text) + bytes(4)
            for kind in (1, 2):
                fd = await sys.socket(10, kind, 0)
                await errno_of(sys.connect(fd, to, 28))
                await errno_of(sys.sendto(fd, b"x", 1, 0x4000, to, 28))

    try:
        assert run(main) == ""
        assert not any(heard(sock) for sock in servers)
    finally:
        for sock in servers:
            sock.close()


def test_nobody_outside_reaches_a_port_that_is_not_published():
    """A server inside is at none of the host's ports; a published one is at 127.0.0.1 alone, and only its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    refused = []

    def knock(event):
        if event.name != "listen":
            return
        for address in own_addresses():
            if address.startswith(("0", "224", "255", "192.0.2", "10.0.0.1", "8.8")):
                continue
            for number in (80, port + 1, port) if address == "127.0.0.1" else (80, port):
                try:
                    socket.create_connection((address, number), timeout=2).close()
                except OSError:
                    refused.append((address, number))
                else:
                    refused.append((address, number, "answered"))

    async def server(sys):
        fd = await sys.socket()
        await sys.bind(fd, ("127.0.0.1", 80))
        await sys.listen(fd, 5)
        # The published port of the host is none inside.
        own = await sys.socket()
        await sys.print(await errno_of(sys.connect(own, ("127.0.0.1", port))))

    machine = Machine(publish={port: 81})
    machine.trace.subscribe(knock, "sys_enter")
    assert machine.run(server).output == "ECONNREFUSED\n"
    answered = [where for where in refused if len(where) == 3]
    assert answered == [("127.0.0.1", port, "answered")]


def test_a_published_port_listens_at_127_0_0_1(monkeypatch):
    """Whatever the host's addresses are."""
    bound = []

    class Listening(socket.socket):
        def bind(self, address):
            bound.append(address)
            super().bind(address)

    monkeypatch.setattr("procession.hw.published.socket.socket", Listening)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    PublishedPorts({port: 80}).close()
    assert bound[-1] == ("127.0.0.1", port)


# All of it, watched from outside.

WATCHED = """
import json, sys
from fuzz import hostile
import tests.test_no_escape as t
from pathlib import Path
hidden = t.Hidden(Path(sys.argv[1]))
deeds = hostile.touched()
hidden.attack()
print(json.dumps(deeds))
"""


class Hidden:
    """An attack in a process of its own, whose deeds are noted."""

    def __init__(self, root):
        self.machine = Machine(root=root)
        self.outside = str(root.parent)

    def attack(self):
        async def main(sys):
            await make_links(sys, self.outside)
            for way in ways(self.outside):
                for what in (
                    sys.open(way, O_RDWR), sys.open(way, 0o1102), sys.chmod(way, 0o777), sys.chown(way, 1, 1),
                    sys.unlink(way), sys.mkdir(way), sys.truncate(way, 0), sys.link("/etc/passwd", way),
                    sys.rename("/etc/passwd", way), sys.symlink("x", way), sys.mknod(way, 0o100600), sys.rmdir(way),
                ):
                    await errno_of(what)
            for fd in range(3, 50):
                await errno_of(sys.ftruncate(fd, 0))
            for address in ("127.0.0.1", "8.8.8.8"):
                fd = await sys.socket()
                await errno_of(sys.bind(fd, (address, 4444)))
                await errno_of(sys.connect(fd, (address, 4445)))
            await errno_of(sys.kill(-1, 15))

        result = self.machine.run(main)
        assert result.status == 0, result.stderr


def test_what_it_does_to_the_host_is_nothing(host):
    """The interpreter's own audit sees no file written, no process told, no socket bound or connected."""
    command = [sys.executable, "-c", WATCHED, str(host)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []
