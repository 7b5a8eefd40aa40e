"""Path walking: links, dots, slashes, limits, permissions."""

import pytest

from procession import Machine
from procession.fs import dcache, namei
from procession.include.linux.fcntl import AT_FDCWD
from procession.include.linux.fs import S_IFDIR, S_IFLNK, S_IFMT

from .conftest import Buffer

O_CREAT, O_EXCL, O_DIRECTORY, O_NOFOLLOW, O_PATH = 0o100, 0o200, 0o200000, 0o400000, 0o10000000


@pytest.fixture
def tree(sys):
    """/d/e/file and friends."""
    sys.mkdir("/d", 0o755)
    sys.mkdir("/d/e", 0o755)
    sys.write_file("/d/e/file", b"x")
    sys.symlink("d/e", "/rel")
    sys.symlink("/d/e/file", "/abs")
    sys.symlink("nowhere", "/dangling")
    sys.symlink("loop", "/loop")
    return sys


def ino(sys, path, call="stat"):
    return sys.stat_of(path, call).ino


@pytest.mark.parametrize("path", [
    "/d/e/file", "//d///e/./file", "/d/../d/e/file", "/../../d/e/file", "/rel/file", "/abs", "d/e/file",
    "/d/e/../e/file",
])
def test_names_of_one_file(tree, path):
    assert ino(tree, path) == ino(tree, "/d/e/file")


@pytest.mark.parametrize(("path", "errno"), [
    ("", "ENOENT"), ("/none", "ENOENT"), ("/none/x", "ENOENT"), ("/d/e/file/x", "ENOTDIR"), ("/d/e/file/", "ENOTDIR"),
    ("/d/e/file/.", "ENOTDIR"), ("/abs/", "ENOTDIR"), ("/dangling", "ENOENT"), ("/loop", "ELOOP"), ("/loop/x", "ELOOP"),
    ("/" + "n" * 256, "ENAMETOOLONG"), ("/" + "é" * 128, "ENAMETOOLONG"), ("/d" * 2048, "ENAMETOOLONG"),
    ("/d/e/file/..", "ENOTDIR"),
])
def test_lookup_errors(tree, fails, path, errno):
    with fails(errno):
        tree.stat_of(path)


def test_a_name_may_have_255_bytes(tree):
    tree.write_file("/" + "n" * 255, b"")
    assert "n" * 255 in tree.listdir("/")


def test_dot_and_dotdot_of_the_root_are_the_root(tree):
    assert ino(tree, "/") == ino(tree, "/.") == ino(tree, "/..") == ino(tree, "/d/..")


def test_lstat_follows_only_with_a_trailing_slash(tree):
    assert tree.stat_of("/rel", "lstat").mode & S_IFMT == S_IFLNK
    assert tree.stat_of("/rel/", "lstat").mode & S_IFMT == S_IFDIR
    assert tree.stat_of("/rel/.", "lstat").mode & S_IFMT == S_IFDIR


def test_link_sizes_and_modes(tree):
    st = tree.stat_of("/abs", "lstat")
    assert (st.size, st.mode & 0o7777, st.nlink) == (9, 0o777, 1)


def test_forty_links_in_a_row_are_followed_and_not_one_more(tree, fails):
    tree.write_file("/end", b"")
    target = "/end"
    for n in range(1, 42):
        tree.symlink(target, f"/s{n}")
        target = f"/s{n}"
    assert ino(tree, "/s40") == ino(tree, "/end")
    with fails("ELOOP"):
        tree.stat_of("/s41")


def test_eight_links_nest_and_not_one_more(tree, fails):
    # Each link's text goes through the one before it.
    tree.mkdir("/n0", 0o755)
    for n in range(1, 10):
        tree.symlink(f"n{n - 1}/.", f"/n{n}")
    tree.stat_of("/n8/.")
    with fails("ELOOP"):
        tree.stat_of("/n9/.")


def test_readlink(tree, fails):
    buf = Buffer(bytes(20))
    assert tree.readlink("/abs", buf, 20) == 9
    assert buf.data[:10] == b"/d/e/file\0"
    assert tree.readlink("/abs", buf, 4) == 4
    with fails("EINVAL"):
        tree.readlink("/d", buf, 20)
    with fails("EINVAL"):
        tree.readlink("/abs", buf, 0)
    with fails("ENOENT"):
        tree.readlink("", buf, 20)


def test_names_need_not_be_text(sys):
    raw = b"\xff\xfe".decode("utf-8", "surrogateescape")
    sys.write_file("/" + raw, b"1")
    assert sys.read_file("/" + raw) == b"1"


def test_relative_to_a_directory_descriptor(tree, fails):
    fd = tree.open("/d", O_DIRECTORY, 0)
    plain = tree.open("/d/e/file", 0, 0)
    assert tree.openat(fd, "e/file", 0, 0) > 0
    with fails("ENOTDIR"):
        tree.openat(plain, "x", 0, 0)
    with fails("EBADF"):
        tree.openat(77, "x", 0, 0)
    assert tree.openat(77, "/d/e/file", 0, 0) > 0


