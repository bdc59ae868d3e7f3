"""The demo shop: a grocer's whole year as files for ``zhike import``, and seeded simulators of what the data lacks.

Owns: reading the Complete Journey package, the catalogue with titles in our own words, customers, orders, and the
generators of searches, clicks and carts that load tests and benchmarks use too. Knows no service and starts nothing.
"""
