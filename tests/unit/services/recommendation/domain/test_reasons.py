"""Every reason in both languages, from one table."""

import string

import pytest

from services.recommendation.domain.reasons import LANGUAGES, TEXTS, Reason, ReasonCode, sentence

PARAMS = {
    ReasonCode.SAME_CATEGORY: {"category": "Tea"},
    ReasonCode.BOUGHT_TOGETHER: {"product_id": "p1", "lift": "3.2", "baskets": "12"},
    ReasonCode.BUY_AGAIN: {"times": "4", "interval_days": "9", "days_ago": "3"},
    ReasonCode.BUY_AGAIN_DUE: {"times": "4", "interval_days": "9", "days_ago": "10"},
    ReasonCode.BOUGHT_OFTEN: {"times": "4", "interval_days": "9", "days_ago": "90"},
    ReasonCode.BOUGHT_BEFORE: {"days_ago": "10"},
}


@pytest.mark.parametrize("code", ReasonCode)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_a_sentence_that_its_parameters_fill(code: ReasonCode, language: str) -> None:
    text = sentence(Reason(code, PARAMS.get(code, {"product_id": "p1"})), language, title="{茶}")
    assert text
    assert "{title}" not in text
    assert language == "en" or any("\u4e00" <= char <= "\u9fff" for char in text)


@pytest.mark.parametrize("code", ReasonCode)
def test_both_languages_say_the_same_things(code: ReasonCode) -> None:
    named = [{field for _, field, _, _ in string.Formatter().parse(text) if field} for text in TEXTS[code].values()]
    assert set(TEXTS[code]) == set(LANGUAGES)
    assert named[0] == named[1]


def test_a_title_with_braces_is_text_and_not_a_template() -> None:
    reason = Reason(ReasonCode.BECAUSE_BOUGHT, {"product_id": "p1"})
    assert sentence(reason, "en", title="{0.__class__}") == "Because you bought {0.__class__}"
