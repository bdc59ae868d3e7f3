"""What the service remembers: documents of models, and in-memory copies that snapshots and logs bring back."""
