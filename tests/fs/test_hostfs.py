"""Shared directories: what is done in one is done there on the host, and nowhere else, whatever a guest tries."""

import errno
import gc
import os
from pathlib import Path
import random
import resource
import stat
import struct

import pytest

from procession.fs.hostfs import volumes
from procession.fs.hostfs.hostfs_user import HostDirectory
from procession.include.linux.errno import LinuxError
from procession.include.linux.kdev_t import new_encode_dev

from .conftest import BOOT_TIME_NS, Buffer, Sys, bare_kernel, shared_machine

RDONLY, WRONLY, RDWR, CREAT, EXCL, TRUNC, APPEND, DIRECTORY, NOFOLLOW = (
    0, 1, 2, 0o100, 0o200, 0o1000, 0o2000, 0o200000, 0o400000,
)
AT_FDCWD = -100
MS_RDONLY, MS_REMOUNT, MS_BIND = 1, 32, 4096
NOW = (1 << 30) - 1


def snapshot(root):
    return {
        str(path): (st.st_mode, st.st_mtime_ns, st.st_size, st.st_nlink, st.st_uid)
        for path in sorted(Path(root).rglob("*"))
        for st in [os.lstat(path)]
    }


def descriptors():
    return [int(path.name) for path in Path("/proc/self/fd").iterdir()]


def times(mtime_ns):
    return Buffer(struct.pack("<4q", 0, NOW - 1, *divmod(mtime_ns, 10**9)))


# Reading.


def test_it_shows_what_the_host_has(ro, host):
    assert ro.read_file("/v/file") == b"contents"
    assert ro.listdir("/v") == [".", "..", "abs", "dir", "etc", "file", "up"]
    st, own = ro.stat_of("/v/file"), (host / "file").stat()
    assert (st.mode, st.size, st.mtime_ns, st.nlink) == (own.st_mode, own.st_size, own.st_mtime_ns, own.st_nlink)
    assert (st.uid, st.gid) == (own.st_uid, own.st_gid)
    assert (st.ctime_ns, st.blocks) == (st.mtime_ns, 8)  # what differs between machines is not shown


def test_links_are_followed_inside(ro, fails):
    for name in ("/v/up", "/v/abs", "/v/dir/../../../outside", "/v/../outside"):
        with fails("ENOENT"):
            ro.read_file(name)
    assert ro.read_file("/v/etc") == b"inside"
    assert ro.read_file("/v/dir/../../etc/passwd") == b"inside"


ROOMS = [
    lambda s: s.open("/v/file", WRONLY, 0),
    lambda s: s.open("/v/file", RDONLY | TRUNC, 0),
    lambda s: s.open("/v/new", CREAT | RDWR, 0o600),
    lambda s: s.mkdir("/v/new", 0o700),
    lambda s: s.rmdir("/v/dir/sub"),
    lambda s: s.unlink("/v/file"),
    lambda s: s.rename("/v/file", "/v/g"),
    lambda s: s.link("/v/file", "/v/g"),
    lambda s: s.symlink("x", "/v/g"),
    lambda s: s.mknod("/v/g", stat.S_IFIFO | 0o600, 0),
    lambda s: s.chmod("/v/file", 0o777),
    lambda s: s.chown("/v/file", 1, 1),
    lambda s: s.truncate("/v/file", 1),
    lambda s: s.utimensat(AT_FDCWD, "/v/file", times(5), 0),
]


@pytest.mark.parametrize("attempt", ROOMS, ids=range(len(ROOMS)))
def test_read_only_is_read_only(ro, host, fails, attempt):
    before = snapshot(host)
    for flags in (None, MS_REMOUNT, MS_REMOUNT | MS_BIND):
        if flags == MS_REMOUNT:
            with fails("EACCES"):  # as of a disk with a tab
                ro.mount("", "/v", "", flags, "")
        elif flags:
            ro.mount("", "/v", "", flags, "")  # that mount may be written, the file system may not
        with fails("EROFS"):
            attempt(ro)
    assert snapshot(host) == before


