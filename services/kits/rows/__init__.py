"""Rows of files that others wrote, CSV and NDJSON: each comes out whole or as a BadRow. Imports no service."""
