"""Access control lists of tmpfs (fs/posix_acl.c, xattr_acl.c, generic_acl.c; acl_permission_check is in namei.py).

A list is a tuple of entries (tag, permissions, id) in the order of the tags; a file's is None while its mode says all.
"""

from __future__ import annotations

from collections.abc import Callable
import struct
from typing import TYPE_CHECKING, Final, TypeAlias

from procession.fs import inode as fs_inode
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import S_IFDIR, S_IFLNK, S_IFMT, S_IRWXUGO
from procession.include.linux.posix_acl import (
    ACL_GROUP,
    ACL_GROUP_OBJ,
    ACL_MASK,
    ACL_OTHER,
    ACL_UNDEFINED_ID,
    ACL_USER,
    ACL_USER_OBJ,
    POSIX_ACL_XATTR_ACCESS,
    POSIX_ACL_XATTR_DEFAULT,
    POSIX_ACL_XATTR_VERSION,
)
from procession.include.linux.uidgid import INVALID_ID, from_kgid, from_kuid, make_kgid, make_kuid
from procession.kernel import groups

if TYPE_CHECKING:
    from procession.include.linux.fs import Inode
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.sched import Task

__all__ = (
    "acl_xattr_get",
    "acl_xattr_set",
    "generic_acl_chmod",
    "generic_acl_init",
    "posix_acl_permission",
    "umask_in",
)


Entry: TypeAlias = tuple[int, int, int]
Acl: TypeAlias = tuple[Entry, ...]
Rename: TypeAlias = Callable[["UserNamespace", int], int]

_TAGS: Final[tuple[int, ...]] = (ACL_USER_OBJ, ACL_USER, ACL_GROUP_OBJ, ACL_GROUP, ACL_MASK, ACL_OTHER)
_HEADER: Final = struct.Struct("<I")
_ENTRY: Final = struct.Struct("<HHI")


# What a list looks like from outside.


def posix_acl_from_xattr(value: bytes) -> Acl | None:
    """Return the list that an attribute's value holds, None for an empty one; raises EINVAL, EOPNOTSUPP."""
    if len(value) < _HEADER.size:
        raise LinuxError(Errno.EINVAL, "too short for a list")
    if _HEADER.unpack_from(value)[0] != POSIX_ACL_XATTR_VERSION:
        raise LinuxError(Errno.EOPNOTSUPP, "another version of lists")
    if (len(value) - _HEADER.size) % _ENTRY.size:
        raise LinuxError(Errno.EINVAL, "part of an entry")
    entries: list[Entry] = []
    for tag, perm, number in _ENTRY.iter_unpack(value[_HEADER.size :]):
        if tag not in _TAGS:
            raise LinuxError(Errno.EINVAL, f"tag {tag:#x}")
        entries.append((tag, perm, number if tag in (ACL_USER, ACL_GROUP) else ACL_UNDEFINED_ID))
    return tuple(entries) or None


def posix_acl_to_xattr(acl: Acl) -> bytes:
    """Return the value that tells of a list."""
    return _HEADER.pack(POSIX_ACL_XATTR_VERSION) + b"".join([_ENTRY.pack(*entry) for entry in acl])


def _renamed(acl: Acl, ns: UserNamespace, user: Rename, group: Rename) -> Acl:
    """Return a list whose users and groups have other numbers: those of a namespace, or the kernel's."""
    if ns.uid_map is None and ns.gid_map is None:
        return acl
    out: list[Entry] = []
    for tag, perm, number in acl:
        rename = user if tag == ACL_USER else group if tag == ACL_GROUP else None
        out.append((tag, perm, number if rename is None else rename(ns, number)))
    return tuple(out)


def posix_acl_valid(acl: Acl) -> None:
    """Raise EINVAL unless there is the owner, its group and others, and a mask if somebody is named; in their order."""
    tags = [tag for tag, _, _ in acl]
    named = [(tag, number) for tag, _, number in acl if tag in (ACL_USER, ACL_GROUP)]
    each_once = (
        all(tags.count(tag) == 1 for tag in (ACL_USER_OBJ, ACL_GROUP_OBJ, ACL_OTHER)) and tags.count(ACL_MASK) < 2
    )
    ordered = tags == sorted(tags) and named == sorted(set(named))
    if not each_once or not ordered or (named and ACL_MASK not in tags):
        raise LinuxError(Errno.EINVAL, "not a list")
    if any(perm & ~7 for _, perm, _ in acl) or any(number == ACL_UNDEFINED_ID for _, number in named):
        raise LinuxError(Errno.EINVAL, "an entry that does not make sense")


# Lists and modes.


def _perm_of(acl: Acl, tag: int) -> int:
    """Return the permissions of the entry of which there is one, -1 if there is none."""
    for entry in acl:
        if entry[0] == tag:
            return entry[1]
    return -1


