"""What is made of a bucket that bursts: its group, its level, its evidence."""

from datetime import timedelta

import pytest

from services.reputation.domain.alerts import AlertName, GroupKind
from services.reputation.domain.bursts import Judgement, Judgements, Verdict
from services.reputation.domain.counters import Scope, ScopeKind, Tally, bucket_time
from services.reputation.domain.hearing import Mention, Said
from services.reputation.domain.levels import Level
from services.reputation.domain.sightings import burst_sighting, is_judged, silence_sighting
from services.reputation.domain.silence import Silence, SilenceKind
from tests.strategies.alerts import START

BUCKET = 5_000_000
OWN = frozenset({"acme"})
QUIET = Judgement(Verdict.USUAL, BUCKET, 3, 1.0, 1.0, 2.0, 500)
LOUD = Judgement(Verdict.BURST, BUCKET, 60, 20.0, 2.0, 5.0, 500, 0.8, 0.1)
TALLIES = {
    BUCKET - 2: Tally({("positive", 3): 4}),
    BUCKET: Tally({("negative", 1): 9, ("unsure", 3): 1}, reach=2_000_000, aspects={"safety": 9}),
}


def mention(number: int, *, source: str = "weibo", brands: tuple[str, ...] = ("acme",)) -> Mention:
    return Mention(
        id=f"m{number}",
        shop="main",
        source=source,
        source_mention_id=str(number),
        tier=1,
        published_us=0,
        seen_us=0,
        language="zh",
        text="异物",
        url=f"https://example.com/{number}",
        reach=number,
        said=Said("negative", 0.9, "safety", brands),
        cluster_id=f"c{number}",
    )


def test_a_burst_is_seen_with_everything_that_its_level_rests_on() -> None:
    scope = Scope("main", ScopeKind.BRAND, "acme")
    found = burst_sighting(scope, Judgements(QUIET, LOUD), TALLIES, [mention(1), mention(2, source="news")], OWN)
    assert (found.group.kind, found.group.subject, found.name) == (GroupKind.BRAND, "acme", AlertName.BURST)
    assert found.time == bucket_time(BUCKET) + timedelta(minutes=5)
    assert set(found.judgements) == {"negative"}
    assert found.terms["judgements"]["negative"]["times_usual"] == 7.0
    assert {term.name: term.value for term in found.assessment.terms} == {
        "volume": 7.0,
        "negative-share": 9 / 13,
        "reach": 2_000_000,
        "tier": 1,
        "speed": 11 / 5,
        "sources": 2,
        "grave-aspects": 1.0,
    }
    assert found.assessment.level is Level.I
    assert [each.mention_id for each in found.evidence] == ["m1", "m2"]


def test_a_bucket_that_does_not_burst_is_no_sighting() -> None:
    with pytest.raises(ValueError, match="does not burst"):
        burst_sighting(Scope("main", ScopeKind.SHOP), Judgements(QUIET, QUIET), {}, [], OWN)


def test_what_nobody_says_is_not_known() -> None:
    found = burst_sighting(Scope("main", ScopeKind.SHOP), Judgements(LOUD, QUIET), {}, [], frozenset())
    values = {term.name: term.value for term in found.assessment.terms}
    assert (values["reach"], values["tier"], values["negative-share"]) == (None, None, None)


def test_a_product_belongs_to_the_own_brand_that_is_named_with_it() -> None:
    scope, judged = Scope("main", ScopeKind.PRODUCT, "p-1"), Judgements(QUIET, LOUD)
    spoken = [mention(1, brands=("rival", "acme")), mention(2, brands=("other",)), mention(3, brands=("other",))]
    assert burst_sighting(scope, judged, {}, spoken, OWN).group.brand == "acme"
    assert burst_sighting(scope, judged, {}, spoken, frozenset({"acme", "other"})).group.brand == "other"
    assert burst_sighting(scope, judged, {}, [], frozenset({"acme", "other"})).group.brand == ""


@pytest.mark.parametrize(
    ("kind", "subject", "own", "judged"),
    [
        (ScopeKind.BRAND, "acme", OWN, True),
        (ScopeKind.BRAND, "rival", OWN, False),
        (ScopeKind.PRODUCT, "p-1", OWN, True),
        (ScopeKind.SHOP, "", OWN, False),
        (ScopeKind.SHOP, "", frozenset(), True),
        (ScopeKind.SOURCE, "weibo", OWN, False),
    ],
)
def test_own_brands_and_products_are_judged(kind: ScopeKind, subject: str, own: frozenset[str], judged: bool) -> None:
    assert is_judged(Scope("main", kind, subject), own) is judged


@pytest.mark.parametrize(("tier", "level"), [(1, Level.III), (3, Level.IV)])
def test_a_source_of_the_best_tier_is_missed_more(tier: int, level: Level) -> None:
    found = silence_sighting(Silence("feed-1", "main", SilenceKind.SILENT, START, 12.34), tier)
    assert found.assessment.level is level
    assert (found.group.kind, found.time, found.reopens_while_held) == (GroupKind.SOURCE, START, True)
    assert "12" in found.assessment.terms[0].explanation["en"]
