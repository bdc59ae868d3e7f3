"""Background work: polling sources, judging what was heard, telling of it."""
