"""What is made of a mention: by its own words, its stars, its source, and, for a bare repost, its original."""

from dataclasses import dataclass
from typing import Any

import pytest

from services.reputation.domain.brands import Brand, BrandKind, Lexicon
from services.reputation.domain.clusters import Place
from services.reputation.domain.counters import Scope, ScopeKind
from services.reputation.domain.hearing import (
    JUDGED_CHARACTERS,
    Ear,
    JudgedTone,
    Mention,
    Said,
    SourceFacts,
    heard_language,
    tone_of_rating,
)


@dataclass(frozen=True)
class Judged:
    label: str
    probability: float = 0.9
    unsure: bool = False


class Listener:
    """An ear whose tone model says what it is told, and remembers what it was asked."""

    def __init__(self, judged: Judged | None = None) -> None:
        self.judged, self.asked = judged, []  # type: ignore[var-annotated]
        lexicon = Lexicon()
        lexicon.put_brand(Brand("zhike", BrandKind.OWN, ("知客",)))
        lexicon.put_product("p-1", ["牛奶"])
        self.ear = Ear(lexicon, self.tone, lambda text: "quality" if "坏" in text else "")

    def tone(self, text: str, language: str) -> JudgedTone | None:
        self.asked.append((text, language))
        return self.judged

    def hear(self, source: SourceFacts | None = None, **fields: Any) -> Mention:
        payload = {"id": "7", "source": "weibo", "text": "知客的牛奶坏了", **fields}
        return self.ear.read("m1", payload, source or SourceFacts(), shop="main", times_us=(5, 9))


def test_a_mention_is_read_whole() -> None:
    heard = Listener(Judged("negative", 0.97)).hear(
        title="<b>投诉</b>",
        text="<p>知客的牛奶坏了</p>",
        author="小明",
        url="https://m.example/7",
        language="en",
        reach=7,
    )
    assert (heard.title, heard.text, heard.language) == ("投诉", "知客的牛奶坏了", "zh")
    assert heard.said == Said("negative", 0.97, "quality", ("zhike",), ("p-1",))
    assert (heard.published_us, heard.seen_us, heard.reach, heard.tier) == (5, 9, 7, 3)
    assert heard.prints().references == ("weibo/7", "https://m.example/7")
    assert heard.prints().parent == ""


def test_the_model_is_asked_for_the_words_alone_and_no_more_than_it_judges_by() -> None:
    listener = Listener()
    listener.hear(title="标题", text="@小明:看 https://t.cn/x " + "好" * JUDGED_CHARACTERS)
    ((text, language),) = listener.asked
    assert (text[:6], len(text), language) == ("标题 看 好", JUDGED_CHARACTERS, "zh")


@pytest.mark.parametrize(
    ("judged", "tone", "probability"),
    [
        (None, "unknown", 0.0),
        (Judged("positive", 0.8), "positive", 0.8),
        (Judged("positive", 0.55, unsure=True), "unsure", 0.55),
        (Judged("unknown"), "unknown", 0.0),
        (Judged("a word of a later version"), "unknown", 0.0),
    ],
)
def test_tone_is_a_word_that_is_counted(judged: Judged | None, tone: str, probability: float) -> None:
    said = Listener(judged).hear().said
    assert (said.tone, said.probability) == (tone, probability)


@pytest.mark.parametrize(
    ("stars", "tone"), [(1, "negative"), (2, "negative"), (3, "neutral"), (4, "positive"), (5, "positive")]
)
def test_an_authors_stars_outrank_the_model(stars: int, tone: str) -> None:
    listener = Listener(Judged("positive"))
    assert listener.hear(rating=stars).said.tone == tone == tone_of_rating(stars)
    assert listener.asked == []


def test_what_the_source_says_holds_unless_the_mention_says_otherwise() -> None:
    source = SourceFacts(tier=1, reach=1_000)
    assert (Listener().hear(source).tier, Listener().hear(source).reach) == (1, 1_000)
    heard = Listener().hear(source, tier=2, reach=0)
    assert (heard.tier, heard.reach) == (2, 0)
    assert Listener().hear().reach is None


def test_in_the_shops_own_reviews_a_product_needs_no_brand() -> None:
    assert Listener().hear(text="牛奶坏了").said.products == ()
    assert Listener().hear(SourceFacts(is_own=True), text="牛奶坏了").said.products == ("p-1",)
    review = Listener().ear.read(
        "m",
        {"id": "1", "source": "reviews", "text": "牛奶坏了", "product_id": "p-9"},
        SourceFacts(),
        shop="main",
        times_us=(1, 1),
    )
    assert review.said.products == ("p-9", "p-1")


@pytest.mark.parametrize(
    ("text", "parent", "expected"),
    [
        ("转发微博", "weibo/1", True),
        ("//@小红:知客的牛奶坏了", "weibo/1", True),
        ("", "weibo/1", True),
        ("我也遇到过", "weibo/1", False),
        ("转发微博", "", False),
    ],
)
def test_a_repost_is_what_adds_no_words(text: str, parent: str, expected: bool) -> None:
    assert Listener().hear(text=text, parent=parent).is_repost is expected


def test_a_bare_repost_says_what_its_original_says() -> None:
    original = Said("negative", 0.9, "quality", ("zhike",), ("p-1",))
    place = Place("c-1", begins=False)
    repost = Listener().hear(text="转发微博", parent="weibo/1")
    assert repost.prints().parent == "weibo/1"
    assert repost.at(place, original).said == original
    assert repost.at(place, None).said == repost.said
    comment = Listener(Judged("positive")).hear(text="我觉得还行啊", parent="weibo/1")
    assert comment.at(place, original).said.tone == "positive"


def test_a_mention_counts_for_the_shop_its_source_and_all_that_it_names() -> None:
    heard = Listener(Judged("negative")).hear(reach=4).at(Place("c-1", begins=True), None)
    assert heard.scopes() == (
        Scope("main", ScopeKind.SHOP),
        Scope("main", ScopeKind.SOURCE, "weibo"),
        Scope("main", ScopeKind.BRAND, "zhike"),
        Scope("main", ScopeKind.PRODUCT, "p-1"),
    )
    tally = heard.tally()
    assert (tally.negative, tally.reach, tally.clusters, tally.aspects) == (1, 4, 1, {"quality": 1})


@pytest.mark.parametrize(
    ("text", "stated", "language"),
    [
        ("好 nice", "en", "zh"),
        ("nice", "zh", "en"),
        ("👍", "zh-CN", "zh"),
        ("👍", "", "und"),
        ("こんにちは", "ja", "ja"),
    ],
)
def test_script_decides_the_language_where_it_can(text: str, stated: str, language: str) -> None:
    assert heard_language(text, stated) == language
