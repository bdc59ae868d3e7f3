"""One person, one record, from many channels.

Owns: user events, identifiers and how they join to customers, claims, accounts, consent, purchases, classes.
Does not own: products and prices (search), models (recommendation), orders on their way (orders), keys (gateway).
Writes the logs: ``user-events``, ``customers`` (what an identifier resolves to) and, for itself, ``customer-claims``
(what was said of people). Reads the logs: its own, ``order-events`` of orders (what was bought), and ``products`` of
search (which goods are the shop's own label).
"""
