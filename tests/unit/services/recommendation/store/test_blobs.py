"""Training sets and model arrays come back as they were written."""

from dataclasses import fields

import numpy as np
import pytest

from services.recommendation.domain.errors import SnapshotUnreadableError
from services.recommendation.store.blobs import (
    ModelArrays,
    decode_model,
    decode_training_set,
    encode_model,
    encode_training_set,
)
from tests.unit.services.recommendation.shop import model_arrays, shop_rows


def same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other))
    if isinstance(one, (tuple, int, float)) or not hasattr(one, "__dataclass_fields__"):
        return one == other
    return all(same(getattr(one, each.name), getattr(other, each.name)) for each in fields(one))


def test_a_training_set_comes_back() -> None:
    rows, product_ids = shop_rows()
    again, ids = decode_training_set(encode_training_set(rows, product_ids))
    assert ids == product_ids
    assert same(rows, again)


def test_a_training_set_names_nobody() -> None:
    rows, product_ids = shop_rows()
    assert b"card:" not in encode_training_set(rows, product_ids)


def test_a_model_comes_back_and_is_about_products_alone() -> None:
    model = model_arrays()
    content = encode_model(model)
    assert same(model, decode_model(content))
    persons = shop_rows()[0].persons
    arrays = [getattr(model, each.name) for each in fields(ModelArrays)]
    assert not [each for each in arrays if isinstance(each, np.ndarray) and each.shape[0] == persons]


def test_one_is_not_taken_for_the_other() -> None:
    with pytest.raises(SnapshotUnreadableError):
        decode_model(encode_training_set(*shop_rows()))
