"""The page cache: file contents in frames, shared by reads, writes and mappings (mm/filemap.c, truncate.c).

`inode.mapping` has the frames of a file by page index, k.mm.page_cache finds the file of a frame. The cache owns one
reference to each. A page the file system could not bring back is PG_DIRTY and stays; a clean one may be dropped when
memory runs out and nobody maps it. What is written is kept in memory only, unless the file system has writepages():
then a mapping's pages are written back when somebody asks for it, or the mapping goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import inode as fs_inode
from procession.fs.notify import fsnotify
from procession.hw.costs import PAGE_READ_NS
from procession.hw.memory import PG_DIRTY, PG_FILE
from procession.include.linux.bug import bug_on
from procession.include.linux.cred import CAP_FSETID
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_APPEND, O_LARGEFILE
from procession.include.linux.fs import MAX_LFS_FILESIZE, MAX_NON_LFS, S_IFMT, S_IFREG, S_ISGID, S_ISUID, S_IXGRP, Iattr
from procession.include.linux.mm_types import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, VM_SHARED
from procession.include.linux.resource import RLIM_INFINITY, RLIMIT_FSIZE
from procession.include.linux.signal import SIGXFSZ
from procession.kernel import capability, sched_account, signal_send
from procession.mm import memory, page_alloc, text, uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import Dentry, File, Inode
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = (
    "add_to_page_cache",
    "clear_dirty",
    "dirty_pages",
    "filemap_flush",
    "find_or_read_page",
    "generic_file_read",
    "generic_file_write",
    "invalidate_inode_pages2",
    "page_mkwrite",
    "pagecache_read",
    "pagecache_write",
    "shrink_page_cache",
    "truncate_inode_pages",
    "truncate_setsize",
    "update_cached_pages",
)

_PIECE: Final = 1 << 20  # how much of a call's data is held in the host's memory at a time
_SUID_SGID: Final = S_ISUID | S_ISGID


def find_or_read_page(k: Kernel, inode: Inode, index: int) -> int:
    """Return the frame of page index of a file, read in if it is not cached; raises EIO, ENOMEM.

    No reference is taken. The part beyond the end of the file is zero.
    """
    pfn = inode.mapping.get(index)
    if pfn is not None:
        return pfn
    data = inode.readpage(index)
    _check_blocks(inode)
    pfn = page_alloc.alloc_page(k)
    size = len(data)
    start = pfn << PAGE_SHIFT
    sched_account.account_system_time(k.current, PAGE_READ_NS)
    phys = k.frames.phys
    if size < PAGE_SIZE:
        phys[start + size : start + PAGE_SIZE] = page_alloc.ZEROES[size:]
    if size:
        phys[start : start + size] = data
    add_to_page_cache(k, inode, index, pfn)
    return pfn


def _check_blocks(inode: Inode) -> None:
    """Raise ENOSPC if the file system may have no more pages (shmem_getpage)."""
    sb = inode.i_sb
    if sb.s_max_blocks and sb.s_used_blocks >= sb.s_max_blocks:
        raise LinuxError(Errno.ENOSPC, "the file system is full")


def add_to_page_cache(k: Kernel, inode: Inode, index: int, pfn: int) -> None:
    """Make pfn page index of a file; the caller's reference becomes the cache's."""
    bug_on(index in inode.mapping, "page cached twice", index)
    inode.mapping[index] = pfn
    k.mm.page_cache[pfn] = (inode, index)
    k.frames.pflags[pfn] |= PG_FILE
    if inode.i_sb.s_max_blocks:
        inode.i_sb.s_used_blocks += 1
    if k.mm.memcg is not None:
        k.mm.memcg.cache_charge(pfn)


def delete_from_page_cache(k: Kernel, inode: Inode, index: int) -> None:
    """Take a page out of the cache; it lives on while somebody maps it."""
    pfn = inode.mapping.pop(index)
    del k.mm.page_cache[pfn]
    if inode.i_sb.s_max_blocks:
        inode.i_sb.s_used_blocks -= 1
    if k.frames.count[pfn] > 1:
        # Still mapped: from here on an anonymous page as far as its holder is concerned.
        k.frames.pflags[pfn] &= ~(PG_FILE | PG_DIRTY)
    page_alloc.put_page(k, pfn)


def shrink_page_cache(k: Kernel, nr: int) -> int:
    """Drop up to nr clean unmapped pages, oldest first; returns how many went (shrink_page_list)."""
    frames = k.frames
    victims = []
    for pfn, (inode, index) in k.mm.page_cache.items():
        if frames.count[pfn] == 1 and not frames.pflags[pfn] & PG_DIRTY:
            victims.append((inode, index))
            if len(victims) == nr:
                break
    for inode, index in victims:
        delete_from_page_cache(k, inode, index)
    return len(victims)


def page_mkwrite(k: Kernel, inode: Inode, pfn: int) -> None:
    """A shared mapping is about to write to a page."""
    k.frames.pflags[pfn] |= PG_DIRTY
    inode.i_mtime_ns = inode.i_ctime_ns = k.boot_time_ns + k.clock.now_ns


def pagecache_read(k: Kernel, inode: Inode, pos: int, count: int) -> bytes:
    """Return up to count bytes of a file at pos, short at its end (kernel_read); raises EIO, ENOMEM."""
    count = min(count, inode.i_size - pos)
    if count <= 0 or pos < 0:
        return b""
    phys = k.frames.phys
    mapping = inode.mapping
    index, offset = pos >> PAGE_SHIFT, pos & ~PAGE_MASK
    if offset + count <= PAGE_SIZE:
        pfn = mapping.get(index)
        if pfn is None:
            if inode.i_memory_only:
                return bytes(count)
            pfn = find_or_read_page(k, inode, index)
        start = (pfn << PAGE_SHIFT) + offset
        return bytes(phys[start : start + count])
    pieces = []
    while count:
        part = min(count, PAGE_SIZE - offset)
        pfn = mapping.get(index)
        if pfn is None and inode.i_memory_only:
            pieces.append(bytes(part))
        else:
            if pfn is None:
                pfn = find_or_read_page(k, inode, index)
            start = (pfn << PAGE_SHIFT) + offset
            # Copied at once: reading the next page may drop this one.
            pieces.append(bytes(phys[start : start + part]))
        count -= part
        offset = 0
        index += 1
    return b"".join(pieces)


def pagecache_write(k: Kernel, inode: Inode, pos: int, data: bytes) -> int:
    """Write data to a file at pos, which grows if need be; returns bytes written, less than all if memory runs out.

    Raises ENOSPC if nothing could be written, EIO.
    """
    frames = k.frames
    done, total = 0, len(data)
    while done < total:
        index, offset = pos >> PAGE_SHIFT, pos & ~PAGE_MASK
        part = min(total - done, PAGE_SIZE - offset)
        try:
            pfn = _page_to_write(k, inode, index, offset, part)
        except LinuxError as e:
            if done:
                break
            if e.errno is not Errno.ENOMEM:
                raise
            raise LinuxError(Errno.ENOSPC, "no memory for file data") from e
        start = (pfn << PAGE_SHIFT) + offset
        frames.phys[start : start + part] = data[done : done + part] if part < total else data
        text.revoke_exec(k, pfn, -1)
        frames.pflags[pfn] |= PG_DIRTY
        done += part
        pos += part
        inode.i_size = max(inode.i_size, pos)
    return done


def _page_to_write(k: Kernel, inode: Inode, index: int, offset: int, part: int) -> int:
    """Return the frame for a write to part of a page; what will be overwritten is not read first."""
    pfn = inode.mapping.get(index)
    if pfn is not None:
        return pfn
    if index << PAGE_SHIFT < inode.i_size and part < PAGE_SIZE:
        return find_or_read_page(k, inode, index)
    _check_blocks(inode)
    pfn = page_alloc.alloc_page(k) if part == PAGE_SIZE else page_alloc.alloc_zeroed_page(k)
    add_to_page_cache(k, inode, index, pfn)
    return pfn


def dirty_pages(k: Kernel, inode: Inode) -> list[tuple[int, bytes]]:
    """Return (position, data up to the file's end) of the pages that mappings have written to, in order."""
    phys, pflags = k.frames.phys, k.frames.pflags
    found = []
    for index, pfn in sorted(inode.mapping.items()):
        size = min(PAGE_SIZE, inode.i_size - (index << PAGE_SHIFT))
        if pflags[pfn] & PG_DIRTY and size > 0:
            start = pfn << PAGE_SHIFT
            found.append((index << PAGE_SHIFT, bytes(phys[start : start + size])))
    return found


def clear_dirty(k: Kernel, inode: Inode) -> None:
    """All pages are as they are kept; while somebody may write to them unseen, they count as dirty all the same."""
    if any(vma.vm_flags & VM_SHARED for vma in inode.i_mmap):
        return
    for pfn in inode.mapping.values():
        k.frames.pflags[pfn] &= ~PG_DIRTY


def filemap_flush(k: Kernel, inode: Inode) -> None:
    """Write back where nobody is there to be told of an error: the log is."""
    try:
        inode.writepages()
    except LinuxError as error:
        k.printk(f"lost write to a page of inode {inode.i_ino}: {error}")


def update_cached_pages(k: Kernel, inode: Inode, pos: int, data: bytes) -> None:
    """What was written past the cache is to be seen by those who map it; pages that are not cached stay so."""
    frames = k.frames
    end = pos + len(data)
    for index in range(pos >> PAGE_SHIFT, end + PAGE_SIZE - 1 >> PAGE_SHIFT):
        pfn = inode.mapping.get(index)
        if pfn is None:
            continue
        first, last = max(pos, index << PAGE_SHIFT), min(end, index + 1 << PAGE_SHIFT)
        start = (pfn << PAGE_SHIFT) + (first & ~PAGE_MASK)
        frames.phys[start : start + last - first] = data[first - pos : last - pos]
        text.revoke_exec(k, pfn, -1)


def invalidate_inode_pages2(k: Kernel, inode: Inode) -> None:
    """The file was changed where it is kept: forget its pages, and read those that are mapped again; raises EIO.

    A page that a mapping has written to stays: what is written last wins.
    """
    frames = k.frames
    for index, pfn in list(inode.mapping.items()):
        if frames.pflags[pfn] & PG_DIRTY:
            continue
        if frames.count[pfn] == 1:
            delete_from_page_cache(k, inode, index)
            continue
        data = inode.readpage(index)
        start = pfn << PAGE_SHIFT
        frames.phys[start : start + PAGE_SIZE] = data + page_alloc.ZEROES[len(data) :]
        text.revoke_exec(k, pfn, -1)


def generic_file_read(current: Task, file: File, buf: UserPtr, count: int, pos: int | None) -> int:
    """Read a page-cache file into user memory; pos None: at f_pos, which moves (generic_file_aio_read).

    Returns bytes read, 0 at the end; raises EFAULT, EIO.
    """
    inode = file.f_path.dentry.d_inode
    at = file.f_pos if pos is None else pos
    k = current.kernel
    done = 0
    while done < count:
        try:
            data = pagecache_read(k, inode, at + done, min(count - done, _PIECE))
            if not data:
                break
            stored = uaccess.copy_to_user_partial(current, buf, data, done)
        except LinuxError:
            if not done:
                raise
            break
        done += stored
        if stored < _PIECE:
            break
    if pos is None:
        file.f_pos = at + done
    return done


def generic_file_write(current: Task, file: File, buf: UserPtr, count: int, pos: int | None) -> int:
    """Write user memory to a page-cache file; pos None: at f_pos, which moves (generic_file_aio_write).

    Returns bytes written; raises EFAULT, EFBIG (with SIGXFSZ beyond RLIMIT_FSIZE), ENOSPC, EIO.
    """
    k = current.kernel
    inode = file.f_path.dentry.d_inode
    at = file.f_pos if pos is None else pos
    if file.f_flags & O_APPEND:
        at = inode.i_size
    count = generic_write_checks(current, file, at, count)
    if not count:
        return 0
    if inode.i_mode & _SUID_SGID or inode.i_xattrs is not None:
        file_remove_suid(current, file.f_path.dentry)
    inode.i_mtime_ns = inode.i_ctime_ns = k.boot_time_ns + k.clock.now_ns
    done = generic_perform_write(current, inode, buf, count, at)
    if pos is None:
        file.f_pos = at + done
    return done


def generic_perform_write(current: Task, inode: Inode, buf: UserPtr, count: int, at: int) -> int:
    """Copy count bytes of user memory into a file's pages from position at on; returns bytes written.

    It ends at a bad address, or when memory runs out, with an error (EFAULT, ENOSPC, EIO) if nothing was written.
    """
    done = 0
    while done < count:
        pos = at + done
        part = min(count - done, _PIECE - (pos & ~PAGE_MASK))  # to the end of a page, if not of the data
        try:
            written = inode.write_data(pos, _data_for_pages(current, buf, part, pos, done))
        except LinuxError:
            if not done:
                raise
            break
        done += written
        if written < part:
            break
    return done


def _data_for_pages(current: Task, buf: UserPtr, part: int, pos: int, done: int) -> bytes:
    """Return part bytes at buf + done that are to be written at pos, or fewer before a bad address; raises EFAULT.

    The file's pages are filled one by one. What is for one page is looked at in advance, at its first and last byte,
    as far as it lies in one piece of an iovec (iov_iter_fault_in_readable): if that fails, the page gets nothing.
    """
    data = uaccess.copy_from_user_partial(current, buf, part, done)
    good = len(data)
    if good == part:
        return data
    whole = max((pos + good & PAGE_MASK) - pos, 0)
    if isinstance(buf, uaccess.IovBuffer) and whole < good and buf.segment_end(done + whole) <= done + good:
        return data
    if not whole:
        raise LinuxError(Errno.EFAULT, "a page's worth of data does not lie in good memory")
    return data[:whole]


def generic_write_checks(current: Task, file: File, pos: int, count: int) -> int:
    """Return how much of a write the limits leave; raises EFBIG."""
    limit = current.signal.rlim[RLIMIT_FSIZE][0]
    if limit != RLIM_INFINITY and count:
        if pos >= limit:
            signal_send.send_sig(SIGXFSZ, current, 0)
            raise LinuxError(Errno.EFBIG, "RLIMIT_FSIZE")
        count = min(count, limit - pos)
    if pos + count > MAX_NON_LFS and not file.f_flags & O_LARGEFILE:
        if pos >= MAX_NON_LFS:
            raise LinuxError(Errno.EFBIG, "beyond 2 GiB, and opened without O_LARGEFILE")
        count = min(count, MAX_NON_LFS - pos)
    if count and pos >= MAX_LFS_FILESIZE:
        raise LinuxError(Errno.EFBIG, "beyond the largest offset")
    return min(count, MAX_LFS_FILESIZE - pos)


def file_remove_suid(current: Task, dentry: Dentry) -> None:
    """A write takes away the set-id bits, unless the writer may keep them, and capabilities from everybody."""
    inode = dentry.d_inode
    fs_inode.inode_killpriv(inode)
    mode = inode.i_mode
    kill = mode & S_ISUID
    if mode & (S_ISGID | S_IXGRP) == S_ISGID | S_IXGRP:  # without group-exec it means mandatory locking
        kill |= S_ISGID
    if kill and mode & S_IFMT == S_IFREG and not capability.capable(current, CAP_FSETID):
        inode.setattr(Iattr(mode=mode & ~kill))
        inode.i_mode = mode & ~kill
        if current.kernel.vfs.nr_fsnotify_marks:
            fsnotify.fsnotify_change(dentry, attrib=True)


def truncate_inode_pages(k: Kernel, inode: Inode, lstart: int) -> None:
    """Forget the cached pages of a file from byte lstart on; the rest of a page cut in two becomes zero.

    With lstart 0 the file system lets go of a file (evict_inode).
    """
    index, offset = lstart >> PAGE_SHIFT, lstart & ~PAGE_MASK
    if offset:
        pfn = inode.mapping.get(index)
        if pfn is not None:
            start = pfn << PAGE_SHIFT
            k.frames.phys[start + offset : start + PAGE_SIZE] = page_alloc.ZEROES[offset:]
            k.frames.pflags[pfn] |= PG_DIRTY
            text.revoke_exec(k, pfn, -1)
        index += 1
    for i in [i for i in inode.mapping if i >= index]:
        delete_from_page_cache(k, inode, i)


def truncate_setsize(k: Kernel, inode: Inode, newsize: int) -> None:
    """Set the size of a page-cache file: unmap and forget what lies beyond (also vmtruncate).

    The file system must see to it that readpage gives zeroes for what was cut off, should the file grow again.
    """
    oldsize = inode.i_size
    cut = newsize < oldsize and newsize & ~PAGE_MASK and newsize >> PAGE_SHIFT not in inode.mapping
    if cut and not inode.i_memory_only:
        find_or_read_page(k, inode, newsize >> PAGE_SHIFT)  # so that its rest can be made zero for good
    inode.i_size = newsize
    if newsize < oldsize:
        if inode.i_mmap:
            memory.unmap_mapping_range(k, inode, newsize + PAGE_SIZE - 1 >> PAGE_SHIFT, 1 << 52)
        truncate_inode_pages(k, inode, newsize)
