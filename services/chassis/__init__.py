"""What an empty sixth service would need to start, serve, be seen and stop.

Owns: the four ports (documents, event log, search index, artifacts) with their adapters, leases, server lifecycle,
interceptors, clients, settings, logs, metrics, paging, long-running operations and idempotent creation.
Imports no service and no kit.
"""
