"""What a caller of reputation can do wrong, each failure with its stable reason."""
