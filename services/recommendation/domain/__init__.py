"""Pure decisions: arrays and frozen dataclasses in, arrays and frozen dataclasses out. No I/O, no clock."""
