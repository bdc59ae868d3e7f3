"""What the model in force makes of a person: computed once, remembered until the person does something.

Only what an answer's own moment decides is left to the request: what is sold out, what lies in the cart by the clock,
what the caller leaves out. Nothing of these is ever kept here.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.kits.controls.arranging import Kept
from services.recommendation.domain.cart import CartAct, CartLine, FoldedCart, folded_cart
from services.recommendation.domain.fold_in import Taste, fold_in, main_reasons
from services.recommendation.domain.interactions import KIND_WEIGHTS, Floats, Ints, Kind, liking
from services.recommendation.domain.model import Ranker
from services.recommendation.domain.neighbours import neighbour_reasons, neighbour_scores
from services.recommendation.domain.prediction import Slot
from services.recommendation.domain.ranking import Head, head_of
from services.recommendation.store.ledger import History, Ledger
from services.recommendation.store.serving import ServingModel
from services.recommendation.usecases.carts import cart_acts

REMEMBERED_LIMIT = 2_000  # persons; about 100 kB each at 300 items
# So many of a person's best products are ranked at first: two pages of the longest, with some sold out. Whoever needs
# more, because a shop sold out of nearly everything, has the rest ranked in steps.
HEAD_PLACES = 128
DEEPER = 8


@dataclass(frozen=True, slots=True)
class ReadySlot:
    """A slot with its reason; ``in_cart`` stands in its place while the product ``cart_id`` lies in the cart."""

    slot: Slot
    cart_id: str = ""
    in_cart: Slot | None = None


class Profile:
    """One person, as one model sees the person.

    ``touched`` (n,): distinct places in the model with a liking above 0; ``likings`` (n,) in (0, 1]. ``strongest``
    (n,): the Kind of the act that says most about each. ``bought``: places that are left out of what is new. ``taste``:
    None when the factor model does not answer, but item to item. ``ready``: the slots that were needed so far, by
    position in the head. ``arranged``: how Controls arranged the same products last.
    """

    __slots__ = (
        "_acts",
        "_cart",
        "_head",
        "_head_ids",
        "_model",
        "arranged",
        "bought",
        "likings",
        "ready",
        "strongest",
        "taste",
        "touched",
    )

    def __init__(self, model: ServingModel, history: History, of_ledger: Ints, acts: Sequence[CartAct]) -> None:
        """Weights fade up to the model's anchor, as in training; what came after it counts in full (rule 11)."""
        self._model = model
        places = of_ledger[history.item]
        known = places >= 0
        places, kind, time_s = places[known], history.kind[known], history.time_s[known]
        weights = liking(kind, time_s, now_s=model.anchor_s, half_life_days=model.half_life_days)
        totals = np.bincount(places, weights=weights, minlength=len(model)).astype(np.float32)  # in any order
        self.touched: Ints = np.flatnonzero(totals > 0).astype(np.int32)
        self.likings: Floats = np.minimum(totals[self.touched], np.float32(1.0))
        self.strongest, self.bought = (
            _strongest(self.touched, places, kind, len(model)),
            _bought(places, kind, len(model)),
        )
        self.taste: Taste | None = None
        if model.ranker is Ranker.ALS and len(self.touched):
            self.taste = fold_in(model.factors, self.touched, self.likings)
        self.ready: dict[int, ReadySlot] = {}
        self.arranged = Kept()
        self._head = self._ranked(HEAD_PLACES)
        self._head_ids = self._named(self._head)
        self._acts = tuple(acts)
        self._cart: FoldedCart | None = None

    @property
    def head(self) -> Head:
        """The person's best places so far ranked, nothing that was bought among them."""
        return self._head

    @property
    def head_ids(self) -> tuple[str, ...]:
        """The product ids of ``head``."""
        return self._head_ids

    def deepen(self) -> None:
        """Rank more places: ``head`` becomes longer and keeps its beginning."""
        self._head = self._ranked(len(self._head.places) * DEEPER)
        self._head_ids = self._named(self._head)

    def cart(self, now_s: int) -> tuple[CartLine, ...]:
        """Return the lines of the person's cart now, of unknown products too."""
        if self._cart is None or not self._cart.holds_at(now_s):
            self._cart = folded_cart(self._acts, now_s=now_s)
        return self._cart.lines

    def because(self, places: Sequence[int]) -> Sequence[int]:
        """Return, for each place of the head, the touched place that explains it best, -1 where none does."""
        model = self._model
        if self.taste is not None:
            found: list[int] = main_reasons(model.factors, self.taste, np.array(places, dtype=np.intp)).tolist()
            return found
        near, cosines = model.arrays.near_places, model.arrays.near_cosines
        wanted = np.array(places, dtype=np.int32)
        reasons: list[int] = neighbour_reasons(near, cosines, self.touched, self.likings, wanted=wanted).tolist()
        return reasons

    def _ranked(self, depth: int) -> Head:
        scores = self._scores()
        scores[self.bought] = -np.inf
        return head_of(scores, depth)

    def _scores(self) -> Floats:
        """Return a score per place, -inf where item to item knows nothing."""
        model = self._model
        if self.taste is not None:
            factored: Floats = model.factors.factors @ self.taste.vector
            return factored
        near, cosines = model.arrays.near_places, model.arrays.near_cosines
        scores = neighbour_scores(near, cosines, self.touched, self.likings, catalogue=len(model))
        scores[scores <= 0] = -np.inf
        return scores

    def _named(self, head: Head) -> tuple[str, ...]:
        return tuple(map(self._model.product_ids.__getitem__, head.places))


