"""Guests to be: members who buy enough, each for another theme."""

import numpy as np
import polars as pl
import pytest

from infra.demo.customers import build_customers
from infra.demo.personas import FEWEST_LINES, THEMES, choose_personas
from infra.demo.products import CatalogItem
from infra.demo.source import ShopYear


def test_a_shop_where_nobody_buys_enough_has_no_guests(tiny_year: ShopYear, tiny_items: list[CatalogItem]) -> None:
    customers = build_customers(tiny_year, rng=np.random.default_rng(1))
    assert choose_personas(customers, tiny_year.lines, tiny_items) == []
    assert choose_personas([], tiny_year.lines, tiny_items) == []


@pytest.mark.data
def test_every_theme_has_a_guest_of_another_household_who_consents(
    real_year: ShopYear, real_items: list[CatalogItem]
) -> None:
    customers = {each.card: each for each in build_customers(real_year, rng=np.random.default_rng(1))}
    personas = choose_personas(list(customers.values()), real_year.lines, real_items)
    assert [persona["sign"] for persona in personas] == [theme.sign for theme in THEMES]
    assert len({persona["id"] for persona in personas}) == len(THEMES)
    for persona in personas:
        card, login = persona["identifiers"]
        customer = customers[card.removeprefix("card:")]
        assert login == f"login:{customer.login}"
        assert customer.personalization
        bought = real_year.lines.filter(pl.col("household") == customer.household).height
        assert bought >= FEWEST_LINES