def posix_acl_equiv_mode(acl: Acl) -> tuple[int, bool]:
    """Return the permission bits that go with a list, and whether they say all that it does."""
    mask = _perm_of(acl, ACL_MASK)
    group = _perm_of(acl, ACL_GROUP_OBJ) if mask < 0 else mask
    mode = _perm_of(acl, ACL_USER_OBJ) << 6 | group << 3 | _perm_of(acl, ACL_OTHER)
    return mode, len(acl) == 3


def _masked(acl: Acl, mode: int) -> Acl:
    """Return a list whose classes have the permissions that mode has (posix_acl_chmod_masq)."""
    group = ACL_GROUP_OBJ if _perm_of(acl, ACL_MASK) < 0 else ACL_MASK
    new = {ACL_USER_OBJ: mode >> 6 & 7, group: mode >> 3 & 7, ACL_OTHER: mode & 7}
    return tuple([(tag, new.get(tag, perm), number) for tag, perm, number in acl])


def posix_acl_permission(current: Task, inode: Inode, acl: Acl, want: int) -> bool:
    """Whether a list gives current, who does not own the inode, the permissions want."""
    fsuid = current.cred.fsuid
    mask = _perm_of(acl, ACL_MASK)
    limit = 7 if mask < 0 else mask
    found = False
    for tag, perm, number in acl:
        if tag == ACL_USER and number == fsuid:
            return not want & ~(perm & limit)
        if tag in (ACL_GROUP_OBJ, ACL_GROUP):
            gid = inode.i_gid if tag == ACL_GROUP_OBJ else number
            if groups.in_group_p(current, gid):
                found = True
                if not want & ~perm:
                    return not want & ~(perm & limit)
    return not found and not want & ~_perm_of(acl, ACL_OTHER)


def umask_in(current: Task, dir: Inode) -> int:
    """Return what is taken off the mode of something new in dir: nothing where a list does that."""
    assert current.fs is not None
    return 0 if dir.i_default_acl is not None else current.fs.umask


def generic_acl_init(inode: Inode, acl: Acl) -> None:
    """Let something new inherit the list of its directory, cut down to the mode it was asked for with."""
    if inode.i_mode & S_IFMT == S_IFLNK:
        return
    if inode.i_mode & S_IFMT == S_IFDIR:
        inode.i_default_acl = acl
    allowed, says_all = posix_acl_equiv_mode(acl)
    inode.i_mode &= ~S_IRWXUGO | allowed
    if not says_all:
        inode.i_acl = _masked(acl, inode.i_mode)


def generic_acl_chmod(inode: Inode) -> None:
    """The mode was set: the list follows."""
    if inode.i_acl is not None:
        inode.i_acl = _masked(inode.i_acl, inode.i_mode)


# The attributes.


def acl_xattr_get(inode: Inode, name: str) -> bytes:
    """Return the value of a list's attribute; raises ENODATA, EINVAL, EOPNOTSUPP for another name."""
    acl = inode.i_default_acl if _is_default(name) else inode.i_acl
    if acl is None:
        raise LinuxError(Errno.ENODATA, name)
    return posix_acl_to_xattr(_renamed(acl, inode.i_sb.kernel.current.cred.user_ns, from_kuid, from_kgid))


def acl_xattr_set(current: Task, inode: Inode, name: str, value: bytes | None) -> None:
    """Set a list, None to remove it; raises EINVAL, EOPNOTSUPP for a link or another name, EPERM to others."""
    is_default = _is_default(name)
    if inode.i_mode & S_IFMT == S_IFLNK:
        raise LinuxError(Errno.EOPNOTSUPP, "a symbolic link has no list")
    if not fs_inode.inode_owner_or_capable(current, inode):
        raise LinuxError(Errno.EPERM, "not the owner")
    acl = None if value is None else posix_acl_from_xattr(value)
    if acl is not None:
        posix_acl_valid(acl)
        acl = _renamed(acl, current.cred.user_ns, make_kuid, make_kgid)
        if any(number == INVALID_ID for tag, _, number in acl if tag in (ACL_USER, ACL_GROUP)):
            raise LinuxError(Errno.EINVAL, "no such user or group here")
        if is_default:
            if inode.i_mode & S_IFMT != S_IFDIR:
                raise LinuxError(Errno.EINVAL, "only a directory has something to inherit")
        else:
            mode, says_all = posix_acl_equiv_mode(acl)
            inode.i_mode = inode.i_mode & ~S_IRWXUGO | mode
            inode.i_ctime_ns = fs_inode.current_fs_time(inode.i_sb)
            if says_all:
                acl = None
    if is_default:
        inode.i_default_acl = acl
    else:
        inode.i_acl = acl


def _is_default(name: str) -> bool:
    """Whether an attribute is what a directory gives to what is made in it; raises EINVAL, EOPNOTSUPP for others."""
    if name in (POSIX_ACL_XATTR_ACCESS, POSIX_ACL_XATTR_DEFAULT):
        return name == POSIX_ACL_XATTR_DEFAULT
    if name.startswith((POSIX_ACL_XATTR_ACCESS, POSIX_ACL_XATTR_DEFAULT)):
        raise LinuxError(Errno.EINVAL, name)
    raise LinuxError(Errno.EOPNOTSUPP, name)
