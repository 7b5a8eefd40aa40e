"""devpts: the names of pseudo-terminals' slaves (fs/devpts/inode.c).

Options: uid=, gid=, mode= of new slaves, ptmxmode= of the instance's own ptmx, newinstance for an instance of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import dcache, ramfs
from procession.fs import inode as fs_inode
from procession.fs import super as fs_super
from procession.fs.notify import fsnotify
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import S_IALLUGO, S_IFCHR, S_IFDIR, Dentry, Inode, SuperBlock
from procession.include.linux.idr import Ida
from procession.include.linux.kdev_t import new_encode_dev
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.magic import DEVPTS_SUPER_MAGIC
from procession.include.linux.uidgid import INVALID_ID, make_kgid, make_kuid
from procession.lib import string, vsprintf

if TYPE_CHECKING:
    from procession.include.linux.fs import File, PathRef
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.tty import TtyStruct

__all__ = (
    "DevptsSuperBlock",
    "devpts_kill_index",
    "devpts_new_index",
    "devpts_pty_kill",
    "devpts_pty_new",
    "init_devpts_fs",
    "pts_sb_from_inode",
)

_NUMBERS: Final = {"uid": 0, "gid": 0, "mode": 8, "ptmxmode": 8, "max": 0}  # name -> base


class DevptsSuperBlock(SuperBlock):
    """An instance. allocated_ptys: the numbers in use; opts: uid and gid are None for those of whoever opens."""

    __slots__ = ("allocated_ptys", "opts")

    def __init__(self, k: Kernel) -> None:
        super().__init__(k, "devpts", fs_super.get_anon_bdev(k), DEVPTS_SUPER_MAGIC, s_blocksize=1024)
        self.allocated_ptys = Ida()
        self.opts: dict[str, int | None] = {}

    def show_options(self) -> str:
        """Return the options, mode and ptmxmode always."""
        uid, gid = self.opts["uid"], self.opts["gid"]
        out = "" if uid is None else f",uid={uid}"
        if gid is not None:
            out += f",gid={gid}"
        return out + f",mode={self.opts['mode'] or 0:03o},ptmxmode={self.opts['ptmxmode'] or 0:03o}"


class DevptsInode(Inode):
    """A slave, or ptmx. tty: the slave, until its master is closed."""

    def __init__(self, sb: SuperBlock, ino: int, mode: int) -> None:
        super().__init__(sb, ino, mode)
        self.tty: TtyStruct | None = None

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Open the device."""
        return ramfs.open_chrdev(current, path, flags, mode)


class DevptsRoot(Inode):
    """The only directory; nobody but the kernel changes it."""

    d_cache = False

    def __init__(self, sb: SuperBlock) -> None:
        super().__init__(sb, 1, S_IFDIR | 0o755)
        self.i_nlink = 2
        self.entries: dict[str, DevptsInode] = {}

    def lookup(self, name: str) -> Inode:
        """Return a slave or ptmx; raises ENOENT."""
        inode = self.entries.get(name)
        if inode is None:
            raise LinuxError(Errno.ENOENT, name)
        return inode

    def readdir(self, current: Task) -> list[tuple[str, int, int]]:
        """List the slaves, newest first, then ptmx."""
        return [(name, inode.i_ino, ramfs.DT[S_IFCHR]) for name, inode in reversed(self.entries.items())]


def init_devpts_fs(k: Kernel) -> None:
    """Register the file system and make the instance that all mounts without newinstance show."""
    k.tty.devpts_sb = _new_instance(k, _parse_options("", k.users.init_user_ns)[0])
    fs_super.register_filesystem(k, fs_super.FileSystemType("devpts", _devpts_mount, fs_super.own_user_ns))


def _parse_options(options: str, ns: UserNamespace) -> tuple[dict[str, int | None], bool]:
    """Return the options, with ids of ns in them, and whether an instance of its own is asked for; raises EINVAL."""
    opts: dict[str, int | None] = {"uid": None, "gid": None, "mode": 0o600, "ptmxmode": 0}
    newinstance = False
    for option in filter(None, options.split(",")):
        key, _, value = option.partition("=")
        if option == "newinstance":
            newinstance = True
            continue
        text = string.to_bytes(value)
        number, end = vsprintf.simple_strtoul(text, _NUMBERS.get(key, 0))
        if key not in _NUMBERS or not end or end != len(text):
            raise LinuxError(Errno.EINVAL, f"devpts option {option}")
        number &= UINT_MAX
        if key in ("uid", "gid"):
            number = make_kuid(ns, number) if key == "uid" else make_kgid(ns, number)
            if number == INVALID_ID and ns.level:
                raise LinuxError(Errno.EINVAL, f"nobody here: {option}")
        opts[key] = number & S_IALLUGO if key.endswith("mode") else number
    return opts, newinstance


