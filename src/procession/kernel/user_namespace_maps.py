"""What a user namespace's map files take and show (the second half of kernel/user_namespace.c as of 6.18).

Lines of a map are: the first id within, the first id in the parent, how many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_SETFCAP, CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.uidgid import INVALID_ID, make_kgid, make_kuid, map_id_range_down, map_id_up
from procession.kernel import capability
from procession.lib import vsprintf
from procession.lib.string import SPACE
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr
    from procession.include.linux.uidgid import Extent, IdMap

__all__ = ("map_show", "map_write", "setgroups_show", "setgroups_write")

_MAX_EXTENTS: Final = 340
_MAX_BASE_EXTENTS: Final = 5  # so many stay in the order in which they were written
_SETGROUPS_SIZE: Final = 8  # room for what is written to setgroups, with a NUL
_ALL: Final[Extent] = (0, 0, INVALID_ID)

# The maps, by the capability that their lines need; project ids need none.
PROJID: Final = -1


def _map_of(ns: UserNamespace, cap_setid: int) -> IdMap:
    if cap_setid == CAP_SETUID:
        return ns.uid_map
    return ns.gid_map if cap_setid == CAP_SETGID else ns.projid_map


def map_show(ns: UserNamespace, reader: UserNamespace, cap_setid: int) -> bytes:
    """Return a map with the ids on its right side as the reader has them: in ns itself, as its parent has them."""
    lower = reader.parent if reader is ns and reader.parent is not None else reader
    extents = _map_of(ns, cap_setid)
    out: list[bytes] = []
    for first, kid, count in [_ALL] if extents is None else extents:
        out.append(b"%10d %10d %10d\n" % (first, map_id_up(_map_of(lower, cap_setid), kid), count))
    return b"".join(out)


def map_write(
    current: Task, opener: Cred, ns: UserNamespace, cap_setid: int, buf: UserPtr, count: int, pos: int
) -> int:
    """Give a namespace a map, once and for all.

    opener: who has opened the file.  Raises EPERM, EINVAL, EFAULT.
    """
    parent = ns.parent
    if parent is None or opener.user_ns not in (ns, parent):
        raise LinuxError(Errno.EPERM, "the first namespace, or one neither its own nor a child of that")
    if pos or count >= PAGE_SIZE:
        raise LinuxError(Errno.EINVAL, "not at the beginning, or a page and more")
    text = uaccess.copy_from_user(current, buf, count) if count else b""
    if _map_of(ns, cap_setid):
        raise LinuxError(Errno.EPERM, "it is mapped")
    k = current.kernel
    if cap_setid != PROJID and not capability.cap_capable(k, opener, ns, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "who opened it is not its administrator")
    extents = _parse(text.split(b"\0", 1)[0])
    if not _new_idmap_permitted(current, opener, ns, cap_setid, extents):
        raise LinuxError(Errno.EPERM, "ids that are not for it to give")
    above = _map_of(parent, cap_setid)
    made: list[Extent] = []
    for first, lower, length in extents:
        kid = lower if above is None else map_id_range_down(above, lower, length)
        if kid == INVALID_ID:
            raise LinuxError(Errno.EPERM, "ids that the parent has not")
        made.append((first, kid, length))
    if len(made) > _MAX_BASE_EXTENTS:
        made.sort()
    if cap_setid == CAP_SETUID:
        ns.uid_map = made
    elif cap_setid == CAP_SETGID:
        ns.gid_map = made
    else:
        ns.projid_map = made
    return count


def _number(line: bytes, at: int) -> tuple[int, int]:
    """Return the number behind white space, as an unsigned int, and where it ends."""
    while at < len(line) and line[at] in SPACE:
        at += 1
    value, length = vsprintf.simple_strtoul(line[at:], 10)
    return value & UINT_MAX, at + length


def _parse_line(line: bytes) -> Extent:
    first, at = _number(line, 0)
    if at >= len(line) or line[at] not in SPACE:
        raise LinuxError(Errno.EINVAL, "not a number and a blank")
    lower, at = _number(line, at)
    if at >= len(line) or line[at] not in SPACE:
        raise LinuxError(Errno.EINVAL, "not two numbers and a blank")
    count, at = _number(line, at)
    if line[at:].strip(SPACE):
        raise LinuxError(Errno.EINVAL, "something behind the numbers")
    if not count or first + count > UINT_MAX or lower + count > UINT_MAX:
        raise LinuxError(Errno.EINVAL, "a range that begins or ends beyond all ids, or is empty")
    return first, lower, count


def _parse(text: bytes) -> list[Extent]:
    """Return the extents that a text tells of, ids of the parent in the middle; raises EINVAL."""
    lines = text.split(b"\n")
    if len(lines) > 1 and not lines[-1]:
        lines.pop()
    extents: list[Extent] = []
    for line in lines:
        extent = _parse_line(line)
        if any(_overlap(extent, other) for other in extents):
            raise LinuxError(Errno.EINVAL, "ranges that overlap")
        extents.append(extent)
    if len(extents) > _MAX_EXTENTS:
        raise LinuxError(Errno.EINVAL, "too many lines")
    return extents


def _overlap(a: Extent, b: Extent) -> bool:
    """Whether two ranges have an id in common, on either side (mappings_overlap)."""
    within = a[0] < b[0] + b[2] and b[0] < a[0] + a[2]
    return within or (a[1] < b[1] + b[2] and b[1] < a[1] + a[2])


def _verify_root_map(current: Task, opener: Cred, ns: UserNamespace, extents: list[Extent]) -> bool:
    """Whether the parent's root may have a name: only who could give files capabilities in his name may say so."""
    if all(lower for _, lower, _ in extents):
        return True
    if opener.user_ns is ns:
        return ns.parent_could_setfcap
    return capability.cap_capable(current.kernel, opener, ns.parent, CAP_SETFCAP)


