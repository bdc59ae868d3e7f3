"""Breaks a deployment on purpose, by a seed: processes die, stop, restart; what lies between them is slow or silent."""
