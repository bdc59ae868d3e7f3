"""Pure ASGI middleware: what happens around every request."""
