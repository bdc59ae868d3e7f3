"""Typed repositories over the ports; the only place where stored bodies appear."""