def test_the_hosts_side_does_not_write_either(host):
    """Should the kernel inside be talked into it, the last who is asked still says no."""
    side = HostDirectory(host, writable=False)
    root = side.root().node
    file, folder = side.lookup(root, b"file").node, side.lookup(root, b"dir").node
    before = snapshot(host)
    for attempt in (
        lambda: side.open(file, True), lambda: side.pwrite(file, 0, b"x"), lambda: side.truncate(file, 0),
        lambda: side.create(root, b"n", stat.S_IFREG | 0o600), lambda: side.symlink(root, b"n", b"x"),
        lambda: side.link(file, root, b"n"), lambda: side.remove(root, b"file", False),
        lambda: side.remove(folder, b"sub", True), lambda: side.rename(root, b"file", folder, b"n"),
        lambda: side.chmod(file, 0o777), lambda: side.chown(file, 1, 1), lambda: side.utime(file, 1, 1),
        lambda: side.give(file, 1, 1),
    ):
        with pytest.raises(OSError, match="reading only") as info:
            attempt()
        assert info.value.errno == errno.EROFS
    assert snapshot(host) == before


@pytest.mark.parametrize("name", [b"", b".", b"..", b"../outside", b"dir/inner", b"/etc/passwd", b"a\0b"])
def test_the_hosts_side_takes_single_names_only(host, name):
    side = HostDirectory(host, writable=True)
    root = side.root().node
    file = side.lookup(root, b"file").node
    for attempt in (
        lambda: side.lookup(root, name), lambda: side.create(root, name, stat.S_IFREG | 0o600),
        lambda: side.create(root, name, stat.S_IFDIR | 0o700), lambda: side.symlink(root, name, b"x"),
        lambda: side.link(file, root, name), lambda: side.remove(root, name, False),
        lambda: side.remove(root, name, True), lambda: side.rename(root, name, root, b"n"),
        lambda: side.rename(root, b"file", root, name),
    ):
        with pytest.raises(OSError, match="not a name"):
            attempt()


# Writing, where it shall be.


def test_what_is_written_is_on_the_host_at_once(rw, host):
    fd = rw.open("/v/new", CREAT | RDWR, 0o640)
    rw.write(fd, Buffer(b"text"), 4)
    assert (host / "new").read_bytes() == b"text"
    assert stat.S_IMODE((host / "new").stat().st_mode) == 0o640
    rw.fchmod(fd, 0o444)
    assert stat.S_IMODE((host / "new").stat().st_mode) == 0o444
    rw.utimensat(AT_FDCWD, "/v/new", times(7 * 10**9 + 5), 0)
    assert (host / "new").stat().st_mtime_ns == rw.stat_of("/v/new").mtime_ns == 7 * 10**9 + 5


def test_dates_are_each_sides_own(rw, host):
    """Inside the guest's clock holds, so that a run is repeatable; the host dates what is done there."""
    rw.write_file("/v/new", b"x")
    rw.write_file("/v/file", b"y")
    rw.utimensat(AT_FDCWD, "/v/dir", 0, 0)
    for name in ("new", "file", "dir"):
        assert BOOT_TIME_NS <= rw.stat_of(f"/v/{name}").mtime_ns < BOOT_TIME_NS + 10**9
        assert (host / name).stat().st_mtime_ns > BOOT_TIME_NS + 10**17


def test_a_link_made_inside_leads_nowhere_else(rw, host, fails):
    rw.symlink("/etc/passwd", "/v/l")
    rw.symlink(str(host.parent / "outside"), "/v/m")
    rw.symlink("../outside", "/v/n")
    with pytest.raises(LinuxError):
        rw.open("/v/m", WRONLY | TRUNC, 0)
    with fails("ENOENT"):
        rw.open("/v/n", WRONLY | TRUNC, 0)
    rw.close(rw.open("/v/n", WRONLY | CREAT, 0o600))  # at /outside, where it leads
    assert rw.listdir("/").count("outside") == 1
    rw.close(rw.open("/v/l", WRONLY | TRUNC, 0))
    assert rw.read_file("/etc/passwd") == b""
    assert Path("/etc/passwd").read_bytes()
    for call in (lambda name: rw.chmod(name, 0), lambda name: rw.truncate(name, 0)):
        call("/v/l")
    assert stat.S_IMODE(Path("/etc/passwd").stat().st_mode)
    rw.lchown("/v/l", 5, 5)
    assert os.lstat(host / "l").st_uid == 5
    assert Path("/etc/passwd").stat().st_uid == 0


