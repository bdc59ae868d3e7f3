"""Owns the answer to "Chinese or English?", by script: exact on shop text, where statistical detectors are not."""

import re
from enum import StrEnum
from typing import Final

# Han (with extensions A to H and compatibility forms) and the iteration marks; kana is cut like Han but is no Chinese.
HAN_RANGES: Final = r"\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
KANA_RANGES: Final = r"\u3040-\u30ff\u31f0-\u31ff"

_HAN: Final = re.compile(f"[{HAN_RANGES}]")
_LATIN: Final = re.compile(r"[A-Za-zÀ-ɏＡ-Ｚａ-ｚ]")


class Language(StrEnum):
    """BCP 47 primary tags; UNDETERMINED for text without letters of either script."""

    CHINESE = "zh"
    ENGLISH = "en"
    UNDETERMINED = "und"


def language_of(text: str) -> Language:
    """One Han character makes a text Chinese (Latin brand names stand in Chinese text, never the reverse)."""
    if _HAN.search(text):
        return Language.CHINESE
    return Language.ENGLISH if _LATIN.search(text) else Language.UNDETERMINED
