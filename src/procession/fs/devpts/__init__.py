"""The file system of pseudo-terminals, as in Linux's fs/devpts/."""
