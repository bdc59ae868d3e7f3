"""The tour: a walk over the public API that shows, with evidence, what the platform does."""
