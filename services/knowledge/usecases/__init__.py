"""What knowledge does for its callers: load, decide, save."""