def _new_instance(k: Kernel, opts: dict[str, int | None]) -> DevptsSuperBlock:
    sb = DevptsSuperBlock(k)
    root = DevptsRoot(sb)
    root.i_atime_ns = root.i_mtime_ns = root.i_ctime_ns = fs_inode.current_fs_time(sb)
    sb.s_root = dcache.d_make_root(root)
    sb.opts = opts
    root.entries["ptmx"] = _new_inode(sb, 2, int(opts["ptmxmode"] or 0), new_encode_dev(5, 2))
    return sb


def _new_inode(sb: SuperBlock, ino: int, mode: int, rdev: int) -> DevptsInode:
    inode = DevptsInode(sb, ino, S_IFCHR | mode)
    inode.i_rdev = rdev
    inode.i_atime_ns = inode.i_mtime_ns = inode.i_ctime_ns = fs_inode.current_fs_time(sb)
    return inode


def _root(sb: SuperBlock) -> DevptsRoot:
    assert sb.s_root is not None
    root = sb.s_root.d_inode
    assert isinstance(root, DevptsRoot)
    return root


def _devpts_mount(k: Kernel, current: Task | None, flags: int, dev: str, options: str) -> SuperBlock:
    """Return the shared instance with new options, or one of its own; so, since 3.8, for other user namespaces."""
    ns = (current or k.init_task).cred.user_ns
    opts, newinstance = _parse_options(options, ns)
    if newinstance or ns.level:
        sb = _new_instance(k, opts)
        ptmx = _root(sb).entries["ptmx"]
        ptmx.i_uid, ptmx.i_gid = (current or k.init_task).cred.fsuid, (current or k.init_task).cred.fsgid
        return sb
    sb = k.tty.devpts_sb
    sb.opts = opts
    return sb


def pts_sb_from_inode(k: Kernel, inode: Inode) -> DevptsSuperBlock:
    """Return the instance that a ptmx belongs to: the shared one if it lies elsewhere."""
    sb = inode.i_sb
    if isinstance(sb, DevptsSuperBlock):
        return sb
    return k.tty.devpts_sb


def devpts_new_index(sb: DevptsSuperBlock) -> int:
    """Return the lowest free number; raises EIO if there are too many."""
    k = sb.kernel
    if k.tty.pty_count >= k.tty.pty_limit:
        raise LinuxError(Errno.EIO, "too many ptys")
    index = sb.allocated_ptys.get_new()
    k.tty.pty_count += 1
    return index


def devpts_kill_index(sb: DevptsSuperBlock, index: int) -> None:
    """Give a number back."""
    sb.allocated_ptys.remove(index)
    sb.kernel.tty.pty_count -= 1


def devpts_pty_new(current: Task, sb: DevptsSuperBlock, tty: TtyStruct) -> DevptsInode:
    """Name a slave, which belongs to whoever opens the master."""
    opts, cred = sb.opts, current.cred
    inode = _new_inode(sb, tty.index + 3, int(opts["mode"] or 0), new_encode_dev(136, tty.index))
    uid, gid = opts["uid"], opts["gid"]
    inode.i_uid = cred.fsuid if uid is None else uid
    inode.i_gid = cred.fsgid if gid is None else gid
    inode.tty = tty
    name = str(tty.index)
    _root(sb).entries[name] = inode
    if current.kernel.vfs.nr_fsnotify_marks:
        fsnotify.fsnotify_create(_root(sb), Dentry(name, sb.s_root, inode))
    return inode


def devpts_pty_kill(tty: TtyStruct) -> None:
    """The master is closed: the name goes at once, whoever still has the slave open."""
    inode = tty.devpts_inode
    if isinstance(inode, DevptsInode):
        inode.tty = None
        inode.i_nlink -= 1
        tty.devpts_inode = None
        name = str(tty.index)
        del _root(inode.i_sb).entries[name]
        s_root = inode.i_sb.s_root
        assert s_root is not None
        # If something is mounted on it, that is not to be met any more.
        names = s_root.d_subdirs
        known = names.pop(name, None) if names is not None else None
        dcache.d_delete(known if known is not None else Dentry(name, s_root, inode))
