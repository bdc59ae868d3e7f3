"""Who is whom, resolved at read; consent that never widens."""

import pytest

from services.recommendation.domain.errors import SnapshotUnreadableError
from services.recommendation.store.people import MEMBERS_LIMIT, People
from tests.unit.services.recommendation.shop import identity_event

GRANTED, DENIED = {"personalization": "granted"}, {"personalization": "denied"}


def people_of(*events: object) -> People:
    people = People()
    for event in events:
        people.apply(event)  # type: ignore[arg-type]
    return people


def test_an_unknown_identifier_is_a_person_of_its_own() -> None:
    person = People().resolve(["visitor:v-1"], default_consent=True)
    assert person.identifiers == ("visitor:v-1",)
    assert person.consented


def test_all_members_are_one_person() -> None:
    people = people_of(identity_event(1, "login:a", ["card:1", "login:a"]))
    assert set(people.resolve(["login:a"], default_consent=True).identifiers) == {"card:1", "login:a"}


def test_unmerged_they_are_two_again() -> None:
    people = people_of(identity_event(1, "login:a", ["card:1", "login:a"]), identity_event(2, "login:a", ["login:a"]))
    assert people.resolve(["login:a"], default_consent=True).identifiers == ("login:a",)


def test_an_older_version_changes_nothing() -> None:
    newer = identity_event(1, "login:a", ["login:a"], version=5)
    older = identity_event(2, "login:a", ["card:1", "login:a"], version=4)
    assert people_of(newer, older).resolve(["login:a"], default_consent=True).identifiers == ("login:a",)


@pytest.mark.parametrize(
    ("said", "default", "expected"),
    [(GRANTED, False, True), (DENIED, True, False), ({}, True, True), ({}, False, False)],
)
def test_what_was_said_outranks_the_default(said: dict[str, str], default: bool, expected: bool) -> None:
    people = people_of(identity_event(1, "card:1", ["card:1"], consents=said))
    assert people.resolve(["card:1"], default_consent=default).consented is expected


def test_one_denial_among_the_identifiers_denies() -> None:
    people = people_of(
        identity_event(1, "card:1", ["card:1"], consents=GRANTED),
        identity_event(2, "visitor:v-1", ["visitor:v-1"], consents=DENIED),
    )
    assert not people.resolve(["card:1", "visitor:v-1"], default_consent=True).consented


def test_nobody_has_not_consented() -> None:
    assert not People().resolve([], default_consent=True).consented


def test_members_are_bounded() -> None:
    people = people_of(identity_event(1, "card:0", [f"card:{n}" for n in range(MEMBERS_LIMIT + 1)]))
    assert len(people.resolve(["card:0"], default_consent=True).identifiers) == MEMBERS_LIMIT


def test_training_numbers_persons_and_not_identifiers() -> None:
    people = people_of(
        identity_event(1, "login:a", ["card:1", "login:a"]), identity_event(2, "card:1", ["card:1", "login:a"])
    )
    assert people.persons_of(["card:1", "visitor:v-1", "login:a"]).tolist() == [0, 1, 0]


def test_a_dump_taken_over_resolves_alike() -> None:
    people = people_of(identity_event(1, "login:a", ["card:1", "login:a"], consents=DENIED))
    again = People()
    again.load(people.dump())
    assert again.resolve(["login:a"], default_consent=True) == people.resolve(["login:a"], default_consent=True)
    again.clear()
    assert len(again) == 0


@pytest.mark.parametrize("content", [b"", b"[]", b'{"form": "people-0"}', b'{"form": "people-1"}'])
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(SnapshotUnreadableError):
        People().load(content)


def test_an_unreadable_event_raises_and_changes_nothing() -> None:
    people = People()
    with pytest.raises(KeyError):
        people.apply(identity_event(1, "card:1", ["card:1"]).__class__(**_without_members()))
    assert len(people) == 0


def _without_members() -> dict[str, object]:
    event = identity_event(1, "card:1", ["card:1"])
    fields = {name: getattr(event, name) for name in type(event).__slots__}
    return fields | {"payload": {"identifier": "card:1", "customer_id": "c-1", "version": 1}}
