"""An area for tests: a page with every part of the frame once, with names as long as people make them."""

from datetime import UTC, date, datetime
from math import sin
from typing import Annotated, Final, Literal

from pydantic import Field

from gateway.console.cells import Act, Chip, Column, Link, Moment, Money, Share, Spark, Stacked, Table
from gateway.console.pages import Area, Flash, Form, FormModel, Page, Redirect, View
from gateway.console.rendering import environment
from gateway.console.staffing import EVERYBODY
from gateway.console.visit import Visit

NOW: Final = datetime(2026, 11, 30, 9, 5, tzinfo=UTC)
NAMES: Final = (
    "安慕希希腊风味酸奶原味 205g×12 常温整箱",
    "Ambrosial Greek style yoghurt original, family pack of twelve",
    "<script>alert(1)</script>",
    "光明鲜牛奶 950 mL",
)


def open_templates() -> None:
    """Let the environment find the tests' own templates."""
    from pathlib import Path

    folder = str(Path(__file__).parent / "templates")
    loader = environment().loader
    if folder not in loader.searchpath:  # type: ignore[union-attr]
        loader.searchpath.append(folder)  # type: ignore[union-attr]


class Edit(FormModel):
    title: Annotated[str, Field(min_length=2, max_length=20)]
    count: Annotated[int, Field(ge=1)] = 1
    note: str = ""
    tone: Literal["a", "b"] = "a"
    tags: tuple[str, ...] = ()
    pinned: bool = False


class Drop(FormModel):
    id: str


async def show(visit: Visit) -> View:
    visit.form("edit", {"title": "old", "count": 1, "tags": ["x"], "pinned": True}, 3)
    actual = [100 + 40 * sin(n / 3) + n for n in range(29)] + [None] * 14
    forecast = [None] * 28 + [100 + 40 * sin(n / 3) + n for n in range(28, 43)]
    columns = (
        Column("search.products", lambda row: Link(NAMES[row % 4], "/console/gallery", f"p{10_480 + row}"), wide=True),
        Column("frame.views", lambda row: Chip(("Healthy", "Low", "Out")[row % 3], ("good", "warn", "bad")[row % 3])),
        Column("search.orders", lambda row: row * 1234, sort="orders", numeric=True),
        Column("table.yes", lambda row: Money({"amount": f"{row * 19.9:.2f}", "currency": "CNY"}), numeric=True),
        Column("chart.numbers", lambda row: Spark([sin(n + row) for n in range(14)])),
        Column("chart.more", lambda row: Share(row / 12, bar=True), numeric=True),
        Column("frame.live", lambda _row: Moment(NOW)),
        Column("frame.help", lambda row: Stacked("牛奶", "milk") if row % 2 else None),
        Column("", lambda row: Act("drop", "form.cancel", {"id": f"r{row}"}, "bad", "form.invalid"), export=False),
    )
    return {
        "now": NOW,
        "days": [f"{1 + n % 30}/{10 + n // 30}" for n in range(43)],
        "actual": actual,
        "forecast": forecast,
        "forecast2": [20 + 10 * sin(n) for n in range(43)],
        "low2": [15 + 5 * sin(n * 2) for n in range(43)],
        "low": [None if v is None else v - 20 for v in forecast],
        "high": [None if v is None else v + 20 for v in forecast],
        "first": date(2026, 6, 1),
        "year": [abs(sin(n / 9)) * 30 if n % 11 else None for n in range(183)],
        "figures": [
            ("Sales today", "¥128,430", "▲ 3.2 % on last week", "", [abs(sin(n / 3)) for n in range(30)]),
            ("Margin", "24.6%", "", "good", [abs(sin(n / 4)) for n in range(30)]),
            ("Out of stock", "2", "▼ 50 %", "bad", [abs(sin(n / 5)) for n in range(30)]),
            ("Late orders", "11", "of 1,204"),
        ],
        "chip": Chip("Good", "good"),
        "money": Money({"amount": "1234.50", "currency": "CNY"}),
        "rows": Table("rows", columns, range(12), "next", visit.sorting("rows", {"orders": 1}, "-orders"), total=431),
        "none_at_all": Table("none", columns, []),
    }


async def save(_visit: Visit, edit: Edit) -> Redirect:
    return Redirect("/console/gallery", Flash("start.day", {"name": edit.title}))


async def drop(_visit: Visit, edit: Drop) -> Redirect:
    return Redirect("/console/gallery", Flash("start.evening", {"name": edit.id}))


AREA: Final = Area(
    name="start",
    pages=(
        Page(
            path="/gallery",
            roles=EVERYBODY,
            title="frame.views",
            template="gallery.html",
            show=show,
            nav="chart",
            help="search.help",
            topics=("alerts",),
            counts="alerts",
            forms=(Form("edit", Edit, save), Form("drop", Drop, drop)),
        ),
    ),
)
