"""What reputation does for its callers: load, decide, save."""
