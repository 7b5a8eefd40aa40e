"""Hierarchies as file systems: mounting, directories, control files (kernel/cgroup.c; spec cgroups A2, A3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import dcache, ramfs
from procession.fs import inode as fs_inode
from procession.fs import super as fs_super
from procession.include.linux.cgroup import (
    CGRP_CLONE_CHILDREN,
    CGRP_REMOVED,
    MAX_CGROUP_ROOT_NAMELEN,
    ROOT_NOPREFIX,
    Cftype,
    Cgroup,
    CgroupfsRoot,
)
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import (
    FMODE_PWRITE,
    FMODE_READ,
    S_IFDIR,
    S_IFMT,
    S_IFREG,
    File,
    Inode,
    SuperBlock,
    generic_file_llseek,
    seq_lseek,
)
from procession.include.linux.limits import PATH_MAX, ULONG_MAX
from procession.include.linux.magic import CGROUP_SUPER_MAGIC
from procession.kernel import cgroup, cgroup_procs
from procession.lib import string, vsprintf
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.cgroup import CgroupPidlist, CgroupSubsys
    from procession.include.linux.fs import PathRef
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("CgroupDir", "cgroup_fs_init", "cgroup_mount_point")

_LOCAL_BUFFER_SIZE: Final = 64
_NAME_CHARS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_")
_MOST_HIERARCHIES: Final = 0x7FFFFFFF


def cgroup_fs_init(k: Kernel) -> None:
    """Register the file systems cgroup and cpuset."""
    fs_super.register_filesystem(k, fs_super.FileSystemType("cgroup", cgroup_mount))
    fs_super.register_filesystem(k, fs_super.FileSystemType("cpuset", cpuset_mount))


def cgroup_mount_point(k: Kernel) -> None:
    """Make /sys/fs/cgroup, an empty directory to mount on, if the root has a /sys (cgroup_kobj).

    Differs: there is no sysfs to have it.
    """
    inode = k.vfs.rootfs.mnt_root.d_inode
    try:
        inode = inode.lookup("sys")
    except LinuxError:
        return
    for name in ("fs", "cgroup"):
        if inode.i_mode & S_IFMT != S_IFDIR:
            return
        try:
            inode = inode.lookup(name)
        except LinuxError:
            inode = inode.mkdir(name, 0o755)


# Options.


class CgroupSbOpts:
    """What was asked for at a mount (struct cgroup_sb_opts)."""

    __slots__ = ("clone_children", "flags", "name", "none", "release_agent", "subsys_bits")

    def __init__(self) -> None:
        self.subsys_bits = 0
        self.flags = 0
        self.release_agent: str | None = None
        self.clone_children = False
        self.name = ""
        self.none = False


def _parse_options(k: Kernel, data: str) -> CgroupSbOpts:
    """Read the options of a mount from left to right; raises EINVAL, ENOENT (parse_cgroupfs_options)."""
    opts = CgroupSbOpts()
    all_ss = one_ss = False
    for word in data.split(",") if data else ():
        if word == "all":
            if one_ss:
                raise LinuxError(Errno.EINVAL, "all, and one by name")
            all_ss = True
        elif not _parse_flag(opts, word):
            if all_ss:
                raise LinuxError(Errno.EINVAL, "one by name, and all")
            opts.subsys_bits |= 1 << _subsys_named(k, word).subsys_id
            one_ss = True
    if all_ss or not (one_ss or opts.none or opts.name):
        opts.subsys_bits = (1 << len(k.cgroups.subsys)) - 1
    if opts.flags & ROOT_NOPREFIX and opts.subsys_bits & ~1:
        raise LinuxError(Errno.EINVAL, "noprefix is for cpuset alone")
    if opts.subsys_bits and opts.none:
        raise LinuxError(Errno.EINVAL, "none, and some")
    if not opts.subsys_bits and not opts.name:
        raise LinuxError(Errno.EINVAL, "neither controllers nor a name")
    return opts


def _parse_flag(opts: CgroupSbOpts, word: str) -> bool:
    """Take an option that is no controller's name; returns whether it was one. Raises EINVAL."""
    if not word:
        raise LinuxError(Errno.EINVAL, "an empty option")
    if word == "none":
        opts.none = True
    elif word == "noprefix":
        opts.flags |= ROOT_NOPREFIX
    elif word == "clone_children":
        opts.clone_children = True
    elif word.startswith("release_agent="):
        if opts.release_agent is not None:
            raise LinuxError(Errno.EINVAL, "a second release_agent")
        opts.release_agent = string.to_text(string.to_bytes(word[14:])[: PATH_MAX - 1])
    elif word.startswith("name="):
        name = word[5:]
        if not name or opts.name or not _NAME_CHARS.issuperset(name):
            raise LinuxError(Errno.EINVAL, "name=")
        opts.name = name[: MAX_CGROUP_ROOT_NAMELEN - 1]
    else:
        return False
    return True


