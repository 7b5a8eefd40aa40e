"""open(2) and the names it makes; making, removing and renaming."""

import pytest

from procession.fs import file, namei
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import (
    FMODE_EXEC,
    FMODE_READ,
    S_IFCHR,
    S_IFDIR,
    S_IFIFO,
    S_IFLNK,
    S_IFMT,
    S_IFREG,
    allow_write_access,
    deny_write_access,
)

from .conftest import Buffer

O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND = 1, 2, 0o100, 0o200, 0o1000, 0o2000
O_DIRECTORY, O_NOFOLLOW, O_NOATIME, O_CLOEXEC, O_PATH, O_DIRECT = (
    0o200000, 0o400000, 0o1000000, 0o2000000, 0o10000000, 0o40000)


@pytest.fixture
def tree(sys):
    sys.mkdir("/d", 0o755)
    sys.write_file("/f", b"contents", 0o666)
    sys.symlink("f", "/link")
    sys.symlink("d", "/dlink")
    sys.symlink("made", "/todo")
    return sys


@pytest.mark.parametrize(("path", "flags", "errno"), [
    ("/none", 0, "ENOENT"), ("/d", O_WRONLY, "EISDIR"), ("/d", O_RDWR, "EISDIR"), ("/d", O_CREAT, "EISDIR"),
    ("/d", O_TRUNC, "EISDIR"), ("/f", O_DIRECTORY, "ENOTDIR"), ("/f", O_CREAT | O_EXCL, "EEXIST"),
    ("/link", O_CREAT | O_EXCL, "EEXIST"), ("/todo", O_CREAT | O_EXCL, "EEXIST"), ("/link", O_NOFOLLOW, "ELOOP"),
    ("/new/", O_CREAT, "EISDIR"), ("/f/", 0, "ENOTDIR"), ("/none/x", O_CREAT, "ENOENT"), ("/f/x", O_CREAT, "ENOTDIR"),
    ("/.", O_CREAT, "EISDIR"), ("/", O_CREAT, "EISDIR"), ("/f", O_DIRECT, "EINVAL"),
    ("/dlink", O_NOFOLLOW | O_DIRECTORY, "ELOOP"),
])
def test_open_errors_leave_nothing_behind(tree, fails, path, flags, errno):
    before = (tree.k.vfs.nr_files, list(tree.task.files.open_fds))
    with fails(errno):
        tree.open(path, flags, 0o644)
    assert (tree.k.vfs.nr_files, list(tree.task.files.open_fds)) == before


def test_create_through_a_dangling_link_makes_its_target(tree):
    tree.open("/todo", O_CREAT | O_WRONLY, 0o644)
    assert tree.stat_of("/made").size == 0


def test_umask_and_a_mode_that_does_not_bind_the_creator(tree, fails):
    tree.task.fs.umask = 0o027
    fd = tree.open("/new", O_CREAT | O_RDWR, 0o444)
    assert tree.stat_of("/new").mode == S_IFREG | 0o440
    assert tree.write(fd, Buffer(b"abc"), 3) == 3
    tree.become(7)
    with fails("EACCES"):
        tree.open("/new", 0, 0)


def test_truncate_on_open(tree):
    tree.open("/f", O_TRUNC | O_WRONLY, 0)
    assert tree.stat_of("/f").size == 0


def test_flags_kept_and_dropped(tree):
    fd = tree.open("/f", O_RDWR | O_CREAT | O_APPEND | O_TRUNC | O_CLOEXEC, 0)
    flags = tree.fcntl(fd, 3, 0)
    assert flags & (O_RDWR | O_APPEND) == O_RDWR | O_APPEND
    assert not flags & (O_CREAT | O_TRUNC | O_EXCL)
    assert tree.fcntl(fd, 1, 0) == 1


def test_append_writes_at_the_end(tree):
    fd = tree.open("/f", O_WRONLY | O_APPEND, 0)
    tree.write(fd, Buffer(b"!"), 1)
    tree.lseek(fd, 0, 0)
    tree.write(fd, Buffer(b"?"), 1)
    assert tree.read_file("/f") == b"contents!?"


