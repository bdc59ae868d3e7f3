"""Writes the dashboards: ``python -m infra.grafana.build`` writes them, ``--check`` fails when one is stale."""

import argparse
import json
import sys
from pathlib import Path

from infra.grafana.desk import DESK
from infra.grafana.event_logs import EVENT_LOGS
from infra.grafana.models import MODELS
from infra.grafana.orders import ORDERS
from infra.grafana.overview import OVERVIEW
from infra.grafana.panels import dashboard_json
from infra.grafana.reputation import REPUTATION
from infra.grafana.stores import STORES
from infra.grafana.webhooks import WEBHOOKS

FOLDER = Path(__file__).parent / "dashboards"

DASHBOARDS = (OVERVIEW, EVENT_LOGS, STORES, MODELS, ORDERS, DESK, REPUTATION, WEBHOOKS)


def texts() -> dict[Path, str]:
    """Return what each file holds."""
    return {
        FOLDER / f"{each.uid}.json": json.dumps(dashboard_json(each, DASHBOARDS), indent=1, ensure_ascii=False) + "\n"
        for each in DASHBOARDS
    }


def main() -> int:
    """Write the files, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when a dashboard is stale, write nothing")
    arguments = parser.parse_args()
    for path, text in texts().items():
        if not arguments.check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