def _subsys_named(k: Kernel, name: str) -> CgroupSubsys:
    for ss in k.cgroups.subsys:
        if ss.name == name:
            return ss
    raise LinuxError(Errno.ENOENT, f"no controller {name}")


# Mounting.


class CgroupSuperBlock(SuperBlock):
    """A hierarchy's file system."""

    __slots__ = ("root",)

    def __init__(self, k: Kernel, root: CgroupfsRoot) -> None:
        super().__init__(k, "cgroup", fs_super.get_anon_bdev(k), CGROUP_SUPER_MAGIC)
        self.root = root

    def show_options(self) -> str:
        """Return the options that lead to this hierarchy (cgroup_show_options)."""
        root = self.root
        text = "".join(f",{ss.name}" for ss in root.subsys_list)
        if root.flags & ROOT_NOPREFIX:
            text += ",noprefix"
        if root.release_agent_path:
            text += f",release_agent={root.release_agent_path}"
        if root.top_cgroup.flags & CGRP_CLONE_CHILDREN:
            text += ",clone_children"
        return f"{text},name={root.name}" if root.name else text

    def remount_fs(self, flags: int, options: str) -> None:
        """Bind other controllers; raises EINVAL, ENOENT, EBUSY (cgroup_remount)."""
        k, root = self.kernel, self.root
        opts = _parse_options(k, options)
        if opts.flags != root.flags or (opts.name and opts.name != root.name):
            raise LinuxError(Errno.EINVAL, "another name, or prefix")
        cgroup.rebind_subsystems(k, root, opts.subsys_bits)
        directory = _dir_of(root)
        directory.populate(k.current.cred.fsuid, k.current.cred.fsgid)
        assert self.s_root is not None
        if self.s_root.d_subdirs is not None:
            self.s_root.d_subdirs.clear()
        if opts.release_agent:
            root.release_agent_path = opts.release_agent

    def kill_sb(self) -> None:
        """It is mounted nowhere: a hierarchy with groups lives on all the same."""
        if not self.root.top_cgroup.children and self.root in self.kernel.cgroups.roots:
            cgroup.drop_root(self.kernel, self.root)


def _dir_of(root: CgroupfsRoot) -> CgroupDir:
    assert root.sb is not None
    assert root.sb.s_root is not None
    directory = root.sb.s_root.d_inode
    assert isinstance(directory, CgroupDir)
    return directory


def cgroup_mount(k: Kernel, current: Task | None, flags: int, dev: str, options: str) -> SuperBlock:
    """Return the hierarchy that the options describe, made if there is none; raises EINVAL, ENOENT, EBUSY."""
    opts = _parse_options(k, options)
    hierarchy_id = 0 if opts.name and not opts.subsys_bits and not opts.none else _next_hierarchy_id(k)
    for root in reversed(k.cgroups.roots):
        if opts.name and root.name != opts.name:
            continue
        if (opts.subsys_bits or opts.none) and root.subsys_bits != opts.subsys_bits:
            continue
        assert root.sb is not None
        return root.sb
    if not hierarchy_id:
        raise LinuxError(Errno.EINVAL, "no hierarchy of that name")
    if opts.name and any(root.name == opts.name for root in k.cgroups.roots):
        raise LinuxError(Errno.EBUSY, "the name is another hierarchy's")
    return _new_root(k, current or k.current, opts, hierarchy_id)


