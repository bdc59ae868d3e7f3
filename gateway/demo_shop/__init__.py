"""The demo shop: one page on the public API, and a backend of a few lines that holds the shop's secret key."""
