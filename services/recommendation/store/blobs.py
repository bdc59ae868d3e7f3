"""What the trainer reads and writes: a training set, and the arrays of a model version."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from services.recommendation.domain.baskets import TogetherTable
from services.recommendation.domain.interactions import Floats, Interactions, Ints
from services.recommendation.domain.model import AlsParameters
from services.recommendation.store.packing import pack, unpack

TRAINING_SET_FORM = "training-set-1"
MODEL_FORM = "model-1"
_ROWS = ("person", "item", "time_s", "kind", "basket", "quantity")
_COUNTS = ("persons", "items", "baskets")


@dataclass(frozen=True, slots=True)
class ModelArrays:
    """The arrays of a version, in the order of ``product_ids``. Nothing in it is about a person.

    ``factors``: (n, f). ``near_places``, ``near_cosines``: (n, k). ``popularity``, ``intervals``: (n,).
    """

    product_ids: tuple[str, ...]
    parameters: AlsParameters
    anchor_s: int
    factors: Floats
    near_places: Ints
    near_cosines: Floats
    together: TogetherTable
    popularity: npt.NDArray[np.float64]
    intervals: Floats


def encode_training_set(rows: Interactions, product_ids: Sequence[str]) -> bytes:
    """Write a training set down. Persons are numbers: no identifier leaves the service."""
    meta = {"product_ids": product_ids, **{name: getattr(rows, name) for name in _COUNTS}}
    return pack(meta, {name: getattr(rows, name) for name in _ROWS}, TRAINING_SET_FORM)


def decode_training_set(content: bytes) -> tuple[Interactions, tuple[str, ...]]:
    """Read a training set. Raises SnapshotUnreadableError."""
    meta, arrays = unpack(content, TRAINING_SET_FORM)
    fields: dict[str, Any] = {name: arrays[name] for name in _ROWS} | {name: meta[name] for name in _COUNTS}
    return Interactions(**fields), tuple(meta["product_ids"])


def encode_model(model: ModelArrays) -> bytes:
    """Write a version's arrays down."""
    parameters = {name: getattr(model.parameters, name) for name in AlsParameters.__slots__}
    meta = {"product_ids": model.product_ids, "parameters": parameters, "anchor_s": model.anchor_s}
    arrays = {
        "factors": model.factors,
        "near_places": model.near_places,
        "near_cosines": model.near_cosines,
        "popularity": model.popularity,
        "intervals": model.intervals,
        **{f"together_{name}": getattr(model.together, name) for name in TogetherTable.__slots__},
    }
    return pack(meta, arrays, MODEL_FORM)


def decode_model(content: bytes) -> ModelArrays:
    """Read a version's arrays. Raises SnapshotUnreadableError."""
    meta, arrays = unpack(content, MODEL_FORM)
    return ModelArrays(
        product_ids=tuple(meta["product_ids"]),
        parameters=AlsParameters(**meta["parameters"]),
        anchor_s=meta["anchor_s"],
        factors=arrays["factors"],
        near_places=arrays["near_places"],
        near_cosines=arrays["near_cosines"],
        together=TogetherTable(**{name: arrays[f"together_{name}"] for name in TogetherTable.__slots__}),
        popularity=arrays["popularity"],
        intervals=arrays["intervals"],
    )
