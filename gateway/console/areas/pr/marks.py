"""The small words of the area: tones, levels, states, as chips and as choices."""

from typing import Final

from zhike.reputation.v1 import alert_pb2, mention_pb2
from zhike.reputation.v1 import source_service_pb2 as sources_pb

from gateway.console.cells import Chip
from gateway.console.staffing import StaffRole
from gateway.console.visit import Visit
from gateway.endpoints import Parts

READERS: Final = frozenset({StaffRole.PR, StaffRole.ANALYST, StaffRole.ADMIN})
WRITERS: Final = frozenset({StaffRole.PR})
SHOP_LIMIT: Final = 64
LEVELS: Final = ("I", "II", "III", "IV")
ASPECTS: Final = (
    "safety",
    "counterfeit",
    "privacy",
    "refund",
    "delivery",
    "packaging",
    "service",
    "price",
    "availability",
    "quality",
)
TONES: Final = {
    "negative": mention_pb2.TONE_NEGATIVE,
    "neutral": mention_pb2.TONE_NEUTRAL,
    "positive": mention_pb2.TONE_POSITIVE,
    "unsure": mention_pb2.TONE_UNSURE,
    "unknown": mention_pb2.TONE_UNKNOWN,
}
ALERT_STATES: Final = {
    "open": alert_pb2.ALERT_STATE_OPEN,
    "acknowledged": alert_pb2.ALERT_STATE_ACKNOWLEDGED,
    "mitigating": alert_pb2.ALERT_STATE_MITIGATING,
    "resolved": alert_pb2.ALERT_STATE_RESOLVED,
    "closed": alert_pb2.ALERT_STATE_CLOSED,
}
LIVE_STATES: Final = ("open", "acknowledged", "mitigating")
ALERT_KINDS: Final = {
    "shop": alert_pb2.ALERT_KIND_SHOP,
    "brand": alert_pb2.ALERT_KIND_BRAND,
    "product": alert_pb2.ALERT_KIND_PRODUCT,
    "source": alert_pb2.ALERT_KIND_SOURCE,
}
SOURCE_KINDS: Final = {
    "feed": sources_pb.SOURCE_KIND_FEED,
    "push": sources_pb.SOURCE_KIND_PUSH,
    "reviews": sources_pb.SOURCE_KIND_REVIEWS,
}
SOURCE_STATES: Final = {
    "fine": sources_pb.SOURCE_STATE_FINE,
    "failing": sources_pb.SOURCE_STATE_FAILING,
    "dead": sources_pb.SOURCE_STATE_DEAD,
    "silent": sources_pb.SOURCE_STATE_SILENT,
    "disabled": sources_pb.SOURCE_STATE_DISABLED,
}
_TONE_LOOKS: Final = {"negative": "bad", "positive": "good", "neutral": "plain", "unsure": "warn", "unknown": "plain"}
_LEVEL_LOOKS: Final = {"I": "bad", "II": "bad", "III": "warn", "IV": "info"}
_STATE_LOOKS: Final = {
    "open": "bad",
    "acknowledged": "warn",
    "mitigating": "info",
    "resolved": "good",
    "closed": "plain",
}
_SOURCE_LOOKS: Final = {"fine": "good", "failing": "warn", "dead": "bad", "silent": "warn", "disabled": "plain"}


def opinion_shop(parts: Parts, shop: str) -> str:
    """Return the shop that people speak of when they speak of this one."""
    return parts.settings.opinion_shop or shop


def shop_of(visit: Visit) -> str:
    """Return the shop whose public opinion is shown: the one that the address names, else the usual one."""
    return visit.text("shop", SHOP_LIMIT) or opinion_shop(visit.parts, visit.shop)


def word_of(words: dict[str, int], number: int) -> str:
    """Return the word of an enum's number, "" for one that is not given."""
    return next((word for word, each in words.items() if each == number), "")


def tone_chip(visit: Visit, tone: int | str) -> Chip:
    """Return how a mention speaks."""
    word = tone if isinstance(tone, str) else word_of(dict(TONES), tone)
    word = word if word in TONES else "unknown"
    return Chip(visit.words(f"pr.tone.{word}"), _TONE_LOOKS[word])


def level_chip(visit: Visit, alert: alert_pb2.Alert) -> Chip:
    """Return how grave an alert is."""
    text = alert.level_name.get(visit.language, "") or alert.level
    return Chip(text, _LEVEL_LOOKS.get(alert.level, "plain"))


def state_of(alert: alert_pb2.Alert) -> str:
    """Return where an alert is in its life."""
    return word_of(dict(ALERT_STATES), alert.state) or "open"


def state_chip(visit: Visit, alert: alert_pb2.Alert) -> Chip:
    """Return where an alert is in its life."""
    word = state_of(alert)
    return Chip(visit.words(f"pr.state.{word}"), _STATE_LOOKS[word])


def standing_chip(visit: Visit, source: sources_pb.Source) -> Chip:
    """Return how a source stands."""
    word = word_of(dict(SOURCE_STATES), source.standing.state) or "fine"
    return Chip(visit.words(f"pr.source.{word}"), _SOURCE_LOOKS[word])


def aspect_word(visit: Visit, aspect: str) -> str:
    """Return what a mention speaks about; an aspect of a newer service by its own name."""
    return visit.words(f"pr.aspect.{aspect}") if aspect in ASPECTS else aspect
