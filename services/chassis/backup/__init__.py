"""Copies of a deployment: one archive form for both profiles, written while everything runs, restored offline."""
