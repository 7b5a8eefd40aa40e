"""Roots: host directories and archives below, memory above. The host is never written to and never left."""

import io
import os
import socket
import tarfile

import pytest

from procession.include.linux.fs import S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK

from .conftest import Buffer, Sys, bare_kernel

RDWR, CREAT, TRUNC, DIRECTORY = 2, 0o100, 0o1000, 0o200000


@pytest.fixture
def host(tmp_path):
    (tmp_path / "outside").write_text("secret")
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "prog").write_bytes(b"P" * 10000)
    (root / "bin" / "prog").chmod(0o755)
    (root / "etc").mkdir()
    (root / "etc" / "one").write_text("1")
    (root / "etc" / "two").write_text("2")
    (root / "sys").mkdir()
    (root / "sys" / "hosts").write_text("")
    (root / "up").symlink_to("../outside")
    (root / "abs").symlink_to("/etc/one")
    (root / "dirlink").symlink_to("etc")
    os.link(root / "etc" / "one", root / "hard")
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(root / "sock"))
    return root


@pytest.fixture
def sys(host):
    return Sys(bare_kernel(str(host)))


def snapshot(root):
    return {
        path: (os.lstat(path).st_mode, os.lstat(path).st_mtime_ns, os.lstat(path).st_size)
        for path in sorted(str(p) for p in root.rglob("*"))
    }


def test_contents_and_attributes_come_from_the_host(sys, host):
    assert sys.read_file("/bin/prog") == b"P" * 10000
    st, own = sys.stat_of("/bin/prog"), (host / "bin" / "prog").stat()
    assert (st.mode, st.size, st.mtime_ns, st.nlink) == (own.st_mode, own.st_size, own.st_mtime_ns, own.st_nlink)
    assert sys.listdir("/etc") == [".", "..", "one", "two"]
    assert sys.stat_of("/hard").ino == sys.stat_of("/etc/one").ino


def test_links_stay_in_the_root(sys, fails):
    with fails("ENOENT"):
        sys.read_file("/up")
    assert sys.read_file("/abs") == b"1"
    assert sys.read_file("/dirlink/two") == b"2"
    with fails("ENOENT"):
        sys.read_file("/../outside")


def test_a_directory_replaced_by_a_link_is_not_followed(sys, host, fails):
    sys.stat_of("/etc")
    (host / "etc").rename(host / "moved")
    (host / "etc").symlink_to("..")
    with fails("EIO"):
        sys.stat_of("/etc/outside")


def test_a_file_replaced_by_another_is_not_read(sys, host, fails):
    sys.stat_of("/etc/two")
    (host / "etc" / "two").rename(host / "old")
    (host / "etc" / "two").symlink_to("../../outside")
    with fails("EIO"):
        sys.read_file("/etc/two")
    assert any("host" in text for _, text in sys.k.printk_log)


def test_nothing_is_written_below(sys, host):
    before = snapshot(host)
    fd = sys.open("/etc/one", RDWR, 0)
    sys.write(fd, Buffer(b"changed"), 7)
    sys.chmod("/etc/two", 0o600)
    sys.truncate("/bin/prog", 100)
    sys.unlink("/hard")
    sys.rename("/etc", "/moved")
    sys.write_file("/moved/three", b"3")
    sys.mkdir("/dir", 0o755)
    sys.utime("/bin", 0)
    assert snapshot(host) == before
    assert sys.read_file("/moved/one") == b"changed"
    assert sys.listdir("/moved") == [".", "..", "one", "three", "two"]


def test_a_partial_write_keeps_the_rest(sys):
    fd = sys.open("/bin/prog", RDWR, 0)
    sys.pwrite64(fd, Buffer(b"x"), 1, 5000)
    assert sys.read_file("/bin/prog") == b"P" * 5000 + b"x" + b"P" * 4999


def test_what_was_cut_off_does_not_come_back(sys):
    sys.truncate("/bin/prog", 100)
    sys.truncate("/bin/prog", 6000)
    assert sys.read_file("/bin/prog") == b"P" * 100 + bytes(5900)


def test_whiteouts(sys, fails):
    sys.unlink("/etc/one")
    with fails("ENOENT"):
        sys.stat_of("/etc/one")
    assert sys.listdir("/etc") == [".", "..", "two"]
    with fails("ENOTEMPTY"):
        sys.rmdir("/etc")
    sys.unlink("/etc/two")
    sys.rmdir("/etc")
    sys.mkdir("/etc", 0o755)
    assert sys.listdir("/etc") == [".", ".."]
    sys.write_file("/etc/one", b"new")
    assert sys.read_file("/etc/one") == b"new"
    sys.unlink("/etc/one")
    with fails("ENOENT"):
        sys.stat_of("/etc/one")


def test_rename_leaves_a_hole(sys, fails):
    sys.rename("/bin/prog", "/etc/one")
    assert len(sys.read_file("/etc/one")) == 10000
    assert sys.listdir("/bin") == [".", ".."]
    with fails("ENOENT"):
        sys.stat_of("/bin/prog")


def test_fifos_and_sockets_of_the_host_are_not_opened(sys, fails):
    assert sys.stat_of("/fifo").mode & S_IFMT == S_IFIFO
    assert sys.stat_of("/sock").mode & S_IFMT == S_IFSOCK
    fd = sys.open("/fifo", RDWR, 0)          # a pipe of the guest's own
    sys.write(fd, Buffer(b"abc"), 3)
    buf = Buffer(bytes(3))
    assert sys.read(fd, buf, 3) == 3
    with fails("ENXIO"):
        sys.open("/sock", RDWR, 0)


