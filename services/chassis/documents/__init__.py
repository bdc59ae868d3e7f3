"""The documents port: keyed JSON documents with declared indexes, one document the unit of atomicity."""
