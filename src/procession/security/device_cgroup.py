"""Which devices the tasks of a group may use (security/device_cgroup.c; spec cgroups B5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cgroup import DEVICES_SUBSYS_ID, Cftype, CgroupSubsys, CgroupSubsysState
from procession.include.linux.cred import CAP_SYS_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import MAY_READ, MAY_WRITE, S_IFBLK, S_IFCHR, S_IFMT
from procession.include.linux.kdev_t import new_decode_dev
from procession.include.linux.limits import UINT_MAX
from procession.kernel import capability
from procession.lib import vsprintf

if TYPE_CHECKING:
    from procession.include.linux.cgroup import Cgroup
    from procession.include.linux.fs import Inode
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("DevicesSubsys", "devcgroup_inode_mknod", "devcgroup_inode_permission")

ACC_MKNOD: Final = 1
ACC_READ: Final = 2
ACC_WRITE: Final = 4
ACC_MASK: Final = ACC_MKNOD | ACC_READ | ACC_WRITE
# UINT_MAX stands for every major, or minor, number.
_ACC: Final = {"r": ACC_READ, "w": ACC_WRITE, "m": ACC_MKNOD}  # as they are listed


class DevWhitelistItem:
    """An entry (struct dev_whitelist_item). type: b, c, or a for all."""

    __slots__ = ("access", "major", "minor", "type")

    def __init__(self, type: str, major: int, minor: int, access: int) -> None:
        self.type = type
        self.major = major
        self.minor = minor
        self.access = access

    def same(self, other: DevWhitelistItem) -> bool:
        """Whether both are about the same devices."""
        return (self.type, self.major, self.minor) == (other.type, other.major, other.minor)


class DevCgroup(CgroupSubsysState):
    """A group's list (struct dev_cgroup)."""

    __slots__ = ("whitelist",)

    def __init__(self, cgroup: Cgroup) -> None:
        super().__init__(cgroup)
        self.whitelist: list[DevWhitelistItem] = []


def _of(css: CgroupSubsysState | None) -> DevCgroup:
    assert isinstance(css, DevCgroup)
    return css


# Who asks.


def devcgroup_inode_permission(current: Task, inode: Inode, mask: int) -> None:
    """Let a device node be read and written as MAY_ bits say; raises EPERM."""
    kind = inode.i_mode & S_IFMT
    if kind in (S_IFBLK, S_IFCHR) and inode.i_rdev:
        major, minor = new_decode_dev(inode.i_rdev)
        access = (ACC_READ if mask & MAY_READ else 0) | (ACC_WRITE if mask & MAY_WRITE else 0)
        _check(current, "b" if kind == S_IFBLK else "c", major, minor, access)


def devcgroup_inode_mknod(current: Task, kind: int, dev: int) -> None:
    """Let a device node be made; raises EPERM."""
    if current.kernel.cgroups.devices_limited:
        major, minor = new_decode_dev(dev)
        _check(current, "b" if kind == S_IFBLK else "c", major, minor, ACC_MKNOD)


def _check(current: Task, type: str, major: int, minor: int, access: int) -> None:
    for wh in _of(current.cgroups.subsys[DEVICES_SUBSYS_ID]).whitelist:
        if wh.type == "a":
            return
        if wh.type == type and _matches(wh, major, minor) and not access & ~wh.access:
            return
    raise LinuxError(Errno.EPERM, "the group may not use the device")


# The list.


def _matches(wh: DevWhitelistItem, major: int, minor: int) -> bool:
    return wh.major in (UINT_MAX, major) and wh.minor in (UINT_MAX, minor)


def may_access(dev_cgroup: DevCgroup, ref: DevWhitelistItem) -> bool:
    """Whether a list has an entry that covers ref."""
    for wh in dev_cgroup.whitelist:
        if wh.type == "a":
            return True
        if ref.type not in ("a", wh.type):
            continue
        if _matches(wh, ref.major, ref.minor) and not ref.access & ACC_MASK & ~wh.access:
            return True
    return False


def _whitelist_add(dev_cgroup: DevCgroup, new: DevWhitelistItem) -> None:
    for wh in dev_cgroup.whitelist:
        if wh.same(new):
            wh.access |= new.access
            return
    dev_cgroup.whitelist.append(new)


def _whitelist_rm(dev_cgroup: DevCgroup, gone: DevWhitelistItem) -> None:
    left = []
    for wh in dev_cgroup.whitelist:
        if wh.type == "a" or (wh.type == gone.type and _matches(wh, gone.major, gone.minor)):
            wh.access &= ~gone.access
        if wh.access:
            left.append(wh)
    dev_cgroup.whitelist = left


