"""Procession: Linux 3.2's process management, in Python."""

from procession.boot import Kernel, Result
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.signal import Sig

__all__ = ("Errno", "Kernel", "LinuxError", "Result", "Sig")
