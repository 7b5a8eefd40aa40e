"""/dev, the console, mounts."""

from procession.fs import devices, file
from procession.include.linux.fs import POLLIN, S_IFCHR, S_IFDIR

from .conftest import Buffer, Sys, bare_kernel

MS_BIND, MS_RDONLY, MS_REMOUNT = 0x1000, 1, 32


def test_memory_devices(sys, fails):
    null = sys.open("/dev/null", 2, 0)
    assert sys.write(null, Buffer(b"abc"), 3) == 3
    assert sys.read(null, Buffer(b"abc"), 3) == 0
    assert sys.lseek(null, 100, 0) == 0
    zero = sys.open("/dev/zero", 2, 0)
    buf = Buffer(b"abc")
    assert sys.read(zero, buf, 3) == 3
    assert buf.data == bytes(3)
    full = sys.open("/dev/full", 2, 0)
    with fails("ENOSPC"):
        sys.write(full, Buffer(b"abc"), 3)
    st = sys.stat_of("/dev/null")
    assert (st.mode, st.rdev) == (S_IFCHR | 0o666, 0x103)
    with fails("ENXIO"):
        sys.open("/dev/tty", 2, 0)


def test_random_bytes_are_the_machines():
    def draw():
        s = Sys(bare_kernel())
        buf = Buffer(bytes(16))
        assert s.read(s.open("/dev/urandom", 0, 0), buf, 16) == 16
        return bytes(buf.data)

    assert draw() == draw() != bytes(16)


def test_standard_output_and_error_stay_apart():
    k = bare_kernel(stdin=b"typed")
    s = Sys(k)
    devices.open_console(k, k.task)
    s.write(1, Buffer(b"out"), 3)
    s.write(2, Buffer(b"err"), 3)
    s.dup2(2, 1)
    s.write(1, Buffer(b"!"), 1)
    assert (k.console.stdout, k.console.stderr) == (b"out", b"err!")
    buf = Buffer(bytes(10))
    assert s.read(0, buf, 3) == 3
    assert s.read(0, buf, 10) == 2
    assert s.read(0, buf, 10) == 0
    assert k.task.files.fd[0].poll(k.task, None) & POLLIN


def test_the_console_is_no_terminal_and_not_seekable(fails):
    k = bare_kernel()
    s = Sys(k)
    devices.open_console(k, k.task)
    with fails("ENOTTY"):
        s.ioctl(1, 0x5401, Buffer(bytes(60)))
    with fails("ESPIPE"):
        s.lseek(1, 0, 1)
    with fails("ESPIPE"):
        s.pread64(0, Buffer(bytes(1)), 1, 0)
    buf = Buffer(bytes(144))
    s.fstat(1, buf)
    assert int.from_bytes(buf.data[40:48], "little") == 0x501


def test_tmpfs_mounts(sys, fails):
    sys.mkdir("/mnt", 0o755)
    before = sys.stat_of("/mnt")
    sys.mount("none", "/mnt", "tmpfs", 0, "mode=700")
    st = sys.stat_of("/mnt")
    assert st.dev != before.dev
    assert st.mode == S_IFDIR | 0o700
    sys.write_file("/mnt/f", b"x")
    assert sys.stat_of("/mnt/..").ino == sys.stat_of("/").ino
    fd = sys.open("/mnt/f", 0, 0)
    with fails("EBUSY"):
        sys.umount2("/mnt", 0)
    with fails("EBUSY"):
        sys.rename("/mnt", "/mnt2")
    with fails("EXDEV"):
        sys.rename("/mnt/f", "/f")
    sys.close(fd)
    sys.umount2("/mnt", 0)
    assert sys.listdir("/mnt") == [".", ".."]
    with fails("EINVAL"):
        sys.umount2("/mnt", 0)
    with fails("ENODEV"):
        sys.mount("none", "/mnt", "ext4", 0, 0)
    sys.become(1000)
    with fails("EPERM"):
        sys.mount("none", "/mnt", "tmpfs", 0, 0)


def test_bind_and_read_only(sys, fails):
    sys.mkdir("/a", 0o755)
    sys.mkdir("/b", 0o755)
    sys.write_file("/a/f", b"1")
    sys.mount("/a", "/b", "", MS_BIND, 0)
    assert sys.read_file("/b/f") == b"1"
    sys.mount("", "/b", "", MS_BIND | MS_REMOUNT | MS_RDONLY, 0)
    with fails("EROFS"):
        sys.write_file("/b/f", b"2")
    with fails("EROFS"):
        sys.mkdir("/b/d", 0o755)
    with fails("EROFS"):
        sys.access("/b/f", 2)
    sys.write_file("/a/f", b"3")
    assert sys.read_file("/b/f") == b"3"


def test_statfs(sys):
    buf = Buffer(bytes(120))
    sys.statfs("/", buf)
    assert int.from_bytes(buf.data[:8], "little") == 0x01021994
    assert int.from_bytes(buf.data[8:16], "little") == 4096


def test_extended_attributes_are_not_supported(sys, fails):
    with fails("EOPNOTSUPP"):
        sys.getxattr("/", "user.x", Buffer(bytes(8)), 8)
    assert sys.listxattr("/", Buffer(bytes(8)), 8) == 0
    with fails("ENOENT"):
        sys.getxattr("/none", "user.x", Buffer(bytes(8)), 8)


def test_a_pipe_has_a_name(sys):
    pair = Buffer(bytes(8))
    sys.pipe(pair)
    name = file.fget_light(sys.task, 0).f_path.dentry.d_name
    assert name.startswith("pipe:[")
