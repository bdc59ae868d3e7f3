"""Calling addresses that somebody else chose, without being led to what only we can reach."""
