"""Claims, consent and accounts: the latest wins, in any order."""

from hypothesis import given
from hypothesis import strategies as st

from services.knowledge.domain.facts import (
    DEFAULT,
    DENIED,
    GRANTED,
    STATEMENTS_KEPT,
    AccountStatement,
    ConsentStatement,
    SaidOf,
    Statement,
    account_in_force,
    consent_states,
    consents_in_force,
    facts_in_force,
    interactions_by_channel,
    kept_statements,
)


def said(identifier: str = "card:1", **fields: object) -> SaidOf:
    return SaidOf(identifier, **fields)  # type: ignore[arg-type]


def test_the_latest_claim_is_in_force_and_what_it_replaced_is_remembered() -> None:
    statements = tuple(Statement(time_us, source, value) for time_us, source, value in
                       [(1, "pos", "A"), (2, "app", "B"), (3, "crm", "C"), (2, "web", "B")])  # fmt: skip
    (fact,) = facts_in_force([said(claims={"name": statements})])
    assert (fact.value, fact.source, fact.superseded_values) == ("C", "crm", ("B", "A"))


def test_at_most_five_superseded_values_are_shown() -> None:
    statements = tuple(Statement(number, f"s{number}", str(number)) for number in range(9))
    (fact,) = facts_in_force([said(claims={"name": statements})])
    assert fact.superseded_values == ("7", "6", "5", "4", "3")


def test_a_source_that_took_its_word_back_is_heard_no_more() -> None:
    statements = (Statement(1, "pos", "A"), Statement(2, "app", "B"), Statement(3, "app", ""))
    (fact,) = facts_in_force([said(claims={"name": statements})])
    assert (fact.value, fact.source) == ("A", "pos")
    assert facts_in_force([said(claims={"name": (Statement(1, "app", ""),)})]) == ()


def test_a_fact_names_the_identifier_that_it_was_said_of() -> None:
    early = said("card:1", claims={"name": (Statement(1, "pos", "A"),)})
    late = said("login:1", claims={"name": (Statement(2, "app", "B"),)})
    facts = facts_in_force([early, late])
    assert [(fact.value, fact.identifier) for fact in facts] == [("B", "login:1")]


def test_the_statements_that_are_kept_are_the_newest_whatever_order_they_came_in() -> None:
    many = [Statement(number, "pos", str(number)) for number in range(STATEMENTS_KEPT + 5)]
    assert kept_statements(many) == kept_statements(reversed(many))
    assert len(kept_statements(many)) == STATEMENTS_KEPT
    assert kept_statements(many)[0].time_us == STATEMENTS_KEPT + 4


def test_at_the_same_instant_a_no_holds() -> None:
    yes, no = ConsentStatement(True, 5, "a"), ConsentStatement(False, 5, "b")
    for order in ([yes, no], [no, yes]):
        people = [said(f"card:{place}", consents={"marketing": each}) for place, each in enumerate(order)]
        assert not consents_in_force(people)["marketing"].granted


@given(
    st.permutations(
        [
            ConsentStatement(granted, time_us, source)
            for granted in (True, False)
            for time_us in (1, 2)
            for source in "ab"
        ]
    )
)
def test_consent_in_force_does_not_depend_on_order(statements: list[ConsentStatement]) -> None:
    people = [said(f"card:{place}", consents={"marketing": each}) for place, each in enumerate(statements)]
    assert consents_in_force(people)["marketing"] == ConsentStatement(False, 2, "b")


def test_every_purpose_has_a_state() -> None:
    people = [said(consents={"marketing": ConsentStatement(True, 1, "a")})]
    assert {each.purpose: each.state for each in consent_states(people)} == {
        "personalization": DEFAULT,
        "marketing": GRANTED,
    }
    people.append(said("login:1", consents={"marketing": ConsentStatement(False, 2, "a")}))
    assert {each.purpose: each.state for each in consent_states(people)}["marketing"] == DENIED


def test_the_latest_account_is_the_persons() -> None:
    people = [
        said("card:1", account=AccountStatement(2, "household:2")),
        said("card:2", account=AccountStatement(1, "household:1")),
    ]
    assert account_in_force(people) == "household:2"
    assert account_in_force([said()]) == ""


def test_an_event_counts_under_the_strongest_of_a_persons_own_identifiers() -> None:
    card = said("card:1", channels={"web": {(): 2}})
    login = said("login:1", channels={"web": {("card:1",): 2, (): 1}})
    browser = said("visitor:x", channels={"web": {("card:1", "login:1"): 2}, "app": {(): 3}})
    assert interactions_by_channel([card, login, browser]) == {"app": 3, "web": 3}
    assert interactions_by_channel([login, browser]) == {"app": 3, "web": 3}
    assert interactions_by_channel([browser]) == {"app": 3, "web": 2}
