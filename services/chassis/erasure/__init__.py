"""Erasing a person from what a service holds (docs/consistency.md rule 14, docs/privacy.md)."""