def test_a_directory_that_becomes_a_link_is_not_followed(rw, host, fails):
    fd = rw.open("/v/dir", DIRECTORY, 0)
    rw.close(rw.open("/v/dir/inner", RDONLY, 0))
    rw.rename("/v/dir", "/v/old")
    rw.symlink("..", "/v/dir")
    assert rw.openat(fd, "inner", RDONLY, 0) > 0
    with fails("ENOENT"):
        rw.open("/v/dir/outside", RDWR, 0)
    (host / "old").rename(host / "older")
    (host / "old").symlink_to("..")  # and now by somebody on the host
    with fails("ENOENT"):
        rw.open("/v/old/outside", RDWR, 0)
    side = HostDirectory(host, writable=True)
    sub = side.lookup(side.root().node, b"older").node
    (host / "older").rename(host / "oldest")
    (host / "older").symlink_to("..")
    with pytest.raises(OSError, match="changed") as info:
        side.lookup(sub, b"outside")
    assert info.value.errno == errno.ESTALE


def test_a_file_that_becomes_a_link_is_not_opened(host):
    side = HostDirectory(host, writable=True)
    file = side.lookup(side.root().node, b"file").node
    (host / "file").unlink()
    (host / "file").symlink_to("../outside")
    for attempt in (
        lambda: side.open(file, True), lambda: side.open(file, False), lambda: side.chmod(file, 0),
        lambda: side.chown(file, 1, 1), lambda: side.truncate(file, 0), lambda: side.utime(file, 1, 1),
        lambda: side.link(file, side.root().node, b"hard"),
    ):
        with pytest.raises(OSError, match="changed") as info:
            attempt()
        assert info.value.errno == errno.ESTALE


def test_nothing_is_moved_or_linked_out_or_in(rw, fails):
    rw.write_file("/tmp/inside", b"x")
    for call in (rw.rename, rw.link):
        for old, new in (("/v/file", "/tmp/f"), ("/tmp/inside", "/v/f"), ("/v/dir", "/tmp/d")):
            with fails("EXDEV"):
                call(old, new)


def test_two_shares_are_two_file_systems(host, fails):
    two = shared_machine(("/v", host / "dir", True), ("/w", host, True))
    with fails("EXDEV"):
        two.rename("/v/inner", "/w/inner")
    two.write_file("/v/inner", b"by one name")
    assert two.read_file("/w/dir/inner") == b"by one name"


def test_up_from_a_directory_that_was_moved_out_of_a_bind_mount(rw, host, fails):
    rw.mkdir("/jail", 0o700)
    rw.mount("/v/dir", "/jail", "", MS_BIND, "")
    fd = rw.open("/jail/sub", DIRECTORY, 0)
    rw.rename("/v/dir/sub", "/v/sub")
    rw.fchdir(fd)
    assert rw.openat(AT_FDCWD, "../file", RDONLY, 0) > 0  # that far 3.2 lets one go
    for up in ("../../outside", "../../../outside", "../../shared/file"):
        with fails("ENOENT"):
            rw.open(up, RDONLY, 0)
    rw.chroot(".")
    rw.write_file("/../../x", b"x")
    assert (host / "sub" / "x").exists()


