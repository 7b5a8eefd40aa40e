"""drivers/base of Linux."""
