"""init/ of Linux: from start_kernel to the first program."""
