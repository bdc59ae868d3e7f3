"""What the public says of the shop: mentions, how loud and how bad they are, and the alerts that follow.

Owns sources, mentions, their clusters, tone and counts, and the alerts with their whole life. Does not own: customers,
products, orders. Writes the logs ``mentions`` (what was said, as it came) and ``alerts`` (everything that happened to
an alert). Reads the logs: its own, and ``products`` of search (by what titles people name them).
"""
