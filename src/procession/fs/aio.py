"""Asynchronous input and output (fs/aio.c; spec files 9).

All that 3.2 has files for here is done while it is submitted: a request waits, if it has to, within io_submit(2). Its
event lies in the context's ring: see fs/aio_ring.py.

Differs: no BUG if a program moves the ring's head while requests are under way.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import aio_ring, eventfd, file_table, read_write
from procession.fs import file as fs_file
from procession.include.linux.aio import Kiocb, Kioctx
from procession.include.linux.aio_abi import (
    IO_EVENT,
    IOCB_CMD_PREAD,
    IOCB_CMD_PREADV,
    IOCB_CMD_PWRITE,
    IOCB_CMD_PWRITEV,
    IOCB_FLAG_RESFD,
    IOCB_KEY_OFFSET,
    SIZEOF_IO_EVENT,
    SIZEOF_IOCB,
    AioContext,
    AioContextPtr,
    Iocb,
    IocbPtr,
    IocbsPtr,
    IoEventPtr,
    IoEventsPtr,
)
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import FMODE_READ, FMODE_WRITE, S_IFIFO, S_IFMT, S_IFSOCK
from procession.include.linux.jiffies import timespec_to_jiffies
from procession.include.linux.limits import UIO_MAXIOV, ULONG_MAX
from procession.include.linux.sched import TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE
from procession.include.linux.spinlock import SpinLock
from procession.include.linux.syscalls import syscall
from procession.include.linux.time import TICK_PERIOD_NS, TimespecIn
from procession.include.linux.types import Long, UInt, UserPtr
from procession.kernel import rcupdate, wait
from procession.mm import slab, uaccess

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.sched import Task

__all__ = (
    "ctx_rcu_free",
    "do_io_submit",
    "exit_aio",
    "sys_io_cancel",
    "sys_io_destroy",
    "sys_io_getevents",
    "sys_io_setup",
    "sys_io_submit",
)

KIOCB_BATCH_SIZE: Final = 32
SIZEOF_KIOCB: Final = 248
SIZEOF_KIOCTX: Final = 576
_MOST_EVENTS: Final = 0x10000000 // SIZEOF_KIOCB

_RESTARTS: Final = frozenset(
    {Errno.ERESTARTSYS, Errno.ERESTARTNOINTR, Errno.ERESTARTNOHAND, Errno.ERESTART_RESTARTBLOCK}
)


# Contexts.


async def ioctx_alloc(current: Task, nr_events: int) -> Kioctx:
    """Make a context for nr_events requests; raises EINVAL, EAGAIN beyond aio-max-nr, ENOMEM."""
    k = current.kernel
    mm = current.mm
    if nr_events > _MOST_EVENTS:
        raise LinuxError(Errno.EINVAL, "io_setup: too many events")
    if nr_events > k.vfs.aio_max_nr:
        raise LinuxError(Errno.EAGAIN, "io_setup: beyond aio-max-nr")
    assert mm is not None
    if "kioctx" not in k.caches:
        slab.kmem_cache_create(k, "kiocb", SIZEOF_KIOCB)
        slab.kmem_cache_create(k, "kioctx", SIZEOF_KIOCTX)
    k.caches["kioctx"].alloc()
    wait_head = k.wait_queue_head("ioctx->wait")
    ctx = Kioctx(mm, wait_head, SpinLock(k.lock_class("ctx->ctx_lock")), nr_events)
    try:
        aio_ring.aio_setup_ring(current, ctx)
        await _count_requests(current, ctx)
    except LinuxError as error:
        aio_ring.aio_free_ring(k, ctx)
        k.caches["kioctx"].free()
        if error.errno == Errno.EAGAIN:
            raise
        raise LinuxError(Errno.ENOMEM, "no memory for a ring") from error
    if mm.ioctx_list is None:
        mm.ioctx_list = []
    mm.ioctx_list.insert(0, ctx)
    return ctx


async def _count_requests(current: Task, ctx: Kioctx) -> None:
    """Count what a context was made for; contexts that are just going are waited for. Raises EAGAIN."""
    vfs = current.kernel.vfs
    if vfs.aio_nr + ctx.max_reqs > vfs.aio_max_nr:
        current.held.append(ctx)
        await rcupdate.synchronize_rcu(current)
        current.held.pop()
        if vfs.aio_nr + ctx.max_reqs > vfs.aio_max_nr:
            raise LinuxError(Errno.EAGAIN, "io_setup: beyond aio-max-nr with those there are")
    vfs.aio_nr += ctx.max_reqs


def lookup_ioctx(current: Task, ctx_id: int) -> Kioctx:
    """Return current's context of that number, with a reference; raises EINVAL."""
    mm = current.mm
    if mm is not None and mm.ioctx_list is not None:
        for ctx in mm.ioctx_list:
            if ctx.user_id == ctx_id and not ctx.dead:
                ctx.users += 1
                return ctx
    raise LinuxError(Errno.EINVAL, f"no context {ctx_id:#x}")


