"""Standard Webhooks (version 1.0.0 of the specification), out and in.

Out: targets and deliveries as documents, a job that delivers them at least once under ids that never change. In: what
others call us with, verified, each call once. A service composes both in its main.py by ``webhooks.Webhooks``.
"""