@dataclass(frozen=True, slots=True)
class _Known:
    """A profile with all that it was made from."""

    model: ServingModel
    ledger: Ledger
    epoch: int
    revision: int
    profile: Profile


class Profiles:
    """Profiles by person. An added or withdrawn row, another ledger and another model each make a new one."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, ...], _Known] = OrderedDict()

    def profile(self, model: ServingModel, ledger: Ledger, actors: tuple[int, ...]) -> Profile:
        """Return the profile of the person with these identifiers."""
        known, revision = self._known.get(actors), ledger.revision_of(actors)
        if (
            known is not None
            and known.revision == revision
            and known.model is model
            and known.ledger is ledger
            and known.epoch == ledger.epoch
        ):
            self._known.move_to_end(actors)
            return known.profile
        profile = person_profile(model, ledger, actors)
        self._known[actors] = _Known(model, ledger, ledger.epoch, revision, profile)
        self._known.move_to_end(actors)
        if len(self._known) > REMEMBERED_LIMIT:
            self._known.popitem(last=False)
        return profile

    def forget(self) -> None:
        """Drop everything: another model answers now."""
        self._known.clear()


def person_profile(model: ServingModel, ledger: Ledger, actors: tuple[int, ...]) -> Profile:
    """Return what the rows of these identifiers say to this model."""
    history = ledger.history(actors)
    acts = cart_acts(ledger.item_ids, history) if ledger.may_have_cart(actors) else ()
    return Profile(model, history, model.places_of_ledger(ledger), acts)


def _strongest(touched: Ints, places: Ints, kind: npt.NDArray[np.uint8], catalogue: int) -> Ints:
    """The act of the greatest weight by touched place: bought before in the cart before viewed."""
    counted = KIND_WEIGHTS[kind] > 0
    by_place = np.zeros(catalogue, dtype=np.uint8)
    np.maximum.at(by_place, places[counted], kind[counted])
    strongest: Ints = by_place[touched].astype(np.int32)
    return strongest


def _bought(places: Ints, kind: npt.NDArray[np.uint8], catalogue: int) -> Ints:
    bought = np.zeros(catalogue, dtype=bool)
    bought[places[kind == Kind.PURCHASE]] = True
    return np.flatnonzero(bought).astype(np.int32)
