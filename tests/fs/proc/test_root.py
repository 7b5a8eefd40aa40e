"""The files about the machine, and /proc/sys."""

import re

from tests.fs.programs import errno_of, run

from procession import Machine
from procession.fs.proc import loadavg, uptime


def test_loadavg_format():
    """Two decimals each, cut."""
    assert loadavg.format_loadavg((10, 2048 + 1034, 4095), 2, 37, 1234) == b"0.00 1.50 1.99 2/37 1234\n"


def test_uptime_format():
    """Seconds and hundredths."""
    assert uptime.format_uptime(3_021_999_999, 50_000_000) == b"3.02 0.05\n"


def test_made_when_somebody_looks():
    """Most programs do not; the numbers are the same whoever looks, and whatever is asked first."""
    seen = []

    async def nobody(sys):
        await sys.stat("/")

    async def by_name(sys):
        seen.append((await sys.stat("/proc/version")).st_ino)
        seen.append((await sys.stat("/proc")).st_nlink)

    async def by_links(sys):
        seen.append((await sys.stat("/proc")).st_nlink)
        seen.append((await sys.stat("/proc/version")).st_ino)

    async def by_list(sys):
        names = await sys.listdir("/proc")
        seen.append((await sys.stat("/proc/version")).st_ino)
        assert {"version", "sys", "self", "1"} <= {*names}

    for main, made in ((nobody, False), (by_name, True), (by_links, True), (by_list, True)):
        machine = Machine()
        machine.run(main)
        (sb,) = machine.kernel.vfs.proc_sbs
        assert bool(sb.s_root.d_inode.entries) is made
    ino, links, *others = seen
    assert others == [links, ino, ino]
    assert links == 8


def test_global_files():
    """Those that ps, top and uptime read."""
    async def main(sys):
        await sys.sleep(3)
        for name in ("loadavg", "uptime", "version", "sys/kernel/osrelease", "filesystems"):
            await sys.write(1, await sys.read_file("/proc/" + name))

    out = run(main)

    load = r"0\.\d\d 0\.\d\d 0\.\d\d 1/3 17\n"
    assert re.match(load + r"3\.00 [23]\.\d\d\nLinux version 3\.2\.0 .* #1 SMP\n3\.2\.0\n", out)
    assert "nodev\tproc\n" in out


def test_stat_counts():
    """Processes are counted from boot on; btime is when that was."""
    async def main(sys):
        before = await sys.read_file("/proc/stat")
        for _ in range(3):
            if await sys.fork() == 0:
                return
            await sys.wait()
        after = await sys.read_file("/proc/stat")
        rows = [dict(line.split(b" ", 1) for line in data.splitlines()) for data in (before, after)]
        await sys.print(int(rows[1][b"processes"]) - int(rows[0][b"processes"]), rows[0][b"btime"])
        await sys.print(len(rows[0][b"cpu0"].split()), rows[0][b"procs_running"])

    assert run(main) == "3 b'1325721600'\n10 b'1'\n"


def test_sysctl_values_and_bounds():
    """Numbers can be read and set within their bounds."""
    async def main(sys):
        path = "/proc/sys/kernel/pid_max"
        await sys.print(await sys.read_file(path))
        await sys.write_file(path, b"1000\n")
        await sys.print(await sys.read_file(path), await errno_of(sys.write_file(path, b"5")))
        await sys.print(await errno_of(sys.write_file(path, b"many")), await errno_of(sys.open("/proc/sys/none", 0)))
        await sys.print(await sys.read_file("/proc/sys/fs/pipe-max-size"))
        await sys.write_file("/proc/sys/fs/pipe-max-size", b"5000")
        await sys.print(await sys.read_file("/proc/sys/fs/pipe-max-size"))
        await sys.write_file("/proc/sys/kernel/hostname", b"there\n")
        await sys.print((await sys.uname()).nodename)
        await sys.setuid(1000)
        await sys.print(await errno_of(sys.write_file(path, b"2000")))

    assert run(main) == (
        "b'32768\\n'\nb'1000\\n' EINVAL\nEINVAL ENOENT\nb'1048576\\n'\nb'8192\\n'\nthere\nEACCES\n"
    )


def test_random_is_the_machines():
    """boot_id stays, uuid changes; the same seed gives the same."""
    async def main(sys):
        for name in ("boot_id", "boot_id", "uuid", "uuid"):
            await sys.write(1, await sys.read_file("/proc/sys/kernel/random/" + name))

    first, second, third, fourth = run(main).split()

    assert first == second
    assert third != fourth
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", third)
    assert run(main).split() == [first, second, third, fourth]


def test_another_pid_namespace_has_its_own_proc():
    """Mounted inside, it shows the inside's numbers."""
    async def main(sys):
        async def inside(sys):
            await sys.mkdir("/inner")
            await sys.mount("proc", "/inner", "proc")
            names = [name for name in await sys.listdir("/inner") if name.isdigit()]
            await sys.print(names, await sys.readlink("/inner/self"))
            await sys.print((await sys.read_file("/inner/self/stat")).split()[:4])
            await sys.print(await errno_of(sys.readlink("/proc/self")))

        await sys.clone(inside, flags=sys.CLONE_NEWPID | sys.SIGCHLD)
        await sys.wait()

    out = run(main).splitlines()

    assert out[0] == "['1'] 1"
    assert out[1] == "[b'1', b'(main)', b'R', b'0']"
    assert out[2] == "none"


