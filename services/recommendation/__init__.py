"""Recommendations and carts: what to show whom, and why.

Owns: the models (trained, judged, promoted, with their manifest and blobs) and the copies that it answers from. Keeps
copies of shoppers' interactions (logs ``user-events`` of knowledge and ``order-events`` of orders), of who is whom and
who consented (``customers`` of knowledge) and of products with price and stock (``products`` of search). Does not own:
events, orders, identity, the catalogue. Writes no log. Copies keep the identifier as it came; the person is resolved at
read (docs/consistency.md rule 13).
"""
