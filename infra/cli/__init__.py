"""The ``zhike`` command: start, look, import, train, break and mend a deployment from a terminal."""