def _next_hierarchy_id(k: Kernel) -> int:
    """Return a number that no hierarchy has, each later than the one before (init_root_id)."""
    taken = {root.hierarchy_id for root in k.cgroups.roots}
    nr = k.cgroups.next_hierarchy_id
    while True:
        nr = nr % _MOST_HIERARCHIES + 1
        if nr not in taken:
            k.cgroups.next_hierarchy_id = nr
            return nr


def _new_root(k: Kernel, current: Task, opts: CgroupSbOpts, hierarchy_id: int) -> SuperBlock:
    root = CgroupfsRoot()
    root.hierarchy_id = hierarchy_id
    root.flags = opts.flags
    root.release_agent_path = opts.release_agent or ""
    root.name = opts.name
    if opts.clone_children:
        root.top_cgroup.flags |= CGRP_CLONE_CHILDREN
    sb = CgroupSuperBlock(k, root)
    root.sb = sb
    cgroup.rebind_subsystems(k, root, opts.subsys_bits)
    directory = CgroupDir(sb, S_IFDIR | 0o755, root.top_cgroup)
    directory.i_uid, directory.i_gid = current.cred.fsuid, current.cred.fsgid
    sb.s_root = dcache.d_make_root(directory)
    cgroup.link_new_root(k, root)
    directory.populate(0, 0)  # whoever mounts
    return sb


def cpuset_mount(k: Kernel, current: Task | None, flags: int, dev: str, options: str) -> SuperBlock:
    """Mount what was a file system of its own before there were control groups."""
    return cgroup_mount(k, current, flags, dev, "cpuset,noprefix,release_agent=/sbin/cpuset_release_agent")


# Directories.


class CgroupDir(Inode):
    """A group as a directory. files: its control files, the oldest first."""

    def __init__(self, sb: SuperBlock, mode: int, cgrp: Cgroup) -> None:
        super().__init__(sb, fs_inode.get_next_ino(sb), mode, i_nlink=2)
        self.cgrp = cgrp
        self.files: dict[str, CgroupFileInode] = {}
        self.dirs: dict[str, CgroupDir] = {}
        self.i_atime_ns = self.i_mtime_ns = self.i_ctime_ns = fs_inode.current_fs_time(sb)

    def populate(self, uid: int, gid: int) -> None:
        """Make the control files anew (cgroup_populate_dir)."""
        self.files.clear()
        cgrp = self.cgrp
        for cft in cgroup_procs.base_files(cgrp):
            self._add_file(cft.name, cft, uid, gid)
        for ss in cgrp.root.subsys_list:
            prefix = "" if cgrp.root.flags & ROOT_NOPREFIX else f"{ss.name}."
            for cft in ss.files(cgrp):
                self._add_file(prefix + cft.name, cft, uid, gid)

    def _add_file(self, name: str, cft: Cftype, uid: int, gid: int) -> None:
        inode = CgroupFileInode(self.i_sb, cft, self.cgrp)
        inode.i_uid, inode.i_gid = uid, gid
        self.files[name] = inode

    def lookup(self, name: str) -> Inode:
        """Return a file or a group; raises ENOENT."""
        inode: Inode | None = self.files.get(name)
        if inode is None:
            inode = self.dirs.get(name)
        if inode is None:
            raise LinuxError(Errno.ENOENT, name)
        return inode

    def readdir(self, current: Task) -> list[tuple[str, int, int]]:
        """List groups and files, the newest first."""
        entries: list[tuple[str, Inode]] = [*self.files.items(), *self.dirs.items()]
        return [(name, inode.i_ino, ramfs.DT[inode.i_mode & S_IFMT]) for name, inode in reversed(entries)]

    def mkdir(self, name: str, mode: int) -> Inode:
        """Make a group; raises ENOMEM, ENOSPC."""
        k = self.i_sb.kernel
        if self.cgrp.flags & CGRP_REMOVED:
            raise LinuxError(Errno.ENOENT, "the group is gone")
        directory = CgroupDir(self.i_sb, S_IFDIR | mode, cgroup.cgroup_create(k, self.cgrp, name))
        cred = k.current.cred
        directory.populate(cred.fsuid, cred.fsgid)
        self.dirs[name] = directory
        self.i_nlink += 1
        return directory

    def rmdir(self, name: str) -> None:
        """Remove a group; raises EBUSY, EINTR."""
        k = self.i_sb.kernel
        directory = self.dirs[name]
        cgroup.cgroup_rmdir(k.current, directory.cgrp)
        del self.dirs[name]
        directory.files.clear()
        directory.i_nlink = 0
        self.i_nlink -= 1
        if not self.i_sb.s_active:
            self.i_sb.kill_sb()

    def rename(self, old: str, new_dir: Inode, new: str) -> None:
        """Give a group another name in its place; raises ENOTDIR, EEXIST, EIO (cgroup_rename)."""
        assert isinstance(new_dir, CgroupDir)
        if old not in self.dirs:
            raise LinuxError(Errno.ENOTDIR, old)
        if new in new_dir.files or new in new_dir.dirs:
            raise LinuxError(Errno.EEXIST, new)
        if new_dir is not self:
            raise LinuxError(Errno.EIO, "to another group")
        directory = self.dirs.pop(old)
        self.dirs[new] = directory
        cgrp = directory.cgrp
        cgrp.name = new
        del self.cgrp.children[old]
        self.cgrp.children[new] = cgrp


