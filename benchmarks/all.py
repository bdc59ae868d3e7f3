"""Every figure that the README quotes, one after the other: ``make bench``. Run it alone on the machine."""

import json
import os
import subprocess
import sys
import time

LIMIT_S = 1_800.0
BENCHMARKS: tuple[tuple[str, ...], ...] = (
    ("documents",),
    ("eventlog",),
    ("calls",),
    ("reads",),
    ("gateway",),
    ("search",),
    ("search_engine",),
    ("recommendation",),
    ("promise",),
    ("orders",),
    ("orders_live",),
    ("mentions",),
    ("reputation",),
    ("tone",),
    ("platform",),
    ("console_pages",),
    ("durability", "--kills", "50"),
    ("replicas",),
    ("recommendation_scoring",),
    ("controls",),
    ("traces",),
    ("faults", "--kills", "50"),
)
# What compares the profiles, where servers are named (make bench starts them as make test-real does).
ON_SERVERS: tuple[tuple[str, ...], ...] = (
    ("search", "--engines", "tantivy,elasticsearch"),
    ("faults", "--profile", "distributed", "--kills", "25"),
)
SERVERS = ("ZHIKE_TEST_MONGODB", "ZHIKE_TEST_ELASTICSEARCH")


def main() -> int:
    results: dict[str, object] = {}
    failed = []
    missing = [variable for variable in SERVERS if not os.environ.get(variable)]
    if missing:
        print(f"left out without {' and '.join(missing)}: {', '.join(' '.join(each) for each in ON_SERVERS)}")
    for name, *arguments in (*BENCHMARKS, *(() if missing else ON_SERVERS)):
        print(f"\n=== benchmarks.{name} {' '.join(arguments)}", flush=True)
        started = time.monotonic()
        command = [sys.executable, "-m", f"benchmarks.{name}", *arguments, "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)
        print(done.stdout, flush=True)
        lines = done.stdout.strip().splitlines()
        if done.returncode != 0 or not lines:
            failed.append(" ".join((name, *arguments)))
        else:
            results[" ".join((name, *arguments))] = json.loads(lines[-1])
        print(f"--- {time.monotonic() - started:.0f} s", flush=True)
    print(json.dumps({"failed": failed, **results}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
