"""A step's evidence can be drawn, and the picture loads nothing from anywhere."""

import re
from pathlib import Path

from infra.tour.pictures import draw_steps, step_svg
from infra.tour.visit import Exchange
from infra.tour.walk import StepReport


def _report(*, ok: bool = True) -> StepReport:
    exchange = Exchange("GET /v1/search?q=<奶酪>", 200, '{"results":[]}')
    return StepReport(
        "zh-query", "A Chinese query finds products.", ok, "as promised" if ok else "nothing", (exchange,)
    )


def test_the_picture_shows_request_and_status_and_is_well_formed(tmp_path: Path) -> None:
    from xml.etree import ElementTree

    draw_steps((_report(),), tmp_path)
    picture = (tmp_path / "tour-zh-query.svg").read_text(encoding="utf-8")
    ElementTree.fromstring(picture)
    assert "/v1/search" in picture.replace("&#160;", " ")


def test_the_picture_asks_no_host_for_anything() -> None:
    picture = step_svg(_report(ok=False))
    assert not re.findall(r"url\(\s*[\"']?https?:", picture)
    assert "@font-face" not in picture