def test_what_is_mounted_on_it_is_not_the_hosts(rw, host, fails):
    rw.mount("none", "/v/dir", "tmpfs", 0, "")
    rw.write_file("/v/dir/x", b"x")
    assert sorted(path.name for path in (host / "dir").iterdir()) == ["inner", "sub"]
    with fails("EBUSY"):
        rw.rename("/v/dir", "/v/d")
    with fails("EBUSY"):
        rw.rmdir("/v/dir")
    (host / "dir").rename(host / "elsewhere")  # the mount stays where it is
    assert rw.read_file("/v/dir/x") == b"x"
    (host / "dir").mkdir()
    assert rw.read_file("/v/dir/x") == b"x"


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK])
def test_no_device_is_made(rw, host, fails, kind):
    before = snapshot(host)
    with fails("EPERM"):
        rw.mknod("/v/dev", kind | 0o666, new_encode_dev(1, 3))
    assert snapshot(host) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_of_the_host_is_not_opened(rw, host, fails):
    os.mknod(host / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    assert rw.stat_of("/v/zero").rdev == new_encode_dev(1, 5)
    with fails("EACCES"):
        rw.open("/v/zero", RDONLY, 0)


def test_nothing_gets_the_owners_rights_on_the_host(rw, host, fails):
    for mode in (0o4755, 0o2755, 0o6755):
        with fails("EPERM"):
            rw.chmod("/v/file", mode)
        with fails("EPERM"):
            rw.open("/v/setid", CREAT | RDWR, mode)
    rw.chmod("/v/dir", 0o2770)  # of a directory it says whose the files in it are
    rw.mkdir("/v/dir/d", 0o700)
    assert (host / "dir" / "d").stat().st_mode & stat.S_ISGID
    (host / "file").chmod(0o4711)
    rw.chmod("/v/file", 0o4700)  # what the host has given may stay
    assert stat.S_IMODE((host / "file").stat().st_mode) == 0o4700


def test_who_is_not_the_hosts_root_owns_everything(rw, host, fails, monkeypatch):
    def refused(*_args, **_kw):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refused)
    monkeypatch.setattr(os, "fchown", refused)
    rw.become(0)
    rw.task.cred.fsuid = rw.task.cred.fsgid = 33
    rw.write_file("/v/new", b"x")
    assert rw.stat_of("/v/new").uid == (host / "new").stat().st_uid == os.geteuid()
    with fails("EPERM"):
        rw.chown("/v/new", 33, 33)
    assert rw.stat_of("/v/new").uid == os.geteuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_hosts_root_gives_files_to_whom_they_are_inside(rw, host):
    rw.chmod("/v", 0o777)
    rw.become(33)
    rw.write_file("/v/new", b"x")
    assert (host / "new").stat().st_uid == rw.stat_of("/v/new").uid == 33


# What the host has against it.


@pytest.mark.parametrize("name", ["ENOSPC", "EDQUOT", "EIO", "EFBIG", "EROFS"])
def test_what_the_disk_says_is_what_the_guest_hears(rw, host, monkeypatch, fails, name):
    fd = rw.open("/v/file", RDWR, 0)

    def full(*_args):
        raise OSError(getattr(errno, name), "no")

    with monkeypatch.context() as m:
        m.setattr(os, "pwrite", full)
        with fails(name):
            rw.write(fd, Buffer(b"abc"), 3)
    assert rw.read_file("/v/file") == b"contents"
    assert rw.write(fd, Buffer(b"CON"), 3) == 3
    assert (host / "file").read_text() == "CONtents"


def test_a_disk_that_fills_up_in_the_middle(rw, monkeypatch):
    fd = rw.open("/v/file", RDWR, 0)
    real = os.pwrite

    def nearly_full(fd, data, offset):
        if offset >= 5000:
            raise OSError(errno.ENOSPC, "full")
        return real(fd, data[:5000 - offset], offset)

    monkeypatch.setattr(os, "pwrite", nearly_full)
    assert rw.write(fd, Buffer(b"z" * 9000), 9000) == 5000
    assert rw.stat_of("/v/file").size == 5000
    assert rw.read_file("/v/file") == b"z" * 5000


def test_an_unreadable_directory_is_refused(ro, monkeypatch, fails):
    def refused(*_args, **_kw):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    with fails("EACCES"):
        ro.open("/v/dir/inner", RDONLY, 0)
    with fails("EACCES"):
        ro.open("/v/dir", DIRECTORY, 0)


