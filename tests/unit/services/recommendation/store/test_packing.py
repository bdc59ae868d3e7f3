"""Blobs of arrays: read as written, or refused."""

import numpy as np
import pytest

from services.recommendation.domain.errors import SnapshotUnreadableError
from services.recommendation.store.packing import pack, unpack

CONTENT = pack({"名": "茶"}, {"a": np.arange(3)}, "thing-1")


def test_what_was_packed_comes_back() -> None:
    meta, arrays = unpack(CONTENT, "thing-1")
    assert meta == {"名": "茶"}
    assert arrays["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("content", [b"", b"garbage", CONTENT[:100], CONTENT[: len(CONTENT) // 2]])
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(SnapshotUnreadableError):
        unpack(content, "thing-1")


def test_another_form_is_refused() -> None:
    with pytest.raises(SnapshotUnreadableError):
        unpack(CONTENT, "thing-2")


def test_equal_content_makes_equal_bytes() -> None:
    assert pack({"名": "茶"}, {"a": np.arange(3)}, "thing-1") == CONTENT
