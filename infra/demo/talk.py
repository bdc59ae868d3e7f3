"""Who is spoken of in the demo: the shop, its own label, and the two makers whose goods sell most as its rivals."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from infra.demo.makers import OWN_LABEL, maker_name
from infra.demo.products import CatalogItem


@dataclass(frozen=True, slots=True)
class DemoBrand:
    """A brand that is spoken of. ``weight``: how much of the talk is about it; ``products``: that are reviewed."""

    id: str
    zh: str
    en: str
    kind: Literal["own", "rival"] = "own"
    weight: float = 1.0
    products: tuple[str, ...] = ()

    @property
    def form(self) -> dict[str, Any]:
        """Return it as ``PUT /v1/brands/{id}`` takes it."""
        return {"kind": self.kind, "names": [self.zh, self.en]}


@dataclass(frozen=True, slots=True)
class Talk:
    """Who is spoken of, where: ``shop`` keeps it, ``prefix`` begins the ids."""

    shop: str
    prefix: str
    brands: tuple[DemoBrand, ...]


PREFIX: Final = "simulated"
MARKET: Final = DemoBrand("zhike-market", "知客市集", "Zhike Market", weight=0.9)
REVIEWED: Final = 40  # products of the own label
RIVALS: Final = 2


def demo_talk(items: Sequence[CatalogItem], shop: str) -> Talk:
    """Return who is spoken of, the own label first: it is the one that has a bad quarter of an hour."""
    own = sorted((item for item in items if item.own_label), key=lambda item: (-item.lines, item.item))
    label = DemoBrand("zhike-select", OWN_LABEL.zh, OWN_LABEL.en, products=tuple(item.id for item in own[:REVIEWED]))
    sold: Counter[int] = Counter()
    for item in items:
        if item.maker is not None and not item.own_label and item.maker == maker_name(item.maker_number):
            sold[item.maker_number] += item.lines
    rivals = [
        DemoBrand(f"maker-{number}", maker_name(number).zh, maker_name(number).en, kind="rival", weight=0.35)
        for number, _ in sorted(sold.items(), key=lambda pair: (-pair[1], pair[0]))[:RIVALS]
    ]
    return Talk(shop, PREFIX, (label, MARKET, *rivals))


def talk_to_json(talk: Talk) -> dict[str, Any]:
    """Return the form in which a load keeps it."""
    return asdict(talk)


def talk_from_json(body: dict[str, Any]) -> Talk:
    """Invert ``talk_to_json``."""
    brands = [DemoBrand(**{**each, "products": tuple(each["products"])}) for each in body["brands"]]
    return Talk(body["shop"], body["prefix"], tuple(brands))