def test_o_path_descriptors(tree, fails):
    fd = tree.open("/f", O_PATH | O_RDWR, 0)
    with fails("EBADF"):
        tree.read(fd, Buffer(bytes(1)), 1)
    with fails("EBADF"):
        tree.fstat(fd, Buffer(bytes(144)))
    with fails("EBADF"):
        tree.fcntl(fd, 4, 0)
    assert tree.fcntl(fd, 1, 0) == 0
    tree.close(tree.dup(fd))
    link = tree.open("/link", O_PATH | O_NOFOLLOW, 0)
    buf = Buffer(bytes(10))
    assert tree.readlinkat(link, "", buf, 10) == 1
    d = tree.open("/d", O_PATH, 0)
    assert tree.fchdir(d) == 0
    tree.close(fd)
    tree.close(link)


def test_o_noatime_is_the_owners(tree, fails):
    tree.open("/f", O_NOATIME, 0)
    tree.become(1000)
    with fails("EPERM"):
        tree.open("/f", O_NOATIME, 0)


def test_executed_files_are_not_written_and_the_other_way_round(tree, fails):
    running = file.fget_light(tree.task, tree.open("/f", 0, 0))
    deny_write_access(running)
    for flags in (O_WRONLY, O_RDWR, O_TRUNC):
        with fails("ETXTBSY"):
            tree.open("/f", flags, 0)
    with fails("ETXTBSY"):
        tree.truncate("/f", 0)
    allow_write_access(running)
    fd = tree.open("/f", O_WRONLY, 0)
    with fails("ETXTBSY"):
        deny_write_access(running)
    tree.close(fd)
    deny_write_access(running)


def test_exec_opens_ask_for_execute_permission(tree, fails):
    with fails("EACCES"):
        namei.do_filp_open(tree.task, -100, "/f", FMODE_EXEC, 0)
    tree.chmod("/f", 0o711)
    assert namei.do_filp_open(tree.task, -100, "/f", FMODE_EXEC, 0)[0].f_mode & FMODE_READ


def test_table_full(tree, fails):
    tree.k.vfs.max_files = tree.k.vfs.nr_files
    tree.become(1000)
    with fails("ENFILE"):
        tree.open("/f", 0, 0)


# Names.


@pytest.mark.parametrize(("call", "args", "errno"), [
    ("mkdir", ("/d", 0o755), "EEXIST"), ("mkdir", ("/.", 0o755), "EEXIST"), ("mkdir", ("/none/x", 0o755), "ENOENT"),
    ("mkdir", ("/f/x", 0o755), "ENOTDIR"), ("mkdir", ("/todo", 0o755), "EEXIST"),
    ("mknod", ("/n", S_IFDIR, 0), "EPERM"), ("mknod", ("/n", S_IFLNK, 0), "EINVAL"), ("mknod", ("/n/", 0, 0), "ENOENT"),
    ("symlink", ("", "/n"), "ENOENT"), ("symlink", ("x", "/f"), "EEXIST"), ("symlink", ("x", "/n/"), "ENOENT"),
    ("link", ("/none", "/n"), "ENOENT"), ("link", ("/d", "/n"), "EPERM"), ("link", ("/f", "/d"), "EEXIST"),
    ("link", ("/f", "/dev/n"), "EXDEV"), ("unlink", ("/none",), "ENOENT"), ("unlink", ("/d",), "EISDIR"),
    ("unlink", ("/f/",), "ENOTDIR"), ("unlink", ("/d/",), "EISDIR"), ("unlink", ("/.",), "EISDIR"),
    ("rmdir", ("/f",), "ENOTDIR"), ("rmdir", ("/d/.",), "EINVAL"), ("rmdir", ("/d/..",), "ENOTEMPTY"),
    ("rmdir", ("/",), "EBUSY"), ("rmdir", ("/dev",), "EBUSY"), ("rmdir", ("/dlink",), "ENOTDIR"),
    ("rename", ("/none", "/x"), "ENOENT"), ("rename", ("/f", "/d"), "EISDIR"), ("rename", ("/d", "/f"), "ENOTDIR"),
    ("rename", ("/d", "/d/x"), "EINVAL"), ("rename", ("/d/.", "/x"), "EBUSY"), ("rename", ("/f", "/x/"), "ENOTDIR"),
    ("rename", ("/f", "/dev/x"), "EXDEV"), ("rename", ("/dev", "/x"), "EBUSY"),
])
def test_name_errors(tree, fails, call, args, errno):
    with fails(errno):
        getattr(tree, call)(*args)


