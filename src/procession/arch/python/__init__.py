"""Python programs: coroutines whose await is a system call."""
