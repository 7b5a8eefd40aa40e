"""Control messages of sockets: open files and credentials (net/core/scm.c; spec namespaces 9)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import file as fs_file
from procession.fs import file_table
from procession.include.linux.cred import CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_CLOEXEC
from procession.include.linux.net import Scm
from procession.include.linux.socket import MSG_CMSG_CLOEXEC, MSG_CTRUNC, SOL_SOCKET
from procession.include.linux.uidgid import INVALID_ID, make_kgid, make_kuid
from procession.kernel import capability, cred, pid, user, user_namespace
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.fs import File
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.pid import Pid
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = (
    "MsgControl",
    "cred_to_ucred",
    "put_cmsg",
    "scm_destroy",
    "scm_destroy_cred",
    "scm_recv",
    "scm_send",
    "scm_set_cred",
)

SCM_RIGHTS: Final = 1
SCM_CREDENTIALS: Final = 2
SCM_MAX_FD: Final = 253
CMSG_HEAD: Final = 16
_CMSG: Final = struct.Struct("<Qii")
_UCRED: Final = struct.Struct("<III")
_NOBODY: Final = 0xFFFFFFFF


def cred_to_ucred(current: Task, sender: Pid | None, of: Cred | None) -> bytes:
    """Return a struct ucred with a process and its identity as current's namespaces show them (net/core/sock.c)."""
    uid = gid = _NOBODY
    if of is not None:
        ns = current.cred.user_ns
        uid = user.user_ns_map_uid(current.kernel, ns, of, of.euid)
        gid = user.user_ns_map_gid(current.kernel, ns, of, of.egid)
    return _UCRED.pack(pid.pid_vnr(current, sender), uid, gid)


def scm_set_cred(scm: Scm, sender: Pid | None, of: Cred | None) -> None:
    """Say in whose name a message is, with a reference to each."""
    scm.pid = None if sender is None else pid.get_pid(sender)
    scm.cred = of
    if of is not None:
        of.usage += 1


def scm_destroy_cred(k: Kernel, scm: Scm) -> None:
    """Give up in whose name the message was."""
    pid.put_pid(k, scm.pid)
    scm.pid = None
    if scm.cred is not None:
        cred.put_cred(k, scm.cred)
        scm.cred = None


def scm_destroy(k: Kernel, current: Task | None, scm: Scm) -> None:
    """Close files that nobody takes, and give up the credentials."""
    scm_destroy_cred(k, scm)
    for file in scm.fp:
        file_table.fput(current, file)
    scm.fp = ()


# Sending.


def scm_send(current: Task, control: bytes) -> Scm:
    """Return what the control messages carry: files, with references, and credentials.

    Raises EINVAL, EBADF, EPERM for somebody else's credentials, ESRCH, ENOMEM.
    """
    files: list[File] = []
    scm = Scm(files)
    try:
        _control_messages(current, control, files, scm)
    except LinuxError:
        scm_destroy(current.kernel, current, scm)
        raise
    return scm


def _control_messages(current: Task, control: bytes, files: list[File], scm: Scm) -> None:
    at = 0
    while at + CMSG_HEAD <= len(control):
        length, level, kind = _CMSG.unpack_from(control, at)
        if length < CMSG_HEAD or at + length > len(control):
            raise LinuxError(Errno.EINVAL, "control message")
        if level == SOL_SOCKET:
            _control_message(current, kind, control[at + CMSG_HEAD : at + length], files, scm)
        at += length + 7 & ~7


def _control_message(current: Task, kind: int, body: bytes, files: list[File], scm: Scm) -> None:
    if kind == SCM_RIGHTS:
        for (fd,) in struct.iter_unpack("<i", body[: len(body) & ~3]):
            if len(files) == SCM_MAX_FD:
                raise LinuxError(Errno.EINVAL, "too many files")
            files.append(file_table.get_file(fs_file.fget_raw(current, fd)))
    elif kind == SCM_CREDENTIALS:
        _claim_creds(current, body, scm)
    else:
        raise LinuxError(Errno.EINVAL, "control message")


def _claim_creds(current: Task, body: bytes, scm: Scm) -> None:
    """Send in the name that a struct ucred gives; raises EINVAL, EPERM, ESRCH, ENOMEM."""
    if len(body) != _UCRED.size:
        raise LinuxError(Errno.EINVAL, "struct ucred")
    nr, uid, gid = scm_check_creds(current, body)
    if scm.pid is None or pid.pid_vnr(current, scm.pid) != nr:
        claimed = pid.find_get_pid(current, nr)
        if claimed is None:
            raise LinuxError(Errno.ESRCH, f"no process {nr}")
        pid.put_pid(current.kernel, scm.pid)
        scm.pid = claimed
    if scm.cred is None or (scm.cred.euid, scm.cred.egid) != (uid, gid):
        new = cred.prepare_creds(current)
        new.uid = new.euid = uid
        new.gid = new.egid = gid
        if scm.cred is not None:
            cred.put_cred(current.kernel, scm.cred)
        scm.cred = new


