"""Background work: following the log, running imports."""
