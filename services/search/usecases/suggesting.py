"""Completes what is being typed."""

from services.chassis.errors import InvalidArgumentError
from services.search.domain.suggestions import (
    PREFIX_LIMIT,
    SUGGESTIONS_DEFAULT,
    SUGGESTIONS_LIMIT,
    Completion,
    Phrase,
)


def complete_query(completion: Completion, beginning: str, language: str, limit: int) -> list[Phrase]:
    """Return suggestions; 0 asks for the default number. Raises InvalidArgumentError past a bound."""
    if len(beginning) > PREFIX_LIMIT:
        raise InvalidArgumentError(f"at most {PREFIX_LIMIT} characters are completed", field="query")
    if limit < 0:
        raise InvalidArgumentError("max_suggestions must not be negative", field="max_suggestions")
    return completion.complete(beginning, language, min(limit or SUGGESTIONS_DEFAULT, SUGGESTIONS_LIMIT))