def test_the_hosts_descriptors_run_out_for_the_guest_not_for_us(rw, host, fails):
    for n in range(30):
        (host / f"f{n}").write_text("x")
        (host / f"d{n}").mkdir()
        (host / f"d{n}" / "x").write_text("x")
    gc.collect()
    top = max(descriptors())
    holes = [os.open("/dev/null", os.O_RDONLY)]
    while holes[-1] <= top:
        holes.append(os.open("/dev/null", os.O_RDONLY))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (holes[-1] + 21, limits[1]))
    try:
        assert all(rw.read_file(f"/v/d{n}/x") == b"x" for n in range(30))
        fds = []
        with fails("ENFILE"):
            fds.extend(rw.open(f"/v/f{n}", RDONLY, 0) for n in range(30))
        assert len(fds) > 15
        for fd in fds:
            rw.close(fd)
        assert rw.read_file("/v/f29") == b"x"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for fd in holes:
            os.close(fd)


# What others do meanwhile.


def test_changes_of_the_host_are_seen(ro, host, fails):
    with fails("ENOENT"):
        ro.stat_of("/v/late")
    (host / "late").write_text("1")
    assert ro.read_file("/v/late") == b"1"
    fd = ro.open("/v/late", RDONLY, 0)
    (host / "other").write_text("another file")
    (host / "other").rename(host / "late")  # as editors save
    assert ro.read_file("/v/late") == b"another file"
    buffer = Buffer(bytes(100))
    assert ro.read(fd, buffer, 100) == 1  # who has it open keeps the old one
    (host / "late").unlink()
    with fails("ENOENT"):
        ro.read_file("/v/late")
    with (host / "file").open("a") as f:
        fd = ro.open("/v/file", RDONLY, 0)
        assert ro.read(fd, buffer, 100) == 8
        assert ro.read(fd, buffer, 100) == 0
        f.write(" grow")
        f.flush()
        assert ro.read(fd, buffer, 100) == 5  # tail -f


def test_a_file_that_is_cut_off_meanwhile(ro, host):
    (host / "big").write_bytes(b"b" * 10000)
    fd = ro.open("/v/big", RDONLY, 0)
    buffer = Buffer(bytes(20000))
    assert ro.read(fd, buffer, 4096) == 4096
    os.truncate(host / "big", 10)
    assert ro.read(fd, buffer, 4096) == 0
    assert ro.pread64(fd, buffer, 100, 0) == 10


def test_append_goes_to_the_end_as_it_is_now(rw, host):
    fd = rw.open("/v/file", WRONLY | APPEND, 0)
    with (host / "file").open("a") as f:
        f.write(" theirs")
    rw.write(fd, Buffer(b" ours"), 5)
    assert (host / "file").read_text() == "contents theirs ours"


# Large, deep, many.


def test_a_file_larger_than_memory(host):
    size = 40 << 20
    with (host / "huge").open("wb") as f:
        f.truncate(size)
        f.seek(size - 3)
        f.write(b"end")
    k = bare_kernel({"/x": ""}, megabytes=16)
    k.vfs.volumes = [volumes.open_volume("/v", host, writable=True)]
    volumes.mount_volumes(k)
    sys, buffer, total = Sys(k), Buffer(bytes(1 << 20)), 0
    fd = sys.open("/v/huge", RDWR, 0)
    while n := sys.read(fd, buffer, 1 << 20):
        total += n
    assert total == size
    assert buffer.data[-3:] == b"end"
    assert sys.pwrite64(fd, Buffer(b"w" * 100), 100, size) == 100
    for n in range(40):
        assert sys.pwrite64(fd, Buffer(bytes([n]) * (1 << 20)), 1 << 20, n << 20) == 1 << 20
    assert (host / "huge").stat().st_size == size + 100


def test_ten_thousand_files(rw, host):
    for n in range(10_000):
        (host / "dir" / f"{n:05}").touch()
    names = rw.listdir("/v/dir")
    assert len(names) == 10_004
    assert names == sorted(names)
    assert all(rw.stat_of(f"/v/dir/{n:05}").size == 0 for n in range(10_000))