def test_link_counts(tree):
    tree.link("/f", "/g")
    assert (tree.stat_of("/f").nlink, tree.stat_of("/g").ino) == (2, tree.stat_of("/f").ino)
    tree.unlink("/f")
    assert tree.read_file("/g") == b"contents"
    assert tree.stat_of("/g").nlink == 1
    tree.link("/link", "/link2")
    assert tree.stat_of("/link2", "lstat").mode & S_IFMT == S_IFLNK
    n = tree.stat_of("/").nlink
    tree.mkdir("/sub", 0o755)
    assert (tree.stat_of("/").nlink, tree.stat_of("/sub").nlink) == (n + 1, 2)


def test_an_unlinked_file_lives_until_it_is_closed(tree):
    fd = tree.open("/f", O_RDWR, 0)
    inode = file.fget_light(tree.task, fd).inode
    tree.unlink("/f")
    buf = Buffer(bytes(8))
    assert tree.read(fd, buf, 8) == 8
    assert inode.mapping
    tree.close(fd)
    assert not inode.mapping


def test_rename_replaces(tree, fails):
    tree.write_file("/g", b"g")
    tree.rename("/g", "/f")
    assert tree.read_file("/f") == b"g"
    assert "g" not in tree.listdir("/")
    tree.mkdir("/e", 0o755)
    tree.write_file("/e/x", b"")
    with fails("ENOTEMPTY"):
        tree.rename("/d", "/e")
    tree.rename("/e", "/d")
    assert tree.listdir("/d") == [".", "..", "x"]


def test_rename_of_two_names_of_one_file_does_nothing(tree):
    tree.link("/f", "/g")
    tree.rename("/f", "/g")
    assert tree.stat_of("/f").nlink == 2


def test_rename_moves_directories_and_their_link_counts(tree):
    tree.mkdir("/d/s", 0o755)
    tree.mkdir("/e", 0o755)
    tree.rename("/d/s", "/e/t")
    assert (tree.stat_of("/d").nlink, tree.stat_of("/e").nlink) == (2, 3)
    with pytest.raises(LinuxError) as error:
        tree.rename("/e", "/e/t/u")
    assert error.value.errno == Errno.EINVAL
    with pytest.raises(LinuxError) as error:
        tree.rename("/e/t", "/e")
    assert error.value.errno == Errno.ENOTEMPTY


def test_sticky_directories(tree, fails):
    tree.chmod("/tmp", 0o1777)
    tree.write_file("/tmp/f", b"", 0o666)
    tree.become(1000)
    with fails("EPERM"):
        tree.unlink("/tmp/f")
    tree.write_file("/tmp/mine", b"")
    tree.become(1001)
    with fails("EPERM"):
        tree.rename("/tmp/mine", "/tmp/yours")
    tree.become(1000)
    tree.unlink("/tmp/mine")


def test_set_group_id_directories_hand_their_group_on(tree):
    tree.chown("/d", 0, 50)
    tree.chmod("/d", 0o2755)
    tree.mkdir("/d/sub", 0o755)
    tree.write_file("/d/file", b"")
    assert (tree.stat_of("/d/sub").gid, tree.stat_of("/d/sub").mode & 0o7777) == (50, 0o2755)
    assert tree.stat_of("/d/file").gid == 50


