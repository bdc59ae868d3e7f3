"""The demo shop: a grocer's whole year as files for ``zhike import``, and seeded simulators of what the data lacks.

Owns: reading the Complete Journey package, the catalogue with titles in our own words, customers, orders, and the
generators of searches, clicks, carts, production and parcels that load tests and benchmarks use too. Knows of services
only the tables by which orders understands stages and carriers, and starts nothing.
"""
