"""The event log on documents: numbered, gapless, idempotent by event id; readers that apply once and in order."""
