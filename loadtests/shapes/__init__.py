"""How many users there are when."""
