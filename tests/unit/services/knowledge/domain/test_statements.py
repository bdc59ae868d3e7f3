"""Statements read per identifier, merging in any order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.knowledge.domain.facts import ConsentStatement
from services.knowledge.domain.identity import CLAIM, IMPORT_ROW, MANUAL, VERIFIED_EMAIL, VERIFIED_PHONE, Link
from services.knowledge.domain.statements import (
    CLAIMS_WRITTEN,
    CONSENT_STATED,
    IDENTIFIERS_JOINED,
    IDENTIFIERS_PARTED,
    Record,
    check_statement,
    empty_record,
    merged_record,
    records_of_event,
)

CARD, LOGIN, PHONE, EMAIL = "card:1001", "login:u42", "phone:+8613911223344", "email:li@shop.cn"


def records(*named: tuple[str, bool], time_us: int = 7, **said: object) -> dict[str, Record]:
    given = {"claims": {}, "consents": {}, "account": "", "source": "crm", **said}
    return records_of_event(CLAIMS_WRITTEN, check_statement(named, **given).payload(), time_us)  # type: ignore[arg-type]


def test_every_pair_that_a_source_vouches_for_is_joined_with_its_evidence() -> None:
    found = records((CARD, False), (LOGIN, False), (PHONE, True), (EMAIL, True))
    assert found[CARD].node.links == {
        LOGIN: Link(CLAIM, "crm", 7),
        PHONE: Link(VERIFIED_PHONE, "crm", 7),
        EMAIL: Link(VERIFIED_EMAIL, "crm", 7),
    }
    assert found[PHONE].node.links.keys() == {CARD, LOGIN, EMAIL}


def test_an_unverified_phone_is_only_noted() -> None:
    found = records((CARD, True), (PHONE, False))
    assert found[CARD].node.links == {}
    assert found[CARD].node.unverified.keys() == {PHONE}
    assert found[PHONE] == empty_record(PHONE)


def test_claims_a_yes_and_the_account_are_said_of_the_first_identifier() -> None:
    found = records(
        (CARD, True), (LOGIN, True), claims={"name": "Li"}, account="household:2", consents={"marketing": "granted"}
    )
    assert found[CARD].said.claims["name"][0].value == "Li"
    assert found[CARD].said.account is not None
    assert found[CARD].said.consents == {"marketing": ConsentStatement(True, 7, "crm")}
    assert not (found[LOGIN].said.claims or found[LOGIN].said.account or found[LOGIN].said.consents)


def test_a_no_is_said_of_every_identifier_of_the_person() -> None:
    found = records((CARD, True), (LOGIN, True), consents={"marketing": "denied"})
    assert found[LOGIN].said.consents == {"marketing": ConsentStatement(False, 7, "crm")}
    stated = {
        "identifier": CARD,
        "purpose": "marketing",
        "state": "denied",
        "source": "desk",
        "denied_for": [CARD, EMAIL],
    }
    assert records_of_event(CONSENT_STATED, stated, 8).keys() == {CARD, EMAIL}
    assert records_of_event(CONSENT_STATED, {**stated, "state": "granted"}, 8).keys() == {CARD}


def test_joins_and_partings_by_hand_are_read() -> None:
    joined = records_of_event(
        IDENTIFIERS_JOINED, {"identifiers": [CARD, LOGIN], "source": "desk", "lifted": {CARD: ["p1"], PHONE: ["p1"]}}, 3
    )
    assert joined[CARD].node.links == {LOGIN: Link(MANUAL, "desk", 3)}
    assert joined[CARD].node.lifted == joined[PHONE].node.lifted == frozenset({"p1"})
    parted = records_of_event(IDENTIFIERS_PARTED, {"parting": "p2", "groups": [[CARD], [LOGIN, PHONE]]}, 4)
    assert {name: record.node.partings for name, record in parted.items()} == {
        CARD: {"p2": 0},
        LOGIN: {"p2": 1},
        PHONE: {"p2": 1},
    }


def test_an_event_of_a_later_version_is_passed_over() -> None:
    assert records_of_event("CustomerPromoted", {"anything": 1}, 1) == {}


def test_the_same_identifier_in_two_spellings_is_named_once() -> None:
    statement = check_statement(
        [("card:10-01", False), ("card:1001", True)], claims={}, consents={}, account="", source="", evidence=IMPORT_ROW
    )
    assert [(each.identifier, each.verified) for each in statement.identifiers] == [(CARD, True)]


said = st.builds(
    lambda named, time_us, value, state: records(
        *named,
        time_us=time_us,
        claims={"name": value},
        consents={"marketing": state},
        account=f"household:{value or 0}",
    ),
    named=st.lists(st.tuples(st.sampled_from([CARD, LOGIN, PHONE]), st.booleans()), min_size=1, max_size=3),
    time_us=st.integers(0, 3),
    value=st.sampled_from(["", "1", "2"]),
    state=st.sampled_from(["granted", "denied"]),
)


@given(statements=st.lists(said, max_size=6), chance=st.randoms(use_true_random=False))
@settings(deadline=None)
def test_what_is_known_of_an_identifier_does_not_depend_on_order_or_repetition(
    statements: list[dict[str, Record]], chance: object
) -> None:
    shuffled = [*statements, *statements]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    for identifier in (CARD, LOGIN, PHONE):
        known = []
        for order in (statements, shuffled):
            record = empty_record(identifier)
            for each in order:
                record = merged_record(record, each.get(identifier, empty_record(identifier)))
            known.append(record)
        assert known[0] == known[1]
