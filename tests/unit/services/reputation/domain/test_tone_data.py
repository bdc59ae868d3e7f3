"""What an operator's file may say of a text, and what its card says of a model."""

from dataclasses import replace
from typing import Any

import pytest

from services.reputation.domain.tone import CALIBRATION_ERROR_LIMIT, GAIN_NEEDED, ModelCard
from services.reputation.domain.tone_data import (
    DATA_CHARACTERS,
    TEXT_CHARACTERS,
    LabelledText,
    RefusedText,
    read_labelled,
)

CARD = ModelCard(
    data={"a.csv": 900},
    data_digest="d",
    texts=900,
    copies=0,
    by_label={"positive": 600, "negative": 300},
    by_language={"zh": 900},
    accuracy=0.9,
    majority=0.667,
    calibration_error=0.01,
    accuracy_at_80=0.95,
    decided=0.9,
    decided_accuracy=0.93,
    features=60_000,
)


@pytest.mark.parametrize("label", [1, "1", "positive", " POS ", "正面"])
def test_every_way_to_say_positive_is_read(label: object) -> None:
    assert read_labelled({"text": "好", "label": label, "data": "a.csv"}) == LabelledText("好", True, "a.csv")


@pytest.mark.parametrize("label", [0, "0", "negative", "neg", "负面"])
def test_every_way_to_say_negative_is_read(label: object) -> None:
    assert read_labelled({"text": "差", "label": label}) == LabelledText("差", False, "")


@pytest.mark.parametrize(
    ("row", "reason", "field"),
    [
        ({"label": 1}, "TEXT_MISSING", "text"),
        ({"text": " ", "label": 1}, "TEXT_MISSING", "text"),
        ({"text": 7, "label": 1}, "TEXT_MISSING", "text"),
        ({"text": "x" * (TEXT_CHARACTERS + 1), "label": 1}, "TEXT_TOO_LONG", "text"),
        ({"text": "x"}, "LABEL_INVALID", "label"),
        ({"text": "x", "label": "neutral"}, "LABEL_INVALID", "label"),
        ({"text": "x", "label": 2}, "LABEL_INVALID", "label"),
        ({"text": "x", "label": True}, "LABEL_INVALID", "label"),
        ({"text": "x", "label": 1, "data": "x" * (DATA_CHARACTERS + 1)}, "DATA_INVALID", "data"),
        ({"text": "x", "label": 1, "data": 3}, "DATA_INVALID", "data"),
    ],
)
def test_a_row_that_teaches_nothing_says_why(row: dict[str, Any], reason: str, field: str) -> None:
    refused = read_labelled(row)
    assert isinstance(refused, RefusedText)
    assert (refused.reason, refused.field) == (reason, field)


def test_the_longest_text_is_read() -> None:
    assert isinstance(read_labelled({"text": "好" * TEXT_CHARACTERS, "label": 1}), LabelledText)


def test_a_model_judges_only_if_it_earns_it() -> None:
    assert CARD.shortcoming == ""
    assert "no better" in replace(CARD, accuracy=0.667 + GAIN_NEEDED - 0.001).shortcoming
    assert "off" in replace(CARD, calibration_error=CALIBRATION_ERROR_LIMIT + 0.001).shortcoming
    assert replace(CARD, accuracy=0.667 + GAIN_NEEDED, calibration_error=CALIBRATION_ERROR_LIMIT).shortcoming == ""
