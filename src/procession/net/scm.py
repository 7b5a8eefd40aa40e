"""Control messages of sockets: open files and credentials (net/core/scm.c; spec namespaces 9)."""

from __future__ import annotations

from collections.abc import Sequence
import struct
from typing import TYPE_CHECKING, Final

from procession.fs import file as fs_file
from procession.fs import file_table
from procession.include.linux.cred import CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_CLOEXEC
from procession.include.linux.net import Scm
from procession.include.linux.socket import MSG_CMSG_CLOEXEC, MSG_CTRUNC, SOL_SOCKET
from procession.kernel import capability, pid
from procession.mm import uaccess
from procession.net.unix import af_unix

if TYPE_CHECKING:
    from procession.include.linux.fs import File
    from procession.include.linux.sched import Task

__all__ = ("scm_destroy", "scm_recv", "scm_send")

SCM_RIGHTS: Final = 1
SCM_CREDENTIALS: Final = 2
SCM_MAX_FD: Final = 253
CMSG_HEAD: Final = 16
UCRED: Final = 12
_CMSG: Final = struct.Struct("<Qii")


def scm_destroy(current: Task | None, scm: Scm) -> None:
    """Close files that nobody takes."""
    for file in scm.fp:
        file_table.fput(current, file)
    scm.fp = ()


def scm_send(current: Task, control: bytes) -> Scm:
    """Return what the control messages carry: files, with references, and credentials.

    Raises EINVAL, EBADF, EPERM for somebody else's credentials, ESRCH.
    """
    files: list[File] = []
    scm = Scm(files)
    try:
        _control_messages(current, control, files, scm)
    except LinuxError:
        scm_destroy(current, scm)
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
            files.append(fs_file.fget(current, fd))
    elif kind == SCM_CREDENTIALS:
        scm.creds = scm_check_creds(current, body)
    else:
        raise LinuxError(Errno.EINVAL, "control message")


def scm_check_creds(current: Task, body: bytes) -> tuple[int, int, int]:
    """Return (pid, uid, gid); raises EPERM unless they are the sender's own, or it may claim others, ESRCH."""
    if len(body) != UCRED:
        raise LinuxError(Errno.EINVAL, "struct ucred")
    nr, uid, gid = struct.unpack("<III", body)
    cred = current.cred
    if not (
        (nr == af_unix.task_cred(current)[0] or capability.capable(current, CAP_SYS_ADMIN))
        and (uid in (cred.uid, cred.euid, cred.suid) or capability.capable(current, CAP_SETUID))
        and (gid in (cred.gid, cred.egid, cred.sgid) or capability.capable(current, CAP_SETGID))
    ):
        raise LinuxError(Errno.EPERM, "somebody else's credentials")
    if pid.find_vpid(current, nr) is None:
        raise LinuxError(Errno.ESRCH, f"no process {nr}")
    return nr, uid, gid


def scm_recv(current: Task, scm: Scm, control: int, room: int, flags: int, *, passcred: bool) -> tuple[int, int]:
    """Store control messages; returns (bytes used, flags to report). What has no room is cut, and files closed."""
    used = out_flags = 0
    if passcred and scm.creds is not None:
        length = CMSG_HEAD + UCRED
        if room >= length:
            message = _CMSG.pack(length, SOL_SOCKET, SCM_CREDENTIALS) + struct.pack("<III", *scm.creds)
            uaccess.copy_to_user(current, control, message)
            used += min(length + 7 & ~7, room)
        else:
            out_flags |= MSG_CTRUNC
    if scm.fp:
        fds = scm_detach_fds(current, scm.fp[: max(0, (room - used - CMSG_HEAD) // 4)], flags)
        if len(fds) < len(scm.fp):
            out_flags |= MSG_CTRUNC
        if fds:
            length = CMSG_HEAD + 4 * len(fds)
            message = _CMSG.pack(length, SOL_SOCKET, SCM_RIGHTS) + struct.pack(f"<{len(fds)}i", *fds)
            uaccess.copy_to_user(current, control + used, message)
            used += min(length + 7 & ~7, room - used)
        scm_destroy(current, scm)
    return used, out_flags


def scm_detach_fds(current: Task, files: Sequence[File], flags: int) -> list[int]:
    """Give received files descriptors, as many as there are free ones."""
    fds = []
    for file in files:
        try:
            fd = fs_file.alloc_fd(current, 0, O_CLOEXEC if flags & MSG_CMSG_CLOEXEC else 0)
        except LinuxError:
            break
        fs_file.fd_install(current, fd, file_table.get_file(file))
        fds.append(fd)
    return fds
