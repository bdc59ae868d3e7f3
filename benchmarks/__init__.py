"""Figures that the README quotes: one command each, ratios in one run; ``--json`` prints one object, last."""
