"""What is true of mentions and alerts, decided by pure functions over frozen facts."""