def test_locks_are_listed():
    """With their kind, owner and range."""
    async def main(sys):
        fd = await sys.open("/f", sys.O_CREAT | sys.O_RDWR)
        await sys.syscall("flock", fd, 2)
        await sys.write(1, await sys.read_file("/proc/locks"))

    assert re.fullmatch(r"1: FLOCK  ADVISORY  WRITE 17 00:\d\d:\d+ 0 EOF\n", run(main))


def test_files_about_the_machine_have_their_shape():
    """One line at least of each that ps, top, free, vmstat and the C library look for."""
    shapes = {
        "cpuinfo": r"(?s)processor\t: 0\n.*processor\t: 1\n.*\n\n",
        "meminfo": r"(?s)MemTotal: +\d+ kB\nMemFree: +\d+ kB\n.*(?:[\w()]+: +\d+ kB\n)+",
        "vmstat": r"(?:\w+ \d+\n)+",
        "slabinfo": r"(?s)slabinfo - version: 2.1\n# name .*\ntask_struct +\d+ .*\n",
        "interrupts": r"(?s) +CPU0 +CPU1 +\nNMI: .*\nLOC: .*\nERR: .*\nMIS: .*\n",
        "devices": r"(?s)Character devices:\n  1 mem\n.*",
        "cmdline": r"root=rootfs ro quiet\n",
        "mounts": r"(?s).*proc /proc proc rw,relatime 0 0\n.*",
        "self/mountinfo": r"(?s)1 1 0:\d+ / / rw,relatime - rootfs rootfs rw\n.*",
        "self/sched": r"(?s)main \(\d+, #threads: 1\)\n-+\n.*nr_switches +: +\d+\n.*",
        "self/syscall": r"0 0x3 0x0 0x10000 0x0 0x0 0x0 0x0 0x0\n",
        "self/stack": r"(\[<f{8}81[0-9a-f]{6}>\] (sys_read|system_call_fastpath)\+0x0/0x10\n){2}\[<f{16}>\] 0xf{16}\n",
        "self/io": r"(?:\w+: \d+\n){7}",
        "self/statm": r"0 0 0 0 0 0 0\n",
        "self/oom_score": r"\d+\n",
        "self/cgroup": r"",
        "self/auxv": r"",
    }

    async def main(sys):
        for name in shapes:
            await sys.write(1, await sys.read_file("/proc/" + name) + b"\0")

    found = dict(zip(shapes, run(main, cpus=2).split("\0"), strict=False))

    assert {name: text for name, text in found.items() if not re.fullmatch(shapes[name], text)} == {}


def test_what_a_sleeper_waits_for():
    """Which call another process is in, and where; nothing of it is for strangers."""
    async def main(sys):
        async def sleeper(sys):
            await sys.pause()

        pid = await sys.clone(sleeper)
        await sys.sleep(1)
        for name in ("syscall", "stack", "wchan"):
            await sys.print((await sys.read_file(f"/proc/{pid}/{name}")).decode())
        await sys.setuid(1000)
        for name in ("syscall", "stack", "io", "auxv", "mem"):
            await sys.print(await errno_of(sys.read_file(f"/proc/{pid}/{name}")))

    lines = re.sub(r"\[<f{8}81[0-9a-f]{6}>\]", "[<>]", run(main)).split("\n")
    assert lines == [
        "34 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0", "", "[<>] sys_pause+0x0/0x10", "[<>] system_call_fastpath+0x0/0x10",
        "[<ffffffffffffffff>] 0xffffffffffffffff", "", "sys_pause", "EPERM", "EPERM", "EACCES", "EACCES", "EACCES", "",
    ]


def test_sysctls_change_the_machine():
    async def main(sys):
        for name, value in (
            ("kernel/domainname", b"here"), ("kernel/threads-max", b"77"), ("kernel/core_pattern", b"core.%p"),
            ("vm/overcommit_memory", b"2"), ("vm/overcommit_ratio", b"60"), ("vm/max_map_count", b"500"),
            ("vm/mmap_min_addr", b"8192"), ("fs/file-max", b"99"), ("fs/nr_open", b"2048"), ("fs/suid_dumpable", b"1"),
        ):
            await sys.write_file("/proc/sys/" + name, value)
            await sys.print(name, (await sys.read_file("/proc/sys/" + name)).decode().strip())
        await sys.print(await errno_of(sys.write_file("/proc/sys/fs/nr_open", b"1")))
        await sys.print(await errno_of(sys.write_file("/proc/sys/fs/pipe-max-size", b"1")))
        await sys.print((await sys.read_file("/proc/sys/fs/file-nr")).decode().split()[1:])
        await sys.print(await sys.read_file("/proc/sys/kernel/cad_pid"), await sys.read_file("/proc/sys/kernel/panic"))

    assert run(main) == (
        "kernel/domainname here\nkernel/threads-max 77\nkernel/core_pattern core.%p\nvm/overcommit_memory 2\n"
        "vm/overcommit_ratio 60\nvm/max_map_count 500\nvm/mmap_min_addr 8192\nfs/file-max 99\nfs/nr_open 2048\n"
        "fs/suid_dumpable 1\nEINVAL\nEINVAL\n['0', '99']\nb'1\\n' b'0\\n'\n"
    )
