"""Erasure on real processes: ``python -m benchmarks.erasure --json``.

Makes a shop of 5,000 customers, each with nine canaries (telephone, mail, card, login, visitor, postal address, an
order's note, a search, a review), asks for the erasure of 100 of them through the API, and looks for the canaries: in
every answer of the API, in every document and event that a port reads, and in every byte under the data directory. Late
events of the erased are sent through every door. Projections are rebuilt and compared. Consent is withdrawn and the
time taken until nothing personal is answered. The last line of ``--json`` is {customers, erased, export_files,
erased_s, found_by_api, found_in_bytes, examples, late_sent, late_refused, rebuild_equal, consent_blocked_ms}. It fails
where anything is found, accepted late, unequal, or answered personally for longer than 2 s, or the erasure took more
than a minute.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.erasure_shop import Deployment, Person, make_people
from benchmarks.erasure_traces import found_in_bytes

CUSTOMERS, ERASED = 5_000, 100
LIMIT_S = 60.0
BLOCKED_LIMIT_MS = 2_000
CONSENTS = 20  # withdrawals that are timed
KEPT_CHECKED = 50  # customers of whom everything must still be there


def erase(deployment: Deployment, erased: list[Person]) -> float:
    """Ask for all of them and return the seconds until every receipt says done."""
    begun = time.monotonic()
    receipts = [deployment.erase(person) for person in erased]
    while time.monotonic() - begun < 10 * LIMIT_S:
        receipts = [each for each in receipts if deployment.receipt(each)["state"] != "done"]
        if not receipts:
            return time.monotonic() - begun
        time.sleep(0.5)
    raise SystemExit(f"{len(receipts)} erasures did not end")


def measure(customers: int, erased_count: int, kept_in: Path | None = None) -> dict[str, Any]:
    """Measure, in a directory that is kept where one is named."""
    with tempfile.TemporaryDirectory(prefix="zhike-bench-") as folder:
        data = kept_in or Path(folder) / "data"
        people = make_people(customers)
        step = max(1, customers // erased_count)
        erased = people[::step][:erased_count]
        kept = [each for each in people if each not in erased][:KEPT_CHECKED]
        with Deployment.started(data) as deployment:
            deployment.load(people)
            deployment.expect_all(kept[:5])
            before = found_in_bytes(data, erased[:3])
            assert before, "the canaries were never there"
            receipt = deployment.erase_one_export(erased[0])
            seconds = erase(deployment, erased)
            time.sleep(max(0.0, LIMIT_S - seconds))
            by_api = deployment.found_by_api(erased)
            in_bytes = found_in_bytes(data, erased)
            late_sent, late_refused = deployment.send_late(erased)
            equal = deployment.rebuild_equal([*kept[:10], *erased[:10]])
            in_bytes |= found_in_bytes(data, erased)
            deployment.expect_all(kept)
            blocked_ms = max(deployment.consent_blocked_ms(person) for person in kept[:CONSENTS])
    return {
        "customers": customers,
        "erased": len(erased),
        "export_files": receipt,
        "erased_s": round(seconds, 1),
        "found_by_api": len(by_api),
        "found_in_bytes": len(in_bytes),
        "examples": sorted(by_api)[:4] + sorted(in_bytes)[:: max(1, len(in_bytes) // 8)],
        "late_sent": late_sent,
        "late_refused": late_refused,
        "rebuild_equal": equal,
        "consent_blocked_ms": round(blocked_ms),
    }


def holds(result: dict[str, Any]) -> bool:
    """Tell whether the erased are gone, stay gone, and nothing else changed."""
    return bool(
        not result["found_by_api"]
        and not result["found_in_bytes"]
        and result["erased_s"] <= LIMIT_S
        and result["late_refused"] == result["late_sent"]
        and result["rebuild_equal"]
        and result["consent_blocked_ms"] <= BLOCKED_LIMIT_MS
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--erased", type=int, default=ERASED)
    parser.add_argument("--data", type=Path, help="keep the data directory in this new one")
    arguments = parser.parse_args()
    result = measure(arguments.customers, arguments.erased, arguments.data)
    for name, value in result.items():
        print(f"{name:<20} {value}")
    if arguments.json:
        print(json.dumps(result))
    return 0 if holds(result) else 1


if __name__ == "__main__":
    sys.exit(main())