def test_only_root_makes_devices(tree, fails):
    tree.become(1000)
    with fails("EPERM"):
        tree.mknod("/tmp/n", S_IFCHR | 0o666, 0x103)
    tree.mknod("/tmp/fifo", S_IFIFO | 0o600, 0)
    assert tree.stat_of("/tmp/fifo").mode & S_IFMT == S_IFIFO
    tree.become(0)
    tree.mknod("/tmp/n", S_IFCHR | 0o666, 0x103)
    fd = tree.open("/tmp/n", O_RDWR, 0)
    assert tree.write(fd, Buffer(b"abc"), 3) == 3
    tree.mknod("/tmp/odd", S_IFCHR | 0o666, 0x4242)
    with fails("ENXIO"):
        tree.open("/tmp/odd", 0, 0)


def test_chmod_and_chown(tree, fails):
    tree.chmod("/f", 0o6755)
    tree.chown("/f", 5, 0xFFFFFFFF)
    st = tree.stat_of("/f")
    assert (st.uid, st.gid, st.mode & 0o7777) == (5, 0, 0o755)
    tree.become(5, 6)
    tree.chmod("/f", 0o2755)
    assert tree.stat_of("/f").mode & 0o7777 == 0o755     # not our group: the bit is silently left out
    with fails("EPERM"):
        tree.chown("/f", 6, 0xFFFFFFFF)
    tree.chown("/f", 5, 6)
    tree.become(7)
    with fails("EPERM"):
        tree.chmod("/f", 0o777)
    with fails("EPERM"):
        tree.chown("/f", 0xFFFFFFFF, 7)


def test_a_write_takes_the_set_user_id_bit(tree):
    tree.chmod("/f", 0o4777)
    tree.become(1000)
    fd = tree.open("/f", O_WRONLY, 0)
    tree.write(fd, Buffer(b"x"), 1)
    assert tree.stat_of("/f").mode & 0o7777 == 0o777


def test_truncate(tree, fails):
    tree.truncate("/f", 3)
    assert tree.read_file("/f") == b"con"
    tree.truncate("/f", 10000)
    assert tree.read_file("/f") == b"con" + bytes(9997)
    fd = tree.open("/f", O_RDWR, 0)
    tree.ftruncate(fd, 1)
    assert tree.stat_of("/f").size == 1
    for call, args, errno in (
        ("truncate", ("/d", 0), "EISDIR"), ("truncate", ("/f", -1), "EINVAL"), ("truncate", ("/dev/null", 0), "EINVAL"),
        ("ftruncate", (tree.open("/f", 0, 0), 0), "EINVAL"), ("fallocate", (fd, 0, 0, 0), "EINVAL"),
        ("fallocate", (fd, 0, 0, 10), "EOPNOTSUPP"),
    ):
        with fails(errno):
            getattr(tree, call)(*args)


def test_times(tree, fails):
    def spec(*numbers):
        return Buffer(b"".join(n.to_bytes(8, "little") for n in numbers))

    omit, now = (1 << 30) - 2, (1 << 30) - 1
    tree.chmod("/f", 0o666)
    tree.utimensat(-100, "/f", spec(1, 2, 3, 4), 0)
    st = tree.stat_of("/f")
    assert (st.atime_ns, st.mtime_ns) == (1_000_000_002, 3_000_000_004)
    tree.utimensat(-100, "/f", spec(9, omit, 9, now), 0)
    st = tree.stat_of("/f")
    assert st.atime_ns == 1_000_000_002
    assert st.mtime_ns == st.ctime_ns == tree.k.boot_time_ns
    with fails("EINVAL"):
        tree.utimensat(-100, "/f", spec(1, 10**9, 1, 0), 0)
    tree.become(1000)
    with fails("EPERM"):
        tree.utimensat(-100, "/f", spec(1, 2, 3, 4), 0)
    tree.utimensat(-100, "/f", 0, 0)        # writable by all, so "now" is allowed
    tree.utime("/f", 0)
    tree.become(0)
    tree.utimes("/f", spec(5, 6, 7, 8))
    assert tree.stat_of("/f").atime_ns == 5_000_006_000