def test_empty_path_names_the_descriptor(tree, fails):
    fd = tree.open("/d/e/file", 0, 0)
    buf = Buffer(bytes(144))
    with fails("ENOENT"):
        tree.newfstatat(fd, "", buf, 0)
    assert tree.newfstatat(fd, "", buf, 0x1000) == 0
    with fails("EINVAL"):
        tree.newfstatat(fd, "", buf, 0x4000)


def test_getcwd(tree, fails):
    tree.chdir("/rel")
    buf = Buffer(bytes(64))
    assert tree.getcwd(buf, 64) == 5
    assert buf.data[:5] == b"/d/e\0"
    with fails("ERANGE"):
        tree.getcwd(buf, 4)


def test_cwd_outlives_its_name(tree, fails):
    tree.mkdir("/gone", 0o755)
    tree.chdir("/gone")
    tree.rmdir("/gone")
    with fails("ENOENT"):
        tree.getcwd(Buffer(bytes(64)), 64)
    with fails("ENOENT"):
        tree.open("x", O_CREAT, 0o644)
    with fails("ENOENT"):
        tree.mkdir("x", 0o755)
    tree.stat_of(".")
    tree.stat_of("..")
    assert dcache.d_path(tree.task.fs.pwd) == "/gone (deleted)"


def test_chroot_holds(tree, fails):
    tree.chroot("/d")
    tree.chdir("/")
    assert ino(tree, "/..") == ino(tree, "/")
    assert ino(tree, "/../../e") == ino(tree, "/e")
    tree.symlink("/e/file", "/here")
    assert tree.read_file("/here") == b"x"
    with fails("ENOENT"):
        tree.stat_of("/d")


def test_cwd_outside_the_root_is_unreachable(tree):
    tree.chdir("/")
    tree.chroot("/d/e")
    buf = Buffer(bytes(64))
    assert tree.getcwd(buf, 64) == 15
    assert buf.data[:15] == b"(unreachable)/\0"


def test_renamed_directories_keep_their_cwd(tree):
    tree.chdir("/d/e")
    tree.rename("/d", "/q")
    buf = Buffer(bytes(64))
    tree.getcwd(buf, 64)
    assert buf.data.startswith(b"/q/e\0")


def test_search_permission(tree, fails):
    tree.chmod("/d", 0o700)
    tree.become(1000)
    with fails("EACCES"):
        tree.stat_of("/d/e/file")
    with fails("EACCES"):
        tree.stat_of("/d/none")
    tree.stat_of("/d")
    tree.become(0)
    tree.chmod("/d", 0o711)
    tree.become(1000)
    tree.stat_of("/d/e/file")
    with fails("EACCES"):
        tree.open("/d", O_DIRECTORY, 0)


def test_group_bits_bind_the_group_even_if_others_may_more(tree, fails):
    tree.chmod("/d/e/file", 0o604)
    tree.chown("/d/e/file", 5, 50)
    tree.become(1000, 1000, groups=(50,))
    with fails("EACCES"):
        tree.open("/d/e/file", 0, 0)
    tree.become(1000, 1000)
    tree.open("/d/e/file", 0, 0)


def test_root_executes_only_what_somebody_may(tree, fails):
    with fails("EACCES"):
        tree.access("/d/e/file", 1)
    tree.access("/d/e/file", 6)
    tree.chmod("/d/e/file", 0o601)
    tree.access("/d/e/file", 1)


def test_access_asks_for_the_real_user(tree, fails):
    tree.chmod("/d/e/file", 0o600)
    cred = tree.task.cred
    cred.uid = 1000
    with fails("EACCES"):
        tree.access("/d/e/file", 4)
    tree.open("/d/e/file", 0, 0)
    assert tree.task.cred is cred


def test_kern_path_takes_the_kernels_own_names(tree):
    path = namei.kern_path(tree.task, "/rel/file")
    assert dcache.d_path(path) == "/d/e/file"
    assert namei.path_lookupat(tree.task, AT_FDCWD, "/abs", follow=False).dentry.d_name == "abs"


@pytest.mark.unchecked
def test_a_file_and_a_directory_may_have_any_number_of_links():
    """As a real 3.2.4 made 65,100 of each, in ramfs and tmpfs."""
    async def main(linux):
        await linux.mkdir("/d")
        await linux.write_file("/f", "")
        root = machine.kernel.current.fs.root.dentry.d_inode
        for name in "d", "f":
            root.lookup(name).i_nlink += 100_000
        await linux.mkdir("/d/e")
        await linux.link("/f", "/g")
        await linux.print(await linux.read_file("/g") == b"")

    machine = Machine()
    assert machine.run(main).output == "True\n"
