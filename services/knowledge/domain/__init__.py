"""What is true of customers, decided by pure functions over frozen facts."""