def scm_check_creds(current: Task, body: bytes) -> tuple[int, int, int]:
    """Return a pid and the kernel's ids of a user and a group.

    Raises EINVAL if there is no such user or group here, EPERM for others than the sender's unless it may claim them.
    """
    k, own = current.kernel, current.cred
    nr, uid, gid = _UCRED.unpack(body)
    uid, gid = make_kuid(own.user_ns, uid), make_kgid(own.user_ns, gid)
    if INVALID_ID in (uid, gid) and user_namespace.are_later(k):
        raise LinuxError(Errno.EINVAL, "no such user or group here")
    ns = user_namespace.admin_ns(k, own)
    if not (
        (
            nr == pid.task_tgid_vnr(current, current)
            or capability.ns_capable(current, pid.task_active_pid_ns(current).user_ns, CAP_SYS_ADMIN)
        )
        and (uid in (own.uid, own.euid, own.suid) or capability.ns_capable(current, ns, CAP_SETUID))
        and (gid in (own.gid, own.egid, own.sgid) or capability.ns_capable(current, ns, CAP_SETGID))
    ):
        raise LinuxError(Errno.EPERM, "somebody else's credentials")
    return nr, uid, gid


# Receiving.


class MsgControl:
    """The room for control messages that a struct msghdr gives, and what is to be reported of it.

    head, align: how long a struct cmsghdr is, and what lengths are rounded up to.
    pointer: where the next one goes.  used: bytes up to there.  room: bytes left, below 0 after one whose padding had
    none.  flags: MSG_ bits for msg_flags.
    """

    __slots__ = ("align", "flags", "head", "pointer", "room", "used")

    def __init__(self, pointer: UserPtr, room: int) -> None:
        self.head = CMSG_HEAD
        self.align = 8
        self.pointer = pointer
        self.used = 0
        self.room = room
        self.flags = 0

    def header(self, length: int, kind: int, level: int = SOL_SOCKET) -> bytes:
        """Return a struct cmsghdr."""
        return _CMSG.pack(length, level, kind)

    def space(self, length: int) -> int:
        """Return what a message of length bytes takes, padding included."""
        return length + self.align - 1 & -self.align

    def advance(self, space: int) -> None:
        """A message of space bytes, padding included, was stored."""
        self.used += space
        self.room -= space


def put_cmsg(current: Task, msg: MsgControl, kind: int, data: bytes, level: int = SOL_SOCKET) -> None:
    """Store a control message, cut to the room there is; a bad address is like no message at all."""
    if not msg.pointer or msg.room < msg.head:
        msg.flags |= MSG_CTRUNC
        return
    length = msg.head + len(data)
    if msg.room < length:
        msg.flags |= MSG_CTRUNC
        length = msg.room
    try:
        uaccess.copy_to_user(current, msg.pointer, msg.header(length, kind, level), msg.used)
        uaccess.copy_to_user(current, msg.pointer, data[: length - msg.head], msg.used + msg.head)
    except LinuxError:
        return  # 3.2 looks at no answer here either
    msg.advance(min(msg.space(msg.head + len(data)), msg.room))


def scm_recv(current: Task, scm: Scm, msg: MsgControl, flags: int, *, passcred: bool) -> None:
    """Store what came along as control messages. What has no room is cut, and files closed."""
    k = current.kernel
    if not msg.pointer:
        if passcred or scm.fp:
            msg.flags |= MSG_CTRUNC
        scm_destroy(k, current, scm)
        return
    if passcred:
        put_cmsg(current, msg, SCM_CREDENTIALS, scm.creds)
    if scm.fp:
        scm_detach_fds(current, msg, scm, flags)
    scm_destroy(k, current, scm)


def scm_detach_fds(current: Task, msg: MsgControl, scm: Scm, flags: int) -> None:
    """Give received files descriptors, as many as there are free ones and room for their numbers."""
    fit = min(len(scm.fp), max(msg.room - msg.head, 0) // 4)
    done = 0
    for file in scm.fp[:fit]:
        try:
            fd = fs_file.alloc_fd(current, 0, O_CLOEXEC if flags & MSG_CMSG_CLOEXEC else 0)
        except LinuxError:
            break
        try:
            uaccess.put_user(current, msg.pointer, fd, 4, msg.used + msg.head + 4 * done)
        except LinuxError:
            fs_file.put_unused_fd(current, fd)
            break
        fs_file.fd_install(current, fd, file_table.get_file(file))
        done += 1
    if done < len(scm.fp):
        msg.flags |= MSG_CTRUNC
    if not done:
        return
    length = msg.head + 4 * done
    try:
        uaccess.copy_to_user(current, msg.pointer, msg.header(length, SCM_RIGHTS), msg.used)
    except LinuxError:
        return  # the descriptors stay, as in 3.2
    msg.advance(msg.space(length))
