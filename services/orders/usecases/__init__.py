"""What orders does for its callers: load, decide, save."""
