"""Imports of whole files: the plan, rows of every format, staging beside serving, and a run that counts every row.

A service brings what its rows mean; the rest is the same for all. Imports no service.
"""
