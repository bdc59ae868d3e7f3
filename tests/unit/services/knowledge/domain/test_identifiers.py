"""Customer ids and accounts: one spelling, one id."""

import pytest

from services.kits.text.identifiers import IdentifierInvalidError
from services.knowledge.domain.identifiers import account_id, is_customer_id, own_customer_id, parse_account


def test_each_identifier_has_a_customer_id_of_its_own() -> None:
    ids = {own_customer_id(each) for each in ("card:123", "card:124", "login:123")}
    assert len(ids) == 3
    assert all(is_customer_id(each) and len(each) == 22 for each in ids)
    assert not is_customer_id("card:123")


@pytest.mark.parametrize("text", ["household:208", " household:208 ", "household:２０８"])
def test_an_account_has_one_spelling_and_one_id(text: str) -> None:
    assert parse_account(text) == ("household", "household:208")
    assert account_id("household:208").startswith("a-")


@pytest.mark.parametrize("text", ["", "208", "household:", "club:1", "household:a\x00", "household:" + "x" * 101])
def test_an_account_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(IdentifierInvalidError):
        parse_account(text)
