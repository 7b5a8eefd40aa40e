"""x86-64 ELF programs."""
