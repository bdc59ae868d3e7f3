"""Orders on their way: what was bought, how far it is, when it comes, what came back.

Owns the immutable facts of orders, lines, shipments and returns: the log ``order-events`` is their store, every
document about an order is folded from it. Does not own: customers, products, prices, who may see what. Writes the log
``order-events``.
"""
