"""Why a product is shown: a stable code with parameters, and the sentence in Chinese and English, from one table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ReasonCode(StrEnum):
    """Stable names of reasons; they are part of the public answer."""

    LIKED_ALIKE = "LIKED_ALIKE"
    BECAUSE_BOUGHT = "BECAUSE_BOUGHT"
    BECAUSE_VIEWED = "BECAUSE_VIEWED"
    BECAUSE_IN_CART = "BECAUSE_IN_CART"
    SAME_CATEGORY = "SAME_CATEGORY"
    SIMILAR_BUYERS = "SIMILAR_BUYERS"
    BOUGHT_TOGETHER = "BOUGHT_TOGETHER"
    BUY_AGAIN = "BUY_AGAIN"
    BUY_AGAIN_DUE = "BUY_AGAIN_DUE"
    BOUGHT_OFTEN = "BOUGHT_OFTEN"
    BOUGHT_BEFORE = "BOUGHT_BEFORE"
    VIEWED_RECENTLY = "VIEWED_RECENTLY"
    POPULAR_NOW = "POPULAR_NOW"
    IN_THE_RANGE = "IN_THE_RANGE"
    PICKED = "PICKED"


LANGUAGES = ("zh", "en")

# Placeholders are reason parameters; {title} is the title, in the language asked for, of the product in product_id.
TEXTS: Mapping[ReasonCode, Mapping[str, str]] = {
    ReasonCode.LIKED_ALIKE: {"zh": "和您口味相近的顾客喜欢", "en": "Liked by shoppers with a taste like yours"},
    ReasonCode.BECAUSE_BOUGHT: {"zh": "因为您买过“{title}”", "en": "Because you bought {title}"},
    ReasonCode.BECAUSE_VIEWED: {"zh": "因为您看过“{title}”", "en": "Because you looked at {title}"},
    ReasonCode.BECAUSE_IN_CART: {"zh": "因为购物车里有“{title}”", "en": "Because {title} is in your cart"},
    ReasonCode.SAME_CATEGORY: {"zh": "同属“{category}”", "en": "Also in {category}"},
    ReasonCode.SIMILAR_BUYERS: {"zh": "购买人群与“{title}”相近", "en": "Bought by the same shoppers as {title}"},
    ReasonCode.BOUGHT_TOGETHER: {
        "zh": "常与“{title}”一起买，同单机会是平常的 {lift} 倍",
        "en": "Often bought with {title}, {lift} times as often as by chance",
    },
    ReasonCode.BUY_AGAIN: {
        "zh": "您买过 {times} 次，大约每 {interval_days} 天一次",
        "en": "You bought it {times} times, about every {interval_days} days",
    },
    ReasonCode.BUY_AGAIN_DUE: {
        "zh": "您大约每 {interval_days} 天买一次，上次在 {days_ago} 天前",
        "en": "You buy it about every {interval_days} days, last {days_ago} days ago",
    },
    ReasonCode.BOUGHT_OFTEN: {
        "zh": "您买过 {times} 次，上次在 {days_ago} 天前",
        "en": "You bought it {times} times, last {days_ago} days ago",
    },
    ReasonCode.BOUGHT_BEFORE: {"zh": "您在 {days_ago} 天前买过", "en": "You bought it {days_ago} days ago"},
    ReasonCode.VIEWED_RECENTLY: {"zh": "您最近看过", "en": "You looked at it recently"},
    ReasonCode.POPULAR_NOW: {"zh": "近期热销", "en": "Popular right now"},
    ReasonCode.IN_THE_RANGE: {"zh": "店内在售", "en": "From the shop's range"},
    ReasonCode.PICKED: {"zh": "本店推荐", "en": "Picked by the shop"},
}


@dataclass(frozen=True, slots=True)
class Reason:
    """A code with its values. ``product_id`` among them names the product that {title} stands for."""

    code: ReasonCode
    params: Mapping[str, str] = field(default_factory=dict)


def sentence(reason: Reason, language: str, *, title: str = "") -> str:
    """Return the reason in "zh" or "en". ``title``: of the product in the parameters."""
    return TEXTS[reason.code][language].format_map({**reason.params, "title": title})
