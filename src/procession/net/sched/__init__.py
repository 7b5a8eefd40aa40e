"""What is done with packets on their way out (net/sched)."""
