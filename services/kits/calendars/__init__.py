"""Days, hours and time at work: promises and answer clocks count in them. Imports no service."""
