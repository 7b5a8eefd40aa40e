"""Two processes count in a file; whoever reads before the other has written loses an update."""

from procession import Sys

OUTCOMES = {(0, "2\n"), (0, "1\n")}


async def main(linux: Sys) -> None:
    fd = await linux.open("/counter", linux.O_RDWR | linux.O_CREAT)
    await linux.pwrite(fd, "0", 0)
    for _ in range(2):
        if await linux.fork() == 0:
            count = int(await linux.pread(fd, 1, 0))
            await linux.pwrite(fd, str(count + 1), 0)
            await linux.exit(0)
    await linux.wait()
    await linux.wait()
    await linux.print((await linux.pread(fd, 1, 0)).decode())
