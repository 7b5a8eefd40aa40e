"""What all of the kernel may use, and knows nothing of it (lib/)."""
