"""Tells whether the process of this container answers calls: ``python -m infra.docker.ready`` exits 0 or 1.

Asked every few seconds, so it loads nothing: it reads ``zhike_ready`` from the process's own /metrics.
"""

import os
import sys
import urllib.error
import urllib.request

DEFAULT_PORT = "9100"
TIMEOUT_S = 2.0
READY_LINE = "zhike_ready 1.0"


def is_ready(metrics: str) -> bool:
    """Tell it from the text of /metrics."""
    return READY_LINE in metrics.splitlines()


def main() -> int:
    """Return the exit code."""
    port = os.environ.get("ZHIKE_METRICS_PORT") or DEFAULT_PORT
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=TIMEOUT_S) as answer:
            return 0 if is_ready(answer.read().decode()) else 1
    except (urllib.error.URLError, OSError):
        return 1


if __name__ == "__main__":
    sys.exit(main())
