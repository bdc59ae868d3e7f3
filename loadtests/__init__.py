"""Load on a running platform: who asks what, how many of them when, and what must hold. ``make load`` is the smoke."""
