"""Owns what a labelled text may be that trains a tone model, as an operator's file has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

TEXT_CHARACTERS: Final = 20_000  # of one text; only its beginning is looked at (tone.TEXT_LIMIT)
DATA_CHARACTERS: Final = 200  # of the name of where a text comes from
TEXTS_LIMIT: Final = 300_000  # of one training: about 1 GB while it lasts
# Every way in which files say it; a neutral text belongs to neither side and would teach nothing.
_LABELS: Final = {
    "1": True, "0": False, "positive": True, "negative": False, "pos": True, "neg": False, "正面": True, "负面": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LabelledText:
    """One text, whether it is positive, and the file that it stands in."""

    text: str
    positive: bool
    data: str


@dataclass(frozen=True, slots=True)
class RefusedText:
    """Why a row trains nothing."""

    reason: str
    message: str
    field: str


def read_labelled(row: Mapping[str, Any]) -> LabelledText | RefusedText:
    """Return the text that a row holds: ``text``, ``label``, and maybe ``data``, the name of its file."""
    text, label, data = row.get("text"), row.get("label"), row.get("data", "")
    if not isinstance(text, str) or not text.strip():
        return RefusedText("TEXT_MISSING", "a row has a text", "text")
    if len(text) > TEXT_CHARACTERS:
        return RefusedText("TEXT_TOO_LONG", f"a text has at most {TEXT_CHARACTERS} characters", "text")
    if isinstance(label, bool) or not isinstance(label, str | int):
        return RefusedText("LABEL_INVALID", "a label is positive or negative, 1 or 0", "label")
    positive = _LABELS.get(str(label).strip().lower())
    if positive is None:
        return RefusedText("LABEL_INVALID", "a label is positive or negative, 1 or 0", "label")
    if not isinstance(data, str) or len(data) > DATA_CHARACTERS:
        return RefusedText("DATA_INVALID", f"data is a name of at most {DATA_CHARACTERS} characters", "data")
    return LabelledText(text, positive, data)
