"""What surrounds the platform: the zhike command, the local supervisor and the demo shop's data."""
