"""The script decides the language."""

import pytest

from services.kits.text.language import Language, language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("可口可乐 Coca-Cola Zero Sugar 330ml", Language.CHINESE),
        ("iPhone 手机壳", Language.CHINESE),
        ("𠮷野家", Language.CHINESE),
        ("orange juice", Language.ENGLISH),
        ("ＭＩＬＫ", Language.ENGLISH),
        ("crème brûlée", Language.ENGLISH),
        ("우유", Language.UNDETERMINED),
        ("\ud800", Language.UNDETERMINED),
        ("330", Language.UNDETERMINED),
        ("💥", Language.UNDETERMINED),
        ("", Language.UNDETERMINED),
    ],
)
def test_script_decides(text: str, language: Language) -> None:
    assert language_of(text) is language