def test_the_hosts_kernel_files_are_hidden(sys):
    assert sys.listdir("/sys") == [".", ".."]
    assert "null" in sys.listdir("/dev")


def test_numbers_are_the_same_in_every_run(host):
    def numbers():
        s = Sys(bare_kernel(str(host)))
        s.listdir("/etc")
        return [s.stat_of(p).ino for p in ("/", "/bin", "/bin/prog", "/etc/one", "/etc/two", "/etc", "/dirlink")]

    first = numbers()
    assert first == numbers()
    assert len(set(first)) == 6


def test_listed_numbers_are_the_files_numbers(sys):
    fd = sys.open("/etc", DIRECTORY, 0)
    buf = Buffer(bytes(512))
    sys.getdents64(fd, buf, 512)
    at = buf.data.index(b"two") - 19
    assert int.from_bytes(buf.data[at:at + 8], "little") == sys.stat_of("/etc/two").ino


def test_reading_moves_access_times_in_memory_only(sys, host):
    st = sys.stat_of("/etc/one")
    assert st.atime_ns == st.mtime_ns
    sys.read_file("/etc/one")
    now_ns = sys.k.boot_time_ns + sys.k.clock.now_ns
    assert sys.stat_of("/etc/one").atime_ns == now_ns


# Archives.


def build_tar(path, mode="w"):
    with tarfile.open(path, mode) as tar:
        def add(name, data=b"", **fields):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in fields.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(data))

        add("./", type=tarfile.DIRTYPE, mode=0o755)
        add("./etc", type=tarfile.DIRTYPE, mode=0o750, uid=3, gid=4)
        add("./etc/passwd", b"root:x:0:0", mode=0o640, uid=1, gid=2, mtime=1000)
        add("usr/bin/deep", b"d" * 9000, mode=0o4755)
        add("hard", type=tarfile.LNKTYPE, linkname="./etc/passwd")
        add("soft", type=tarfile.SYMTYPE, linkname="etc/passwd")
        add("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666)
        add("../evil", b"x")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_archives(tmp_path, mode, fails):
    path = tmp_path / "root.tar"
    build_tar(path, mode)
    s = Sys(bare_kernel(str(path)))
    assert s.listdir("/") == [".", "..", "dev", "etc", "hard", "null", "proc", "soft", "tmp", "usr"]
    st = s.stat_of("/etc/passwd")
    assert (st.mode, st.uid, st.gid, st.nlink, st.mtime_ns) == (S_IFREG | 0o640, 1, 2, 2, 1000 * 10**9)
    assert s.read_file("/soft") == b"root:x:0:0"
    assert s.stat_of("/hard").ino == st.ino
    assert s.read_file("/usr/bin/deep") == b"d" * 9000
    assert s.stat_of("/usr/bin/deep").mode & 0o7777 == 0o4755
    assert (s.stat_of("/etc").mode & 0o7777, s.stat_of("/etc").uid) == (0o750, 3)
    fd = s.open("/null", RDWR, 0)
    assert s.read(fd, Buffer(b"x"), 1) == 0
    with fails("ENOENT"):
        s.stat_of("/evil")
    s.write_file("/etc/passwd", b"mine")
    assert s.read_file("/hard") == b"mine"


@pytest.mark.parametrize("header", [
    {"uid": "4294967296"}, {"gid": "-1"}, {"size": "-5"}, {"mtime": "1e30"}, {"mtime": "inf"}, {"mtime": "nan"},
], ids=str)
def test_an_archive_with_numbers_that_no_inode_has(tmp_path, header):
    path = tmp_path / "root.tar"
    info = tarfile.TarInfo("odd")
    info.pax_headers = header
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info)
    # Older readers drop an entry of negative size, and lose their place in the archive.
    with pytest.raises(OSError, match=r"odd: its owner, size, time or device|a header in the middle is damaged"):
        bare_kernel(str(path))


def test_an_archive_whose_second_header_is_damaged(tmp_path):
    """Python's reader stops there and says nothing; what follows would be missing."""
    path = tmp_path / "root.tar"
    with tarfile.open(path, "w") as tar:
        for name in ("first", "second", "third"):
            tar.addfile(tarfile.TarInfo(name))
    whole = bytearray(path.read_bytes())
    whole[tarfile.BLOCKSIZE + 10] ^= 0xFF
    path.write_bytes(whole)
    with pytest.raises(OSError, match="a header in the middle is damaged"):
        bare_kernel(str(path))


@pytest.mark.parametrize("name", ["dev", "proc", "tmp"])
@pytest.mark.parametrize("kind", ["file", "fifo", "dangling link"])
def test_a_root_that_has_other_things_of_our_names(tmp_path, name, kind):
    """They stay, and nothing is mounted there."""
    path = tmp_path / name
    if kind == "file":
        path.write_text("text")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/nowhere")
    s = Sys(bare_kernel(str(tmp_path)))
    assert s.listdir("/") == [".", "..", "dev", "proc", "tmp"]
    if kind == "file":
        assert s.read_file(f"/{name}") == b"text"


def test_dict_roots():
    s = Sys(bare_kernel({"/bin/sh": b"\x7fELF", "etc/motd": "hi\n", "/var/empty/": b""}))
    assert s.read_file("/bin/sh") == b"\x7fELF"
    assert s.stat_of("/bin/sh").mode == S_IFREG | 0o755
    assert s.read_file("/etc/motd") == b"hi\n"
    assert s.listdir("/var/empty") == [".", ".."]


def test_a_missing_root_is_the_hosts_error(tmp_path):
    with pytest.raises(OSError, match="none"):
        bare_kernel(str(tmp_path / "none"))
