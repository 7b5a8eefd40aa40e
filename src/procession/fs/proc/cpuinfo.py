"""/proc/cpuinfo (fs/proc/cpuinfo.c, arch/x86/kernel/cpu/proc.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("show_cpuinfo",)

# What CPUID says of the engine's Sandy Bridge: without AVX.
_FLAGS: Final = (
    "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 syscall nx rdtscp "
    "lm constant_tsc rep_good nopl pni pclmulqdq ssse3 cx16 sse4_1 sse4_2 popcnt lahf_lm"
)
_MODEL_NAME: Final = "model name\t"
_STEPPING: Final = "stepping\t"
_CPU: Final = (
    ("processor\t", "{cpu}"),
    ("vendor_id\t", "GenuineIntel"),
    ("cpu family\t", "6"),
    ("model\t\t", "42"),
    (_MODEL_NAME, "Intel Xeon E312xx (Sandy Bridge)"),
    (_STEPPING, "1"),
    ("cpu MHz\t\t", "1000.000"),
    ("cache size\t", "4096 KB"),
    ("fpu\t\t", "yes"),
    ("fpu_exception\t", "yes"),
    ("cpuid level\t", "13"),
    ("wp\t\t", "yes"),
    ("flags\t\t", _FLAGS),
    ("bogomips\t", "2000.00"),
    ("clflush size\t", "64"),
    ("cache_alignment\t", "64"),
    ("address sizes\t", "40 bits physical, 48 bits virtual"),
    ("power management", ""),
)


def print_cpu_info() -> str:
    """Return the line about the CPU."""
    value = dict(_CPU)
    return f"CPU: {value[_MODEL_NAME]} stepping {int(value[_STEPPING]):02x}"


def show_cpuinfo(current: Task) -> bytes:
    """Return a paragraph for each CPU: one instruction per ns is 1000 MHz."""
    out = []
    for cpu in range(current.kernel.nr_cpus):
        out += [f"{name}: {value.format(cpu=cpu)}\n" if value else f"{name}:\n" for name, value in _CPU]
        out.append("\n")
    return "".join(out).encode()