def put_ioctx(k: Kernel, ctx: Kioctx) -> None:
    """Drop a reference; the last one frees the ring (__put_ioctx)."""
    ctx.users -= 1
    if ctx.users:
        return
    aio_ring.aio_free_ring(k, ctx)
    rcupdate.call_rcu(k, ctx_rcu_free, (k, ctx))


def ctx_rcu_free(arg: tuple[Kernel, Kioctx]) -> None:
    """Nobody looks at the context any more: its requests may be others'."""
    k, ctx = arg
    k.vfs.aio_nr -= ctx.max_reqs
    k.caches["kioctx"].free()


def aio_cancel_all(ctx: Kioctx) -> None:
    """Let no more requests in; those under way will leave no event."""
    with ctx.ctx_lock.irq():
        ctx.dead = True
        for req in ctx.active_reqs:
            req.ki_cancelled = True
        ctx.active_reqs.clear()


async def io_destroy(current: Task, ctx: Kioctx) -> None:
    """Take a context away, of which the caller has a reference, once no request is under way."""
    assert ctx.mm.ioctx_list is not None
    was_dead = ctx.dead
    ctx.dead = True
    if not was_dead:
        ctx.mm.ioctx_list.remove(ctx)
        put_ioctx(current.kernel, ctx)
    aio_cancel_all(ctx)
    if ctx.reqs_active:
        current.held.append(ctx)
        with wait.Waiter(current, ctx.wait, TASK_UNINTERRUPTIBLE, "wait_for_all_aios", func=None) as waiter:
            while ctx.reqs_active:
                await waiter.sleep()
        current.held.pop()
    wait.wake_up_all(ctx.wait)
    put_ioctx(current.kernel, ctx)


def exit_aio(k: Kernel, mm: MmStruct) -> None:
    """Take all contexts of an address space away whose last user is gone, and with him all requests."""
    contexts, mm.ioctx_list = mm.ioctx_list or [], None
    for ctx in contexts:
        aio_cancel_all(ctx)
        ctx.mmap_size = 0  # exit_mmap() is to come
        put_ioctx(k, ctx)


# Requests.


class KiocbBatch:
    """Requests that are made for one call, some at a time (struct kiocb_batch). count: how many are to be made yet."""

    __slots__ = ("count", "head")

    def __init__(self, count: int) -> None:
        self.count = count
        self.head: list[Kiocb] = []


def kiocb_batch_refill(k: Kernel, ctx: Kioctx, batch: KiocbBatch) -> None:
    """Make some requests, as many as there can be events for."""
    cache = k.caches["kiocb"]
    room = aio_ring.aio_ring_avail(k, ctx) - ctx.reqs_active
    for _ in range(min(batch.count, KIOCB_BATCH_SIZE, max(room, 0))):
        try:
            cache.alloc()
        except LinuxError:
            break  # those that there are will do
        batch.head.append(Kiocb())
    batch.count -= len(batch.head)
    with ctx.ctx_lock.irq():
        for req in batch.head:
            ctx.active_reqs[req] = None
        ctx.reqs_active += len(batch.head)


def aio_get_req(k: Kernel, ctx: Kioctx, batch: KiocbBatch) -> Kiocb:
    """Return a request that counts as under way; raises EAGAIN if there is no room for its event."""
    if not batch.head:
        kiocb_batch_refill(k, ctx, batch)
    if not batch.head:
        raise LinuxError(Errno.EAGAIN, "no room in the ring")
    return batch.head.pop(0)


def aio_put_req(k: Kernel, ctx: Kioctx, req: Kiocb) -> None:
    """Be done with a request."""
    with ctx.ctx_lock.irq():
        ctx.active_reqs.pop(req, None)
        ctx.reqs_active -= 1
    k.caches["kiocb"].free()
    if not ctx.reqs_active and ctx.dead:
        wait.wake_up_all(ctx.wait)