# Files.


class CgroupFileInode(Inode):
    """A control file."""

    i_fop_fsync = False

    def __init__(self, sb: SuperBlock, cft: Cftype, cgrp: Cgroup) -> None:
        super().__init__(sb, fs_inode.get_next_ino(sb), S_IFREG | cft.file_mode())
        self.cft = cft
        self.cgrp = cgrp
        self.i_atime_ns = self.i_mtime_ns = self.i_ctime_ns = fs_inode.current_fs_time(sb)

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open file; a list of tasks is made now."""
        if self.cft.pids:
            file = PidlistFile(path, flags, mode & ~FMODE_PWRITE, self.cft, self.cgrp)
            if mode & FMODE_READ:
                file.pidlist = cgroup_procs.pidlist_open(current, self.cgrp, self.cft)
            return file
        if self.cft.read_seq is not None:
            mode &= ~FMODE_PWRITE
        return CgroupFile(path, flags, mode, self.cft, self.cgrp)

    def truncate(self, size: int) -> None:
        """Accept O_TRUNC: there is nothing to cut."""


class CgroupFile(File):
    """An open control file."""

    def __init__(self, path: PathRef, flags: int, mode: int, cft: Cftype, cgrp: Cgroup) -> None:
        super().__init__(path, flags, mode)
        self.cft = cft
        self.cgrp = cgrp
        self.private_data = cft
        self.text: bytes | None = None

    def make_text(self, current: Task) -> bytes:
        """Return what is read; raises ENODEV if the group is gone, EINVAL if there is nothing to read."""
        cft, cgrp = self.cft, self.cgrp
        if cft.read_seq is not None:
            return string.to_bytes(cft.read_seq(current, cgrp, cft))
        if cgroup.cgroup_is_removed(cgrp):
            raise LinuxError(Errno.ENODEV, "the group is gone")
        if cft.read_u64 is not None:
            return b"%d\n" % cft.read_u64(cgrp, cft)
        if cft.read_s64 is not None:
            return b"%d\n" % cft.read_s64(cgrp, cft)
        if cft.read_text is not None:
            return string.to_bytes(cft.read_text(cgrp, cft))
        raise LinuxError(Errno.EINVAL, "cannot be read")

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Copy a part of the text out; numbers are made anew each time. Raises EFAULT, EINVAL, ENODEV."""
        at = self.f_pos if pos is None else pos
        seq = self.cft.read_seq is not None
        if not seq or not at or self.text is None:
            self.text = self.make_text(current)
        chunk = self.text[at : at + count]
        done = len(chunk)
        if chunk:
            if seq:
                uaccess.copy_to_user(current, buf, chunk)
            else:
                done = uaccess.copy_to_user_partial(current, buf, chunk)
        if pos is None:
            self.f_pos = at + done
        return done

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Do what is written, whatever the position; raises ENODEV, EINVAL, E2BIG, EFAULT, and what that does."""
        cft, cgrp = self.cft, self.cgrp
        if cgroup.cgroup_is_removed(cgrp):
            raise LinuxError(Errno.ENODEV, "the group is gone")
        if cft.write_u64 is not None or cft.write_s64 is not None or cft.write_u64_sleeping is not None:
            await self._write_number(current, buf, count)
        elif cft.write_string is not None or cft.write_string_sleeping is not None:
            await self._write_string(current, buf, count)
        elif cft.trigger is not None:
            cft.trigger(current, cgrp, cft)
        else:
            raise LinuxError(Errno.EINVAL, "cannot be written")
        if pos is None:
            self.f_pos += count if self.cft.read_seq is not None else 0
        return count

    async def _write_number(self, current: Task, buf: UserPtr, count: int) -> None:
        """Read a number, which must be all there is, but for blanks (cgroup_write_X64)."""
        if not count:
            raise LinuxError(Errno.EINVAL, "nothing was written")
        if count >= _LOCAL_BUFFER_SIZE:
            raise LinuxError(Errno.E2BIG, "too long for a number")
        cft, cgrp = self.cft, self.cgrp
        text = string.strim(uaccess.copy_from_user(current, buf, count))
        signed = cft.write_s64 is not None
        negative = signed and text[:1] == b"-"
        if negative:
            text = text[1:]
        value, end = vsprintf.simple_strtoul(text)
        if end != len(text):
            raise LinuxError(Errno.EINVAL, "not a number")
        if cft.write_u64 is not None:
            cft.write_u64(current, cgrp, cft, value)
        elif cft.write_s64 is not None:
            value = -value if negative else value
            value &= ULONG_MAX
            cft.write_s64(current, cgrp, cft, value - (value >> 63 << 64))
        elif cft.write_u64_sleeping is not None:
            await cft.write_u64_sleeping(current, cgrp, cft, value)

    async def _write_string(self, current: Task, buf: UserPtr, count: int) -> None:
        cft = self.cft
        if count >= cft.max_write_len:
            raise LinuxError(Errno.E2BIG, "too long")
        text = string.strim(uaccess.copy_from_user(current, buf, count)) if count else b""
        if cft.write_string is not None:
            cft.write_string(current, self.cgrp, cft, text)
        elif cft.write_string_sleeping is not None:
            await cft.write_string_sleeping(current, self.cgrp, cft, text)

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Move f_pos; raises EINVAL, ENXIO."""
        if self.cft.read_seq is not None:
            return seq_lseek(self, offset, whence)
        return generic_file_llseek(self, offset, whence)


class PidlistFile(CgroupFile):
    """An open tasks or cgroup.procs. pidlist: None if it is open for writing alone."""

    pidlist: CgroupPidlist | None = None

    def make_text(self, current: Task) -> bytes:
        """Return the numbers as they were when somebody last opened it."""
        return b"".join(b"%d\n" % nr for nr in self.pidlist.list) if self.pidlist is not None else b""

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Copy a part of the list out; raises EFAULT."""
        at = self.f_pos if pos is None else pos
        if not at or self.text is None:
            self.text = self.make_text(current)
        chunk = self.text[at : at + count]
        if chunk:
            uaccess.copy_to_user(current, buf, chunk)
        if pos is None:
            self.f_pos = at + len(chunk)
        return len(chunk)

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Move f_pos; raises EINVAL."""
        return seq_lseek(self, offset, whence)

    def release(self, current: Task | None) -> None:
        """The list goes with the last who has it open."""
        if self.pidlist is not None:
            cgroup_procs.pidlist_release(self.cgrp, self.pidlist)
