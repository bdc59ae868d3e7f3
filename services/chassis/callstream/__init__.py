"""Unary calls that share one stream: many small ones cost a fraction of as many unary calls (docs/adr/0008)."""
