"""What is true of orders, decided by pure functions over frozen facts."""
