"""What other services are told of an identifier."""

from services.knowledge.domain.facts import AccountStatement, ConsentStatement, SaidOf, Statement
from services.knowledge.domain.identifiers import account_id
from services.knowledge.domain.identity import Member, Person
from services.knowledge.domain.resolution import goes_without_saying, resolution_of

ALONE = Person("c-1", (Member("card:1"),), ())


def test_members_account_consent_and_the_few_published_facts_are_told() -> None:
    person = Person("c-1", (Member("card:1"), Member("login:1", "card:1")), ())
    claims = {"name": (Statement(1, "pos", "Li"),), "language": (Statement(1, "app", "zh"),)}
    said = [
        SaidOf("card:1", claims, {"marketing": ConsentStatement(False, 1, "pos")}),
        SaidOf("login:1", account=AccountStatement(1, "household:2")),
    ]
    assert resolution_of(person, said) == {
        "customer_id": "c-1",
        "account_id": account_id("household:2"),
        "members": ["card:1", "login:1"],
        "consents": {"marketing": "denied"},
        "facts": {"language": "zh"},
    }


def test_only_who_is_alone_and_silent_goes_without_saying() -> None:
    assert goes_without_saying(resolution_of(ALONE, [SaidOf("card:1")]))
    spoken = SaidOf("card:1", consents={"marketing": ConsentStatement(True, 1, "pos")})
    assert not goes_without_saying(resolution_of(ALONE, [spoken]))
    assert not goes_without_saying(resolution_of(ALONE, [SaidOf("card:1", account=AccountStatement(1, "household:2"))]))
