"""Under which names an erased customer has written: the shop's own reviews are signed with a login or an identifier."""

from typing import Final

from services.reputation.domain.mentions import REVIEWS

_SIGNS: Final = ("login:", "card:")


def author_names(identifier: str) -> tuple[str, ...]:
    """Return the subjects under which the log of mentions knows who has this identifier."""
    signed = [identifier]
    if identifier.startswith(_SIGNS):
        signed.append(identifier.partition(":")[2])
    return tuple(f"author:{REVIEWS}/{each}" for each in signed)
