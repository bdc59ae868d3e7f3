"""What search does for its callers; ports, clock and ids are arguments."""
