"""Chooses the guests that the demo shop's page lets one be: members whose baskets tell a story, described by facts.

The households and what they buy are real, the names and logins are simulated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from infra.demo.customers import DemoCustomer
from infra.demo.products import CatalogItem
from infra.demo.wording import Words

# Someone with fewer lines has no habits to recommend from.
FEWEST_LINES: Final = 150
SHOWN_CATEGORIES: Final = 3


@dataclass(frozen=True, slots=True)
class Theme:
    """A kind of household; the one with the highest share of its lines in these categories stands for it."""

    sign: str
    title: Words
    categories: frozenset[str]


THEMES: Final = (
    Theme(
        "👶",
        Words("young family", "有小宝宝的家庭"),
        frozenset({"Baby food", "Diapers", "Baby care", "Infant formula"}),
    ),
    Theme("🐱", Words("cat people", "养猫人家"), frozenset({"Cat food", "Cat litter"})),
    Theme(
        "🥗", Words("fresh cook", "爱下厨"), frozenset({"Fresh vegetables", "Garlic and herbs", "Peppers", "Tomatoes"})
    ),
    Theme("🧁", Words("home baker", "烘焙爱好者"), frozenset({"Baking ingredients", "Baking mixes", "Flour and meal"})),
    Theme("🍱", Words("frozen and quick", "速食一族"), frozenset({"Frozen meals", "Frozen pizza and snacks"})),
    Theme(
        "🌿",
        Words("natural foods", "健康食品"),
        frozenset({"Natural chilled foods", "Organic produce", "Natural cereal"}),
    ),
)


def choose_personas(
    customers: Sequence[DemoCustomer], lines: pl.DataFrame, items: Sequence[CatalogItem]
) -> list[dict[str, Any]]:
    """Return one guest per theme, each another household; fewer when too few members (who consent) buy enough.

    ``household`` is the data's number, for the caller.
    """
    members = [customer for customer in customers if customer.login and customer.personalization]
    names = sorted({item.category.names for item in items}, key=lambda name: name.en)
    counts = _lines_by_category(members, lines, items, names)
    totals = counts.sum(axis=1)
    usual = counts.sum(axis=0) / max(counts.sum(), 1)
    free = totals >= FEWEST_LINES
    personas = []
    for theme in THEMES:
        wanted = np.asarray([name.en in theme.categories for name in names])
        share = np.where(free, counts[:, wanted].sum(axis=1) / np.maximum(totals, 1), -1.0)
        if not len(share) or share.max() <= 0.0:
            continue
        place = int(share.argmax())
        free[place] = False
        lift = np.where(counts[place] >= 5, counts[place] / totals[place] - usual, -1.0)
        often = [names[each] for each in np.argsort(-lift, kind="stable")[:SHOWN_CATEGORIES]]
        personas.append(_persona(members[place], theme, often, int(totals[place])))
    return personas


def _lines_by_category(
    members: Sequence[DemoCustomer], lines: pl.DataFrame, items: Sequence[CatalogItem], names: Sequence[Words]
) -> np.ndarray:
    """Return members × categories: how many lines each bought."""
    place_of = {name: place for place, name in enumerate(names)}
    categories = pl.DataFrame(
        {"item": [item.item for item in items], "category": [place_of[item.category.names] for item in items]},
        schema={"item": pl.Int32, "category": pl.Int32},
    )
    rows = pl.DataFrame(
        {"household": [member.household for member in members], "row": range(len(members))},
        schema={"household": pl.Int32, "row": pl.Int32},
    )
    counted = (
        (lines.select("household", "item").join(rows, on="household").join(categories, on="item"))
        .group_by("row", "category")
        .len()
    )
    table = np.zeros((len(members), len(names)), dtype=np.int64)
    table[counted["row"].to_numpy(), counted["category"].to_numpy()] = counted["len"].to_numpy()
    return table


def _persona(customer: DemoCustomer, theme: Theme, often: Sequence[Words], lines: int) -> dict[str, Any]:
    return {
        "id": f"household-{customer.household}",
        "household": customer.household,
        "sign": theme.sign,
        "name": {"en": f"{customer.name}, {theme.title.en}", "zh": f"{customer.name}，{theme.title.zh}"},
        "text": {
            "en": f"{lines:,} lines in the year, above all: {', '.join(name.en.lower() for name in often)}",
            "zh": f"全年买过{lines:,}件次，常买：{'、'.join(name.zh for name in often)}",
        },
        "identifiers": [f"card:{customer.card}", f"login:{customer.login}"],
    }
