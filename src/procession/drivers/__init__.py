"""Device drivers, as in Linux's drivers/."""