def aio_complete(k: Kernel, ctx: Kioctx, req: Kiocb, res: int) -> None:
    """Put a request's event into the ring, unless it was cancelled, and tell who waits for it."""
    if not req.ki_cancelled:
        with ctx.ctx_lock.irq():
            obj = req.ki_obj if isinstance(req.ki_obj, int) else 0
            aio_ring.put_event(k, ctx, IO_EVENT.pack(req.ki_user_data, obj, res, 0))
        if req.ki_eventfd is not None:
            req.ki_eventfd.signal(1)
    aio_put_req(k, ctx, req)
    wait.wake_up(ctx.wait)


def aio_setup_iocb(current: Task, req: Kiocb, iocb: Iocb, compat: bool) -> None:
    """Check what a request wants; raises EBADF, EFAULT, EINVAL for an operation that there is not."""
    file = req.ki_filp
    assert file is not None
    opcode = req.ki_opcode
    if opcode not in (IOCB_CMD_PREAD, IOCB_CMD_PWRITE, IOCB_CMD_PREADV, IOCB_CMD_PWRITEV):
        raise LinuxError(Errno.EINVAL, f"aio: operation {opcode}")
    write = opcode in (IOCB_CMD_PWRITE, IOCB_CMD_PWRITEV)
    if not file.f_mode & (FMODE_WRITE if write else FMODE_READ):
        raise LinuxError(Errno.EBADF, "wrong open mode")
    if opcode in (IOCB_CMD_PREAD, IOCB_CMD_PWRITE):
        if not uaccess.access_ok(iocb.aio_buf, req.ki_left):
            raise LinuxError(Errno.EFAULT, "not the user's memory")
        req.ki_iovec = [(iocb.aio_buf, req.ki_left)]
    else:
        req.ki_iovec = _iovecs(current, iocb, compat)
        req.ki_nbytes = req.ki_left = sum([length for _, length in req.ki_iovec])
    if not file.f_op_aio or not file.has_op(write=write):
        raise LinuxError(Errno.EINVAL, "aio: this kind of file has no such operation")


def _iovecs(current: Task, iocb: Iocb, compat: bool) -> list[tuple[int, int]]:
    if not compat:
        return read_write.rw_copy_check_uvector(current, iocb.aio_buf, iocb.aio_nbytes)
    count = min(iocb.aio_nbytes, UIO_MAXIOV + 1)
    raw = uaccess.copy_from_user(current, iocb.aio_buf, 8 * count) if count <= UIO_MAXIOV else b""
    wide = b"".join([struct.pack("<QQ", *pair) for pair in struct.iter_unpack("<II", raw)])
    return read_write.rw_copy_check_uvector(current, uaccess.KernelBuffer(wide), count)


async def aio_rw_vect_retry(current: Task, req: Kiocb) -> int:
    """Read or write; returns bytes, raises what the file does, and ESPIPE at a position of a socket."""
    file = req.ki_filp
    assert file is not None
    write = req.ki_opcode in (IOCB_CMD_PWRITE, IOCB_CMD_PWRITEV)
    if req.ki_pos < 0:
        raise LinuxError(Errno.EINVAL, "negative offset")
    kind = file.inode.i_mode & S_IFMT
    if kind == S_IFSOCK and req.ki_pos:
        raise LinuxError(Errno.ESPIPE, "a socket has no positions")
    # A partial write goes on, and a partial read of what has no end of its own.
    again = write or kind not in (S_IFIFO, S_IFSOCK)
    pieces = req.ki_iovec
    while True:
        count = sum([length for _, length in pieces])
        buf = pieces[0][0] if len(pieces) == 1 else uaccess.IovBuffer(current, pieces, count)
        try:
            if write:
                ret = await file.write(current, buf, count, req.ki_pos)
            else:
                ret = await file.read(current, buf, count, req.ki_pos)
        except LinuxError:
            if not write or req.ki_left == req.ki_nbytes:
                raise
            return req.ki_nbytes - req.ki_left
        req.ki_pos += ret
        if kind in (S_IFIFO, S_IFSOCK):
            # The vector itself has been used up (memcpy_fromiovec), and now is once more: a write counts for less, or
            # for nothing.
            pieces = _advanced(pieces, ret)
        req.ki_left -= min(ret, sum([length for _, length in pieces]))
        if not ret or not req.ki_left:
            return req.ki_nbytes - req.ki_left
        if not again:
            return ret
        pieces = _advanced(pieces, ret)


