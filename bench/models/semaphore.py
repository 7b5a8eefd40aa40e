"""A System V semaphore handed over: two processes go through one after the other, in either order, never at once."""

from procession import Sys
from procession.include.linux.ipc import IPC_PRIVATE, IPC_RMID

OUTCOMES = {(0, "aAbB\n"), (0, "bBaA\n")}


def add(number: int) -> bytes:
    """A struct sembuf for the first semaphore of a set."""
    return b"\0\0" + number.to_bytes(2, "little", signed=True) + b"\0\0"


async def main(linux: Sys) -> None:
    semaphore = await linux.semget(IPC_PRIVATE, 1, 0o600)
    await linux.semop(semaphore, add(1), 1)
    reader, writer = await linux.pipe()
    for name in "ab":
        if await linux.fork() == 0:
            await linux.semop(semaphore, add(-1), 1)
            await linux.write(writer, name)
            await linux.write(writer, name.upper())
            await linux.semop(semaphore, add(1), 1)
            await linux.exit(0)
    await linux.wait()
    await linux.wait()
    await linux.semctl(semaphore, 0, IPC_RMID, 0)
    await linux.print((await linux.read(reader, 4)).decode())
