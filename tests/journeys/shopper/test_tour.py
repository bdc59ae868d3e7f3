"""The golden journey on the real processes: the tour, every step of it."""

import json

from infra.tour.walk import STEPS
from tests.journeys.platform import Platform


def test_every_step_of_the_tour_holds(demo_shop: Platform) -> None:
    result = demo_shop.zhike("tour", "--json")
    report = json.loads(result.stdout.splitlines()[-1])
    assert [each["name"] for each in report["steps"] if not each["ok"]] == [], result.stdout
    assert len(report["steps"]) == len(STEPS)
    assert result.returncode == 0


def test_the_tour_for_people_names_each_step_and_leaves_no_key_behind(demo_shop: Platform) -> None:
    result = demo_shop.zhike("tour")
    assert result.returncode == 0, result.stdout
    assert "zh-query-finds-products" in result.stdout
    keys = demo_shop.zhike("keys", "list").stdout.splitlines()
    assert not [line for line in keys if "tour-" in line and line.split()[-1] == ""]