def _advanced(pieces: list[tuple[int, int]], done: int) -> list[tuple[int, int]]:
    """Return what is left of pieces behind their first done bytes (aio_advance_iovec)."""
    left = []
    for base, length in pieces:
        part = min(done, length)
        done -= part
        if part < length:
            left.append((base + part, length - part))
    return left


async def aio_run_iocb(current: Task, ctx: Kioctx, req: Kiocb) -> None:
    """Do what a request asks for; whatever comes of it is its event."""
    if req.ki_cancelled:
        aio_complete(current.kernel, ctx, req, -Errno.EINTR)
        return
    try:
        res = await aio_rw_vect_retry(current, req)
    except LinuxError as error:
        # Other requests may be under way, so the call is not made again.
        res = -int(Errno.EINTR if error.errno in _RESTARTS else error.errno)
    aio_complete(current.kernel, ctx, req, res)


async def io_submit_one(
    current: Task, ctx: Kioctx, user_iocb: UserPtr, iocb: Iocb, batch: KiocbBatch, compat: bool
) -> None:
    """Take a request and do it; raises EINVAL, EBADF, EAGAIN, EFAULT if it is none."""
    k = current.kernel
    if iocb.aio_reserved1 or iocb.aio_reserved2:
        raise LinuxError(Errno.EINVAL, "aio: reserved fields")
    if iocb.aio_nbytes >> 63:
        raise LinuxError(Errno.EINVAL, "aio: negative size")
    file = fs_file.fget(current, _descriptor(iocb.aio_fildes))
    current.held.append(file)
    try:
        req = aio_get_req(k, ctx, batch)
        try:
            req.ki_filp = file
            if iocb.aio_flags & IOCB_FLAG_RESFD:
                req.ki_eventfd = eventfd.eventfd_ctx_fdget(current, _descriptor(iocb.aio_resfd))
            uaccess.put_user(current, user_iocb, 0, 4, IOCB_KEY_OFFSET)
            req.ki_obj, req.ki_user_data, req.ki_pos = user_iocb, iocb.aio_data, iocb.aio_offset
            req.ki_nbytes = req.ki_left = iocb.aio_nbytes
            req.ki_opcode = iocb.aio_lio_opcode
            aio_setup_iocb(current, req, iocb, compat)
            _check_alive(ctx)
        except LinuxError:
            aio_put_req(k, ctx, req)
            raise
        await aio_run_iocb(current, ctx, req)
    finally:
        current.held.pop()
        file_table.fput(current, file)


def _descriptor(fd: int) -> int:
    return fd - (fd >> 31 << 32)


def _check_alive(ctx: Kioctx) -> None:
    if ctx.dead:
        raise LinuxError(Errno.EINVAL, "the context goes away")


async def do_io_submit(current: Task, ctx_id: int, nr: int, iocbpp: UserPtr, *, compat: bool) -> int:
    """Do nr requests, to which iocbpp has pointers; returns how many until one was wrong.

    Raises what was wrong with the first.
    """
    if nr < 0:
        raise LinuxError(Errno.EINVAL, "io_submit: negative count")
    if not uaccess.user_pointer_ok(current, iocbpp, 8 * nr):
        raise LinuxError(Errno.EFAULT, "io_submit: bad address")
    k = current.kernel
    ctx = lookup_ioctx(current, ctx_id)
    current.held.append(ctx)
    batch = KiocbBatch(nr)
    done = 0
    try:
        while done < nr:
            user_iocb = uaccess.get_user(current, iocbpp, 8, offset=8 * done)
            iocb = Iocb(uaccess.copy_from_user(current, user_iocb, SIZEOF_IOCB))
            await io_submit_one(current, ctx, user_iocb, iocb, batch, compat)
            done += 1
    except LinuxError:
        if not done:
            raise
    finally:
        for req in batch.head:
            aio_put_req(k, ctx, req)
        current.held.pop()
        put_ioctx(k, ctx)
    return done


# Events.


async def read_events(current: Task, ctx: Kioctx, min_nr: int, nr: int, events: UserPtr, timeout: UserPtr) -> int:
    """Copy up to nr events, waiting for min_nr of them; returns how many, fewer after timeout.

    Raises EFAULT, EINTR, EINVAL if the context went away, if there are none. An event that could not be copied is lost.
    """
    k = current.kernel
    done = 0
    try:
        event = aio_ring.aio_read_evt(k, ctx) if nr else None
        while event is not None:
            uaccess.copy_to_user(current, events, event, done * SIZEOF_IO_EVENT)
            done += 1
            event = aio_ring.aio_read_evt(k, ctx) if done < nr else None
    except LinuxError:
        if min_nr > done:
            raise
    if min_nr <= done:
        return done
    try:
        expires_ns = _expires(current, timeout)
        while done < nr:
            event = await _wait_for_event(current, ctx, expires_ns, wanted=done < min_nr)
            if event is None:
                break
            uaccess.copy_to_user(current, events, event, done * SIZEOF_IO_EVENT)
            done += 1
    except LinuxError:
        if not done:
            raise
    return done


