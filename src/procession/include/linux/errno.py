"""Error numbers of x86-64 Linux 3.2, and the exception that carries them (include/linux/errno.h)."""

from enum import IntEnum
from typing import Final

# A result from -MAX_ERRNO to -1 is an error (linux/err.h).
MAX_ERRNO: Final = 4095


class Errno(IntEnum):
    """An error number; those from 512 on never reach user space (spec 10.11)."""

    EPERM = 1
    ENOENT = 2
    ESRCH = 3
    EINTR = 4
    EIO = 5
    ENXIO = 6
    E2BIG = 7
    ENOEXEC = 8
    EBADF = 9
    ECHILD = 10
    EAGAIN = 11
    ENOMEM = 12
    EACCES = 13
    EFAULT = 14
    ENOTBLK = 15
    EBUSY = 16
    EEXIST = 17
    EXDEV = 18
    ENODEV = 19
    ENOTDIR = 20
    EISDIR = 21
    EINVAL = 22
    ENFILE = 23
    EMFILE = 24
    ENOTTY = 25
    ETXTBSY = 26
    EFBIG = 27
    ENOSPC = 28
    ESPIPE = 29
    EROFS = 30
    EMLINK = 31
    EPIPE = 32
    EDOM = 33
    ERANGE = 34
    EDEADLK = 35
    ENAMETOOLONG = 36
    ENOLCK = 37
    ENOSYS = 38
    ENOTEMPTY = 39
    ELOOP = 40
    ENOMSG = 42
    EIDRM = 43
    ENODATA = 61
    ETIME = 62
    EPROTO = 71
    EOVERFLOW = 75
    ELIBBAD = 80
    EUSERS = 87
    ENOTSOCK = 88
    EDESTADDRREQ = 89
    EMSGSIZE = 90
    EPROTOTYPE = 91
    ENOPROTOOPT = 92
    EPROTONOSUPPORT = 93
    ESOCKTNOSUPPORT = 94
    EOPNOTSUPP = 95
    EAFNOSUPPORT = 97
    EADDRINUSE = 98
    EADDRNOTAVAIL = 99
    ENETUNREACH = 101
    ECONNABORTED = 103
    ECONNRESET = 104
    ENOBUFS = 105
    EISCONN = 106
    ENOTCONN = 107
    ETOOMANYREFS = 109
    ETIMEDOUT = 110
    ECONNREFUSED = 111
    EALREADY = 114
    EINPROGRESS = 115
    ESTALE = 116
    EDQUOT = 122
    ECANCELED = 125
    ENOKEY = 126
    EKEYEXPIRED = 127
    EKEYREVOKED = 128
    EKEYREJECTED = 129

    # Never seen by user space.
    ERESTARTSYS = 512
    ERESTARTNOINTR = 513
    ERESTARTNOHAND = 514
    ENOIOCTLCMD = 515
    ERESTART_RESTARTBLOCK = 516


class LinuxError(Exception):
    """A failed kernel operation: `errno` for the program, `why` for humans.

    Never an OSError: that one is a failure of the host.
    """

    def __init__(self, errno: Errno, why: str = "") -> None:
        if not isinstance(errno, Errno):
            raise TypeError(f"LinuxError: an Errno expected, not {errno!r:.80}")
        super().__init__(errno, why)
        self.errno = errno
        self.why = why

    def __str__(self) -> str:
        text = self.errno.name if self.errno >= Errno.ERESTARTSYS else f"{self.errno.name} ({_strerror(self.errno)})"
        return f"{text}: {self.why}" if self.why else text


def _strerror(nr: int) -> str:
    return STRERROR.get(nr, f"Unknown error {nr}")


STRERROR: Final = {
    1: "Operation not permitted",
    2: "No such file or directory",
    3: "No such process",
    4: "Interrupted system call",
    5: "Input/output error",
    6: "No such device or address",
    7: "Argument list too long",
    8: "Exec format error",
    9: "Bad file descriptor",
    10: "No child processes",
    11: "Resource temporarily unavailable",
    12: "Cannot allocate memory",
    13: "Permission denied",
    14: "Bad address",
    15: "Block device required",
    16: "Device or resource busy",
    17: "File exists",
    18: "Invalid cross-device link",
    19: "No such device",
    20: "Not a directory",
    21: "Is a directory",
    22: "Invalid argument",
    23: "Too many open files in system",
    24: "Too many open files",
    25: "Inappropriate ioctl for device",
    26: "Text file busy",
    27: "File too large",
    28: "No space left on device",
    29: "Illegal seek",
    30: "Read-only file system",
    31: "Too many links",
    32: "Broken pipe",
    33: "Numerical argument out of domain",
    34: "Numerical result out of range",
    35: "Resource deadlock avoided",
    36: "File name too long",
    37: "No locks available",
    38: "Function not implemented",
    39: "Directory not empty",
    40: "Too many levels of symbolic links",
    42: "No message of desired type",
    43: "Identifier removed",
    61: "No data available",
    62: "Timer expired",
    75: "Value too large for defined data type",
    80: "Accessing a corrupted shared library",
    87: "Too many users",
    88: "Socket operation on non-socket",
    95: "Operation not supported",
    97: "Address family not supported by protocol",
    98: "Address already in use",
    105: "No buffer space available",
    106: "Transport endpoint is already connected",
    107: "Transport endpoint is not connected",
    110: "Connection timed out",
    111: "Connection refused",
    89: "Destination address required",
    90: "Message too long",
    91: "Protocol wrong type for socket",
    92: "Protocol not available",
    93: "Protocol not supported",
    94: "Socket type not supported",
    104: "Connection reset by peer",
    109: "Too many references: cannot splice",
    116: "Stale file handle",
    122: "Disk quota exceeded",
    125: "Operation canceled",
    126: "Required key not available",
    127: "Key has expired",
    128: "Key has been revoked",
    129: "Key was rejected by service",
}  # the wording of glibc's strerror(3), fixed here because the host's may differ
