"""search owns the catalogue (products, prices, stock), the product index, and the log of what people search for.

It does not own customers, events, orders or recommendations. It writes the logs ``products`` and ``searches`` and reads
``user-events`` (knowledge) for clicks and purchases and ``order-events`` (orders) for purchases.
"""
