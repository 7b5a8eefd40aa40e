"""More of /proc/sys/kernel: helpers, hung tasks, what the kernel says and is asked by keys (kernel/sysctl.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from procession.include.linux.cred import CAP_SETPCAP, CAP_SYS_MODULE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import UINT_MAX
from procession.kernel import capability, hung_task
from procession.kernel.sysctl import CtlTable, int_table, proc_dointvec, ulong_table
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr
    from procession.kernel.sysctl import GetInt, PutInt

__all__ = ("kern_table",)

MAX_PRINTK_DELAY: Final = 10000  # ten_thousand


def _bset(get: GetInt, put: PutInt) -> CtlTable:
    """Capabilities that helpers may have: two ints, the low one first; bits can only be taken away (proc_cap_handler).

    Raises EPERM without CAP_SETPCAP and CAP_SYS_MODULE.
    """

    def show(current: Task) -> bytes:
        value = get(current.kernel)
        return b"%d\t%d\n" % (value & UINT_MAX, value >> 32)

    def store(current: Task, buf: UserPtr, count: int) -> int:
        if not capability.capable(current, CAP_SETPCAP) or not capability.capable(current, CAP_SYS_MODULE):
            raise LinuxError(Errno.EPERM, "needs CAP_SETPCAP and CAP_SYS_MODULE")
        words: list[int] = []

        def put_word(_k: Kernel, word: int) -> None:
            words.append(word & UINT_MAX)

        done = proc_dointvec(current, buf, count, (put_word, put_word))
        if len(words) == 1 and uaccess.copy_from_user(current, buf, 1, count - 1) in (b" ", b"\t", b"\n"):
            raise LinuxError(Errno.EINVAL, "a blank, and no second number")
        # What is not written keeps its value.
        low, high = (*words, UINT_MAX, UINT_MAX)[:2]
        put(current.kernel, get(current.kernel) & (low | high << 32))
        return done

    return CtlTable(0o600, show, store)


def _put_sysrq(k: Kernel, value: int) -> None:
    k.sysrq_enabled = value


def _put_hung_task_panic(k: Kernel, value: int) -> None:
    k.hung_task.panic = value


def _put_hung_task_check_count(k: Kernel, value: int) -> None:
    k.hung_task.check_count = value


def _put_hung_task_timeout_secs(k: Kernel, value: int) -> None:
    k.hung_task.timeout_secs = value
    hung_task.proc_hung_task_timeout(k)


def _put_hung_task_warnings(k: Kernel, value: int) -> None:
    k.hung_task.warnings = value


def _put_printk_delay(k: Kernel, value: int) -> None:
    k.log.printk_delay_msec = value


def _put_core_pipe_limit(k: Kernel, value: int) -> None:
    k.vfs.core_pipe_limit = value


def _put_umh_bset(k: Kernel, value: int) -> None:
    k.kthreads.usermodehelper_bset = value


def _put_umh_inheritable(k: Kernel, value: int) -> None:
    k.kthreads.usermodehelper_inheritable = value


def kern_table() -> dict[str, Any]:
    """Return what this file has of /proc/sys/kernel."""
    return {
        "sysrq": int_table(lambda k: k.sysrq_enabled, _put_sysrq),
        "core_pipe_limit": int_table(lambda k: k.vfs.core_pipe_limit, _put_core_pipe_limit),
        "hung_task_panic": int_table(lambda k: k.hung_task.panic, _put_hung_task_panic, 0, 1),
        "hung_task_check_count": ulong_table(lambda k: k.hung_task.check_count, _put_hung_task_check_count),
        "hung_task_timeout_secs": ulong_table(lambda k: k.hung_task.timeout_secs, _put_hung_task_timeout_secs),
        "hung_task_warnings": ulong_table(lambda k: k.hung_task.warnings, _put_hung_task_warnings),
        "printk_delay": int_table(lambda k: k.log.printk_delay_msec, _put_printk_delay, 0, MAX_PRINTK_DELAY),
        "usermodehelper": {
            "bset": _bset(lambda k: k.kthreads.usermodehelper_bset, _put_umh_bset),
            "inheritable": _bset(lambda k: k.kthreads.usermodehelper_inheritable, _put_umh_inheritable),
        },
    }
