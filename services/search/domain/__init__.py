"""What search decides, as pure functions over frozen dataclasses."""