def _new_idmap_permitted(current: Task, opener: Cred, ns: UserNamespace, cap_setid: int, extents: list[Extent]) -> bool:
    """Whether these ids of the parent are for current, and for who opened the file, to give."""
    parent = ns.parent
    assert parent is not None
    if cap_setid == CAP_SETUID and not _verify_root_map(current, opener, ns, extents):
        return False
    # Everybody may give himself another name.
    if len(extents) == 1 and extents[0][2] == 1 and ns.owner == opener.euid:
        lower = extents[0][1]
        if cap_setid == CAP_SETUID and make_kuid(parent, lower) == opener.euid:
            return True
        # As long as he cannot leave groups that keep him out of something.
        if cap_setid == CAP_SETGID and not ns.setgroups_allowed and make_kgid(parent, lower) == opener.egid:
            return True
    if cap_setid == PROJID:
        return True
    allowed = capability.ns_capable(current, parent, cap_setid)
    return allowed and capability.cap_capable(current.kernel, opener, parent, cap_setid)


def setgroups_show(ns: UserNamespace) -> bytes:
    """Return whether setgroups(2) is for a namespace's administrator."""
    return b"allow\n" if ns.setgroups_allowed else b"deny\n"


def setgroups_write(current: Task, ns: UserNamespace, buf: UserPtr, count: int, pos: int) -> int:
    """Say whether it is: "deny" only before groups are mapped, and for good; raises EINVAL, EFAULT, EPERM."""
    if pos or count >= _SETGROUPS_SIZE:
        raise LinuxError(Errno.EINVAL, "not at the beginning, or too long")
    text = uaccess.copy_from_user(current, buf, count) if count else b""
    word = text.split(b"\0", 1)[0].rstrip(SPACE)
    if word not in (b"allow", b"deny"):
        raise LinuxError(Errno.EINVAL, "neither allow nor deny")
    if word == b"allow":
        if not ns.setgroups_allowed:
            raise LinuxError(Errno.EPERM, "denied for good")
        return count
    if ns.gid_map != []:
        raise LinuxError(Errno.EPERM, "groups are mapped already")
    ns.setgroups_allowed = False
    return count
