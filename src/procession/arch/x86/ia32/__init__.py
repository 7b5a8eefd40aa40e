"""System calls by INT 0x80: the numbers, arguments and structures of i386 (arch/x86/ia32)."""
