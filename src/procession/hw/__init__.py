"""The machine: CPU, memory, clock, console, chooser. What QEMU is to Linux."""
