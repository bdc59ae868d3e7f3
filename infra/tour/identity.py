"""Steps of one person in three channels: joined, parted exactly, and parted for good."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from infra.tour.visit import Visit, check

MOBILE_PREFIX = "+86139"
MOBILE_DIGITS = 8


@dataclass(frozen=True, slots=True)
class _Person:
    """Three names for one person, unknown before this visit."""

    card: str
    login: str
    phone: str

    @property
    def names(self) -> tuple[str, str, str]:
        return (self.card, self.login, self.phone)


async def card_login_and_phone_are_one_customer(visit: Visit) -> None:
    """A loyalty card, a login and a verified phone name one customer once a source has said so."""
    await _join(visit, _person(visit, turn=1))


async def unmerge_is_exact_and_lasts(visit: Visit) -> None:
    """Parting gives the very profiles from before the join, and the next login does not join them again."""
    person = _person(visit, turn=2)
    before = await _join(visit, person)
    joined = await _customer(visit, person.card)
    parted = {"identifiers": [person.card], "reason": "the tour parts them", "request_id": f"part-{visit.number}"}
    await visit.post(f"/v1/customers/{joined['id']}:unmerge", parted, key="staff")
    check(visit.last_status == 200, f"unmerge answered {visit.last_status}")
    await visit.eventually(lambda: _are_two(visit, person), "they are still one customer")
    after = (await _customer(visit, person.card))["profile_hash"]
    check(after == before[person.card], "the card's profile differs from a fold without those edges")
    await _log_in_with_card(visit, person)
    check(await _are_two(visit, person), "the next login joined them again")
    rest = await _customer(visit, person.login)
    check(
        {each["identifier"] for each in rest["identifiers"]} == {person.login, person.phone},
        "login and phone were parted too",
    )


async def _join(visit: Visit, person: _Person) -> dict[str, str]:
    """Make the three known apart, then join them; returns each one's profile hash from before the join."""
    for name, channel in zip(person.names, ("store", "app", "phone"), strict=True):
        await _claim(visit, [name], claims=[{"field": "met_at", "value": channel}])
    before = {name: (await _customer(visit, name))["profile_hash"] for name in person.names}
    await _claim(visit, [person.card, person.login])
    await _claim(visit, [person.login, person.phone])

    async def one() -> bool:
        return len({(await _customer(visit, name))["id"] for name in person.names}) == 1

    await visit.eventually(one, "card, login and phone are not one customer")
    return before


async def _log_in_with_card(visit: Visit, person: _Person) -> None:
    """The shop's backend reports a login that carries the card; wait until it has been taken in."""
    event = {
        "id": f"{visit.number}-login",
        "type": "login",
        "time": datetime.now(UTC).isoformat(),
        "identifiers": [person.card, person.login],
        "channel": "app",
    }
    verdicts = await visit.post("/v1/events", {"events": [event]}, key="shop")
    check(verdicts.get("stored") == 1, f"the login was not stored: {verdicts}")

    async def counted() -> bool:
        return bool((await _customer(visit, person.login)).get("interactions_by_channel", {}).get("app"))

    await visit.eventually(counted, "the login was not taken in")


async def _are_two(visit: Visit, person: _Person) -> bool:
    ids = {name: (await _customer(visit, name))["id"] for name in person.names}
    return bool(ids[person.card] != ids[person.login] and ids[person.login] == ids[person.phone])


async def _customer(visit: Visit, name: str) -> dict[str, Any]:
    customer: dict[str, Any] = await visit.get(f"/v1/customers/{quote(name, safe='')}", key="staff")
    check(visit.last_status == 200, f"{name} answered {visit.last_status}")
    return customer


async def _claim(visit: Visit, names: list[str], claims: list[dict[str, str]] | None = None) -> None:
    body = {
        "identifiers": [{"identifier": name, "verified": True} for name in names],
        "claims": claims or [],
        "source": "tour",
        "request_id": f"{visit.number}-{'-'.join(names)}-{len(claims or [])}",
    }
    await visit.post("/v1/customers:claims", body, key="staff")
    check(visit.last_status == 200, f"the claim answered {visit.last_status}")


def _person(visit: Visit, *, turn: int) -> _Person:
    digits = str(int(visit.number, 16) + turn)[-MOBILE_DIGITS:].zfill(MOBILE_DIGITS)
    return _Person(
        card=f"card:tour{visit.number}{turn}",
        login=f"login:tour-{visit.number}-{turn}",
        phone=f"phone:{MOBILE_PREFIX}{digits}",
    )
