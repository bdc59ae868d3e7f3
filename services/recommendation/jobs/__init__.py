"""Background work: log readers, snapshots, and training in a process of its own."""
