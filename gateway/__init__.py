"""Owns the HTTP API of the whole platform: routes, principals and keys, limits, CORS, problem+json, documentation.

It owns no business fact but the API keys. It reads no log and writes none; every other fact it asks of the services by
gRPC, and on the hot routes it passes their finished JSON through.
"""
