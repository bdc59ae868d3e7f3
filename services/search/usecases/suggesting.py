"""Completes what is being typed."""

from collections.abc import Callable
from dataclasses import replace

from services.chassis.errors import InvalidArgumentError
from services.kits.money import Money
from services.search.domain.suggestions import (
    PREFIX_LIMIT,
    SUGGESTIONS_DEFAULT,
    SUGGESTIONS_LIMIT,
    Completion,
    Phrase,
)

PriceOf = Callable[[str], Money | None]


def complete_query(
    completion: Completion, price_of: PriceOf, beginning: str, language: str, limit: int
) -> list[Phrase]:
    """Return suggestions, products at their prices of now; 0 asks for the default number.

    Raises InvalidArgumentError past a bound.
    """
    if len(beginning) > PREFIX_LIMIT:
        raise InvalidArgumentError(f"at most {PREFIX_LIMIT} characters are completed", field="query")
    if limit < 0:
        raise InvalidArgumentError("max_suggestions must not be negative", field="max_suggestions")
    found = completion.complete(beginning, language, min(limit or SUGGESTIONS_DEFAULT, SUGGESTIONS_LIMIT))
    return [replace(each, price=price_of(each.product_id)) if each.product_id else each for each in found]
