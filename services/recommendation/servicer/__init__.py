"""Decodes a request, calls one use case, encodes its answer."""
