"""Every figure that the README quotes, one after the other: ``make bench``. Run it alone on the machine."""

import json
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
    ("platform",),
    ("durability", "--kills", "50"),
)


def main() -> int:
    results: dict[str, object] = {}
    failed = []
    for name, *arguments in BENCHMARKS:
        print(f"\n=== benchmarks.{name} {' '.join(arguments)}", flush=True)
        started = time.monotonic()
        command = [sys.executable, "-m", f"benchmarks.{name}", *arguments, "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)
        print(done.stdout, flush=True)
        lines = done.stdout.strip().splitlines()
        if done.returncode != 0 or not lines:
            failed.append(name)
        else:
            results[name] = json.loads(lines[-1])
        print(f"--- {time.monotonic() - started:.0f} s", flush=True)
    print(json.dumps({"failed": failed, **results}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
