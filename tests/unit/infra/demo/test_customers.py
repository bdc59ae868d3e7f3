"""Customers: real households, simulated identities that are valid, unique and said to be simulated."""

import csv
from io import StringIO

import numpy as np
import pytest

from infra.demo.customers import CUSTOMER_COLUMNS, SOURCE, DemoCustomer, build_customers, customer_csv
from infra.demo.source import ShopYear
from services.kits.text.identifiers import normalise_card, normalise_email, normalise_phone


@pytest.fixture(scope="module")
def real_customers(real_year: ShopYear) -> list[DemoCustomer]:
    return build_customers(real_year, rng=np.random.default_rng(1))


def _rows(customers: list[DemoCustomer]) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(b"".join(customer_csv(customers)).decode())))


def test_every_household_is_a_customer_with_a_card(tiny_year: ShopYear) -> None:
    customers = build_customers(tiny_year, rng=np.random.default_rng(1))
    assert [customer.card for customer in customers] == ["CJ000001", "CJ000002", "CJ000003", "CJ000004"]


def test_demographics_are_those_of_the_data_or_empty(tiny_year: ShopYear) -> None:
    first, second, *_ = build_customers(tiny_year, rng=np.random.default_rng(1))
    known = (first.age_band, first.income_band, first.marital_status, first.household_size, first.kids)
    assert known == ("65+", "35-49K", "Married", "2", "0")
    assert (second.age_band, second.kids) == ("", "")


def test_a_row_has_the_columns_that_the_importer_reads_and_says_what_is_simulated(tiny_year: ShopYear) -> None:
    rows = _rows(build_customers(tiny_year, rng=np.random.default_rng(1)))
    assert tuple(rows[0]) == CUSTOMER_COLUMNS
    assert {row["source"] for row in rows} == {SOURCE}
    assert "simulated" in SOURCE
    assert {row["consent_personalization"] for row in rows} <= {"true", "false"}


def test_what_is_not_there_is_not_verified_either(tiny_year: ShopYear) -> None:
    for seed in range(50):
        for row in _rows(build_customers(tiny_year, rng=np.random.default_rng(seed))):
            assert bool(row["phone"]) == bool(row["phone_verified"])
            assert bool(row["email"]) == bool(row["email_verified"])


def test_the_same_seed_gives_the_same_customers_and_another_seed_others(tiny_year: ShopYear) -> None:
    first, again, other = (build_customers(tiny_year, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.data
def test_identifiers_are_unique_valid_and_written_as_they_are_kept(real_customers: list[DemoCustomer]) -> None:
    for name, normalise in (("card", normalise_card), ("phone", normalise_phone), ("email", normalise_email)):
        values = [value for customer in real_customers if (value := getattr(customer, name))]
        assert len(set(values)) == len(values) > 0
        assert [normalise(value) for value in values[::7]] == values[::7]
    logins = [customer.login for customer in real_customers if customer.login]
    assert len(set(logins)) == len(logins)


@pytest.mark.data
def test_no_address_or_number_belongs_to_anyone(real_customers: list[DemoCustomer]) -> None:
    assert all(customer.email.endswith("@example.com") for customer in real_customers if customer.email)
    assert all(customer.phone[5:10] == "55501" for customer in real_customers if customer.phone)


@pytest.mark.data
def test_some_have_an_app_a_phone_an_address_and_a_few_say_no(real_customers: list[DemoCustomer]) -> None:
    count = len(real_customers)
    assert count == 2_469
    assert 0.40 < sum(bool(customer.login) for customer in real_customers) / count < 0.50
    assert 0.50 < sum(bool(customer.phone) for customer in real_customers) / count < 0.60
    assert 0.45 < sum(bool(customer.email) for customer in real_customers) / count < 0.55
    assert 0.05 < sum(not customer.personalization for customer in real_customers) / count < 0.10
    assert sum(bool(customer.age_band) for customer in real_customers) == 801