def _expires(current: Task, timeout: UserPtr) -> int | None:
    """Return when waiting ends, 0 for at once, None for never: at a tick, and nothing is too long; raises EFAULT."""
    if isinstance(timeout, int) and not timeout:
        return None
    sec, nsec = struct.unpack("<qq", uaccess.copy_from_user(current, timeout, 16))
    ticks = timespec_to_jiffies(sec & ULONG_MAX, nsec)
    return (current.kernel.clock.now_ns // TICK_PERIOD_NS + ticks) * TICK_PERIOD_NS if ticks else 0


async def _wait_for_event(current: Task, ctx: Kioctx, expires_ns: int | None, *, wanted: bool) -> bytes | None:
    """Return the next event; None if none is wanted any more, or the time is over. Raises EINTR, EINVAL."""
    k = current.kernel
    timed_out = expires_ns == 0
    with wait.Waiter(
        current, ctx.wait, TASK_INTERRUPTIBLE, "read_events", exclusive=True, func=None, errno=Errno.EINTR
    ) as waiter:
        while True:
            event = aio_ring.aio_read_evt(k, ctx)
            if event is not None or not wanted:
                return event
            if ctx.dead:
                raise LinuxError(Errno.EINVAL, "the context went away")
            if timed_out:
                return None
            timed_out = await waiter.sleep_until(expires_ns)


# System calls.


@syscall
async def sys_io_setup(current: Task, nr_events: UInt, ctxp: AioContextPtr) -> int:
    """Make a context for that many requests (io_setup(2)); raises EFAULT, EINVAL, EAGAIN, ENOMEM."""
    if uaccess.get_user(current, ctxp, 8) or not nr_events:
        raise LinuxError(Errno.EINVAL, "io_setup: no events, or a context there already")
    ctx = await ioctx_alloc(current, nr_events)
    try:
        uaccess.put_user(current, ctxp, ctx.user_id, 8)
    except LinuxError:
        ctx.users += 1
        await io_destroy(current, ctx)
        raise
    return 0


@syscall
async def sys_io_destroy(current: Task, ctx: AioContext) -> int:
    """Take a context away, waiting for its requests (io_destroy(2)); raises EINVAL."""
    await io_destroy(current, lookup_ioctx(current, ctx))
    return 0


@syscall
async def sys_io_submit(current: Task, ctx_id: AioContext, nr: Long, iocbpp: IocbsPtr) -> int:
    """Do requests; what comes of them are events (io_submit(2)); returns how many.

    Raises EINVAL, EFAULT, EBADF, EAGAIN if the first of them cannot be begun.
    """
    return await do_io_submit(current, ctx_id, nr, iocbpp, compat=False)


@syscall
def sys_io_cancel(current: Task, ctx_id: AioContext, iocb: IocbPtr, result: IoEventPtr) -> int:
    """Raise EINVAL: no request that there is can be cancelled (io_cancel(2)); EFAULT before that."""
    uaccess.get_user(current, iocb, 4, offset=IOCB_KEY_OFFSET)
    ctx = lookup_ioctx(current, ctx_id)
    put_ioctx(current.kernel, ctx)
    raise LinuxError(Errno.EINVAL, "nothing to cancel")


@syscall
async def sys_io_getevents(
    current: Task, ctx_id: AioContext, min_nr: Long, nr: Long, events: IoEventsPtr, timeout: TimespecIn
) -> int:
    """Fetch events (io_getevents(2)); returns how many, fewer than min_nr after timeout.

    Raises EINVAL, EFAULT, EINTR; never restarted.
    """
    ctx = lookup_ioctx(current, ctx_id)
    current.held.append(ctx)
    try:
        if not 0 <= min_nr <= nr:
            raise LinuxError(Errno.EINVAL, "io_getevents: more wanted than there is room for")
        return await read_events(current, ctx, min_nr, nr, events, timeout)
    finally:
        current.held.pop()
        put_ioctx(current.kernel, ctx)