def test_deeper_than_python_recurses(rw, host):
    depth = 1500
    rw.chdir("/v/dir")
    for _ in range(depth):
        rw.mkdir("d", 0o700)
        rw.chdir("d")
    fd = rw.open("at the bottom", CREAT | RDWR, 0o600)
    rw.write(fd, Buffer(b"x"), 1)
    rw.chdir("/v/dir")
    rw.chdir("/".join(["d"] * 1000))
    rw.chdir("/".join(["d"] * 500))
    assert rw.stat_of("at the bottom").size == 1
    rw.unlink("at the bottom")
    for _ in range(depth):
        rw.chdir("..")
        rw.rmdir("d")
    assert not (host / "dir" / "d").exists()


def test_bytes_of_a_name_are_kept(rw, host):
    rw.write_file("/v/\udcff\udcfe", b"x")
    assert os.fsencode(host) + b"/\xff\xfe" in [os.fsencode(path) for path in host.iterdir()]


# Where it appears.


def test_the_place_is_made_with_all_that_leads_there(host, fails):
    sys = shared_machine(("/a/b/c", host, True), ("/a/b/c/dir/new", host / "dir", False))
    assert sys.read_file("/a/b/c/dir/new/inner") == b"inner"
    assert (host / "dir" / "new").is_dir()  # the place for the second was made in the first
    with fails("EROFS"):
        sys.unlink("/a/b/c/dir/new/inner")
    sys.unlink("/a/b/c/dir/inner")
    assert not (host / "dir" / "inner").exists()


@pytest.mark.parametrize(("guest", "shown"), [
    ("/etc/passwd", "Not a directory"), ("/etc/passwd/x", "Not a directory"),
    ("/dangling", "No such file"), ("/loop/x", "Too many levels"),
])
def test_a_place_that_cannot_be(host, guest, shown, tmp_path):
    root = tmp_path / "shared" / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "passwd").touch()
    (root / "dangling").symlink_to("nowhere")
    (root / "loop").symlink_to("loop")
    with pytest.raises(volumes.VolumeError, match=shown) as info:
        shared_machine((guest, host, False), root=str(root))
    assert info.value.guest == guest


@pytest.mark.parametrize(("guest", "why"), [("/", "is the root"), ("/a/..", "is the root"), ("a", "begin with /")])
def test_a_place_that_is_none(host, guest, why):
    with pytest.raises(ValueError, match=why):
        volumes.open_volume(guest, host, writable=False)


def test_one_file(host, fails):
    sys = shared_machine(("/etc/hosts", host / "file", True), ("/one", host / "dir" / "inner", False))
    sys.write_file("/etc/hosts", b"new")
    assert (host / "file").read_text() == "new"
    assert sys.read_file("/one") == b"inner"
    with fails("EROFS"):
        sys.open("/one", RDWR, 0)
    for call in (sys.unlink, lambda name: sys.rename(name, "/etc/moved")):
        with fails("EBUSY"):
            call("/etc/hosts")
    with fails("EXDEV"):
        sys.link("/etc/hosts", "/etc/linked")
    sys.chmod("/etc/hosts", 0o600)
    assert stat.S_IMODE((host / "file").stat().st_mode) == 0o600
    with pytest.raises(volumes.VolumeError, match="Is a directory"):
        shared_machine(("/etc", host / "file", True))


def test_the_hosts_kernel_is_not_shared():
    with pytest.raises(OSError, match="kernel"):
        HostDirectory("/proc/self", writable=True)
    with pytest.raises(OSError, match="neither"):
        HostDirectory("/dev/null", writable=True)
    side = HostDirectory("/", writable=False)
    proc = side.lookup(side.root().node, b"proc")
    assert side.listdir(proc.node) == []
    assert side.lookup(proc.node, b"self") is None


# As the host does it: the same steps there and here, at random.


class Disk:
    """The calls of Sys, made on the host below a directory."""

    def __init__(self, top):
        self.top = str(top)

    def at(self, path):
        return self.top + path

    def put(self, path, flags, data):
        fd = os.open(self.at(path), flags, 0o640)
        try:
            return os.write(fd, data)
        finally:
            os.close(fd)

    def get(self, path):
        fd = os.open(self.at(path), os.O_RDONLY)
        try:
            return os.read(fd, 100_000)
        finally:
            os.close(fd)

    def look(self, path):
        st = os.lstat(self.at(path))
        return st.st_mode, st.st_size if not stat.S_ISDIR(st.st_mode) else 0, st.st_nlink

    def names(self, path):
        return sorted(entry.name for entry in os.scandir(self.at(path)))

    def do(self, call, *paths, **more):
        getattr(os, call)(*map(self.at, paths), *more.values())


