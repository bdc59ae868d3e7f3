"""MongoDB beside Zhike: how tests find a server, and the proof of what only a real replica set can show (ADR 0009)."""
