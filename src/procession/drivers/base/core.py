"""The machine as sysfs shows it: devices by class and number, and the kernel (drivers/base/core.c, kernel/ksysfs.c).

Directories are filled when somebody looks into them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from procession.fs import devices, sysfs
from procession.include.linux.errno import Errno, LinuxError

if TYPE_CHECKING:
    from procession.fs.sysfs import SysfsDir
    from procession.include.linux.kernel import Kernel

__all__ = ("devices_init",)

_STATISTICS: Final = (
    "collisions multicast rx_bytes rx_compressed rx_crc_errors rx_dropped rx_errors rx_fifo_errors rx_frame_errors "
    "rx_length_errors rx_missed_errors rx_over_errors rx_packets tx_aborted_errors tx_bytes tx_carrier_errors "
    "tx_compressed tx_dropped tx_errors tx_fifo_errors tx_heartbeat_errors tx_packets tx_window_errors"
)
# Of lo: name, text, mode.
_NET_ATTRS: Final = (
    ("addr_assign_type", "0", 0o444),
    ("addr_len", "6", 0o444),
    ("dev_id", "0x0", 0o444),
    ("ifalias", "", 0o644),
    ("iflink", "1", 0o444),
    ("ifindex", "1", 0o444),
    ("type", "772", 0o444),
    ("link_mode", "0", 0o444),
    ("address", "00:00:00:00:00:00", 0o444),
    ("broadcast", "00:00:00:00:00:00", 0o444),
    ("carrier", "1", 0o444),
    ("dormant", "0", 0o444),
    ("operstate", "unknown", 0o444),
    ("mtu", "16436", 0o644),
    ("flags", "0x9", 0o644),
    ("tx_queue_len", "0", 0o644),
    ("netdev_group", "0", 0o644),
)


_ROOTS: Final = ("kmsg", "console", "hvc0")


def _char_devices(k: Kernel) -> list[tuple[str, str, int, int]]:
    """Return (class, name, major, minor) of the devices that have a node."""
    found = [("mem", name, 1, minor) for name, minor, _, _ in devices.MEM_DEVICES]
    found += [("tty", "tty", 5, 0), ("tty", "console", 5, 1), ("tty", "ptmx", 5, 2)]
    if k.tty.is_console:
        found.append(("tty", "hvc0", 229, 0))
    return found


def devices_init(k: Kernel, root: SysfsDir) -> None:
    """Make the directories at the top."""
    root.add("block")
    root.add("bus", _bus)
    root.add("class", partial(_class, k))
    root.add("dev", partial(_dev, k))
    root.add("devices", partial(_devices, k))
    root.add("firmware")
    root.add("fs").add("cgroup")
    root.add("kernel", partial(_kernel, k))
    root.add("module")


def _bus(bus: SysfsDir) -> None:
    platform = bus.add("platform")
    platform.add("devices")
    platform.add("drivers")
    platform.add_file("drivers_autoprobe", "1", 0o644)


def _class(k: Kernel, classes: SysfsDir) -> None:
    """Link each device to where it is, by its class."""
    classes.add("block")
    for name in ("mem", "net", "tty"):
        classes.add(name, partial(_one_class, k, name))


def _one_class(k: Kernel, name: str, directory: SysfsDir) -> None:
    names = ["lo"] if name == "net" else [device for kind, device, _, _ in _char_devices(k) if kind == name]
    for device in names:
        directory.add_link(device, f"../../devices/virtual/{name}/{device}")


def _dev(k: Kernel, dev: SysfsDir) -> None:
    """Link each device to where it is, by its number."""
    dev.add("block")
    char = dev.add("char")
    for kind, name, major, minor in _char_devices(k):
        char.add_link(f"{major}:{minor}", f"../../devices/virtual/{kind}/{name}")


def _devices(k: Kernel, directory: SysfsDir) -> None:
    system = directory.add("system")
    system.add("clocksource", _clocksource)
    system.add("cpu", partial(sysfs.cpu_dev_init, k))
    virtual = directory.add("virtual")
    for kind in ("mem", "tty"):
        virtual.add(kind, partial(_virtual, k, kind))
    virtual.add("net", _net)


def _clocksource(directory: SysfsDir) -> None:
    clock = directory.add("clocksource0")
    clock.add_file("available_clocksource", "tsc ")
    clock.add_file("current_clocksource", "tsc", 0o644)


def _virtual(k: Kernel, kind: str, directory: SysfsDir) -> None:
    """Make the directories of the devices of a class."""
    for of, name, major, minor in _char_devices(k):
        if of != kind:
            continue
        device = directory.add(name)
        # The mode of a node for everybody; else root alone has it.
        mode = "" if name in _ROOTS else "\nDEVMODE=0666"
        device.add_file("uevent", f"MAJOR={major}\nMINOR={minor}\nDEVNAME={name}{mode}", 0o644)
        device.add_file("dev", f"{major}:{minor}")
        device.add_link("subsystem", f"../../../../class/{kind}")


def _not_settled() -> str:
    """Refuse to say what a device without a wire has not."""
    raise LinuxError(Errno.EINVAL, "no such setting")


def _net(directory: SysfsDir) -> None:
    """Make the loopback's directory (net/core/net-sysfs.c)."""
    lo = directory.add("lo")
    lo.add_file("uevent", "INTERFACE=lo\nIFINDEX=1", 0o644)
    lo.add_link("subsystem", "../../../../class/net")
    for name, text, mode in _NET_ATTRS:
        if text:
            lo.add_file(name, text, mode)
        else:
            lo.add_show(name, str, mode)
    for name in ("speed", "duplex"):
        lo.add_show(name, _not_settled)
    statistics = lo.add("statistics")
    for name in _STATISTICS.split():
        statistics.add_file(name, "0")


def _kernel(k: Kernel, directory: SysfsDir) -> None:
    """Make what describes the kernel itself."""
    directory.add_file("uevent_seqnum", "0")
    directory.add_file("uevent_helper", "", 0o644)
    directory.add_file("fscaps", "1")
    directory.add("debug")  # for debugfs