class Guest:
    """The same, made inside."""

    def __init__(self, sys, top):
        self.sys = sys
        self.top = top

    def put(self, path, flags, data):
        fd = self.sys.open(self.top + path, flags, 0o640)
        try:
            return self.sys.write(fd, Buffer(data), len(data))
        finally:
            self.sys.close(fd)

    def get(self, path):
        fd = self.sys.open(self.top + path, 0, 0)
        buffer = Buffer(bytes(100_000))
        try:
            return bytes(buffer.data[:self.sys.read(fd, buffer, 100_000)])
        finally:
            self.sys.close(fd)

    def look(self, path):
        st = self.sys.stat_of(self.top + path, "lstat")
        return st.mode, st.size if not stat.S_ISDIR(st.mode) else 0, st.nlink

    def names(self, path):
        return sorted(name for name in self.sys.listdir(self.top + path) if name not in (".", ".."))

    def do(self, call, *paths, **more):
        getattr(self.sys, call)(*[self.top + path for path in paths], *more.values())


def step(rng):
    """Return one thing to do, with an answer."""
    def path():
        return "".join(f"/{rng.choice('abc')}" for _ in range(rng.choice((1, 1, 2, 2, 3))))

    one, other, data = path(), path(), bytes([rng.randrange(256)]) * rng.choice((1, 10, 5000, 40_000))
    mode, size = rng.choice((0o600, 0o755, 0o700)), rng.choice((0, 3, 4096, 9000))
    flags = os.O_WRONLY | rng.choice((0, CREAT, CREAT, CREAT | EXCL, CREAT | TRUNC, APPEND, CREAT | NOFOLLOW))
    return rng.choice((
        lambda on: on.put(one, flags, data), lambda on: on.put(one, flags, data), lambda on: on.get(one),
        lambda on: on.look(one), lambda on: on.names(one), lambda on: on.do("mkdir", one, mode=mode),
        lambda on: on.do("mkdir", one, mode=mode), lambda on: on.do("rmdir", one), lambda on: on.do("unlink", one),
        lambda on: on.do("rename", one, other), lambda on: on.do("rename", one, other),
        lambda on: on.do("rename", one, other), lambda on: on.do("link", one, other),
        lambda on: on.do("chmod", one, mode=mode), lambda on: on.do("truncate", one, size=size),
    ))


def answer(what, on):
    try:
        return what(on)
    except LinuxError as error:
        return error.errno.name
    except OSError as error:
        return errno.errorcode[error.errno]


@pytest.mark.parametrize("seed", range(12))
def test_any_order_of_things_goes_as_on_the_host(tmp_path, seed):
    rng = random.Random(seed)
    for name in ("there", "here"):
        (tmp_path / name / "x" / "y").mkdir(parents=True)
        for link, target in (("a", "b"), ("c", "../a"), ("b/c", "../c/a")):
            (tmp_path / name / "x" / "y" / link).parent.mkdir(exist_ok=True)
            (tmp_path / name / "x" / "y" / link).symlink_to(target)
    old = os.umask(0)
    try:
        disk = Disk(tmp_path / "there" / "x" / "y")
        sys = shared_machine(("/v", tmp_path / "here", True))
        sys.umask(0)
        guest = Guest(sys, "/v/x/y")
        for number in range(400):
            what = step(rng)
            assert answer(what, guest) == answer(what, disk), number
    finally:
        os.umask(old)
    found = [
        {path[len(str(tmp_path / name)):]: (st[0], st[2] * (st[0] >> 12 != 4), st[3] * (st[0] >> 12 != 4))
         for path, st in snapshot(tmp_path / name).items()}
        for name in ("there", "here")
    ]
    assert found[0] == found[1]
    for path in (tmp_path / "there").rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert path.read_bytes() == (tmp_path / "here" / path.relative_to(tmp_path / "there")).read_bytes()
