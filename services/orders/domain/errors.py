"""What a caller of orders can do wrong, each failure with its stable reason."""
