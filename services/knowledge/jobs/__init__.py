"""Background work: following the logs, computing classes, running imports."""
