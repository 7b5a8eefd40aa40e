"""Observers: they read trace events, /proc and user memory."""