def _number(text: bytes, at: int, what: str) -> tuple[int, int]:
    """Return a number, or what * stands for, and where it ends; raises EINVAL."""
    if text[at : at + 1] == b"*":
        return UINT_MAX, at + 1
    digits, end = vsprintf.simple_strtoul(text[at:], 10)
    if not end:
        raise LinuxError(Errno.EINVAL, f"no {what} number")
    return digits & UINT_MAX, at + end


def _parse(text: bytes) -> DevWhitelistItem:
    """Read TYPE MAJOR:MINOR ACCESS; raises EINVAL."""
    type = text[:1].decode("latin-1")
    if type == "a":
        return DevWhitelistItem("a", UINT_MAX, UINT_MAX, ACC_MASK)
    if type not in ("b", "c"):
        raise LinuxError(Errno.EINVAL, "no type of device")
    if not text[1:2] or text[1] not in b" \t\n\v\f\r\xa0":
        raise LinuxError(Errno.EINVAL, "no blank behind the type")
    major, at = _number(text, 2, "major")
    if text[at : at + 1] != b":":
        raise LinuxError(Errno.EINVAL, "no minor number")
    minor, at = _number(text, at + 1, "minor")
    if not text[at : at + 1] or text[at] not in b" \t\n\v\f\r\xa0":
        raise LinuxError(Errno.EINVAL, "no blank behind the numbers")
    access = 0
    for letter in text[at + 1 : at + 4].decode("latin-1"):
        if letter not in _ACC:
            if letter == "\n":
                break
            raise LinuxError(Errno.EINVAL, "no kind of access")
        access |= _ACC[letter]
    return DevWhitelistItem(type, major, minor, access)


def _access_write(current: Task, cgrp: Cgroup, cft: Cftype, text: bytes) -> None:
    """Add an entry that the group above has, or take some away; raises EPERM, EINVAL."""
    if not capability.capable(current, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "lists of devices need CAP_SYS_ADMIN")
    wh = _parse(text)
    current.kernel.cgroups.devices_limited = True
    dev_cgroup = _of(cgrp.subsys[DEVICES_SUBSYS_ID])
    if not cft.private:
        _whitelist_rm(dev_cgroup, wh)
        return
    if cgrp.parent is not None and not may_access(_of(cgrp.parent.subsys[DEVICES_SUBSYS_ID]), wh):
        raise LinuxError(Errno.EPERM, "the group above may not use it")
    _whitelist_add(dev_cgroup, wh)


def _list_read(current: Task, cgrp: Cgroup, cft: Cftype) -> str:
    lines = []
    for wh in _of(cgrp.subsys[DEVICES_SUBSYS_ID]).whitelist:
        major, minor = ("*" if number == UINT_MAX else str(number) for number in (wh.major, wh.minor))
        access = "".join(letter for letter, bit in _ACC.items() if wh.access & bit)
        lines.append(f"{wh.type} {major}:{minor} {access}\n")
    return "".join(lines)


_FILES: Final = (
    Cftype("allow", private=1, write_string=_access_write),
    Cftype("deny", write_string=_access_write),
    Cftype("list", read_seq=_list_read),
)


class DevicesSubsys(CgroupSubsys):
    """The controller."""

    def __init__(self, k: Kernel) -> None:
        super().__init__(k, "devices", DEVICES_SUBSYS_ID)

    def create(self, cgrp: Cgroup) -> CgroupSubsysState:
        """Return a copy of the parent's list; the top group's is all."""
        new = DevCgroup(cgrp)
        above = [DevWhitelistItem("a", UINT_MAX, UINT_MAX, ACC_MASK)]
        if cgrp.parent is not None:
            above = _of(cgrp.parent.subsys[DEVICES_SUBSYS_ID]).whitelist
        new.whitelist = [DevWhitelistItem(wh.type, wh.major, wh.minor, wh.access) for wh in above]
        return new

    def files(self, cgrp: Cgroup) -> list[Cftype]:
        """Return the files of every group."""
        return list(_FILES)

    def can_attach(self, current: Task, cgrp: Cgroup, p: Task) -> None:
        """Let only who may administer the machine move others; raises EPERM."""
        if current is not p and not capability.capable(current, CAP_SYS_ADMIN):
            raise LinuxError(Errno.EPERM, "moving others needs CAP_SYS_ADMIN")
