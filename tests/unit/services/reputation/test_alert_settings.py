"""What an operator sets of judging and telling is read strictly, and means what it says."""

from datetime import date, timedelta
from typing import Any

import pytest

from services.chassis.settings import SettingsError, load_settings
from services.reputation.domain.bursts import SHIPPED
from services.reputation.domain.levels import Level
from services.reputation.settings import ReputationSettings


def settings(**values: str) -> ReputationSettings:
    variables = {f"ZHIKE_{name.upper()}": text for name, text in values.items()}
    return load_settings(ReputationSettings, "reputation", variables)


def test_what_ships_is_what_the_benchmark_measured() -> None:
    shipped = settings()
    assert shipped.thresholds == SHIPPED
    assert shipped.ladder().due(Level.I, timedelta(minutes=5)) == 1
    assert shipped.ladder().due(Level.IV, timedelta(days=1)) == 0
    assert shipped.book().to == ()
    assert shipped.smtp_address == ""


def test_an_operators_words_are_taken() -> None:
    own = settings(
        burst_minimum="5",
        alert_hold_hours="6",
        sale_days="2026-08-18=818",
        escalation="I=1/2",
        console_url="https://pr.shop.cn/",
        mail_to="a@shop.cn,b@shop.cn",
        mail_escalation_to="1:lead@shop.cn",
        shop_time_zone="America/New_York",
    )
    assert (own.thresholds.minimum_count, own.hold) == (5, timedelta(hours=6))
    assert own.calendar().sale_on(date(2026, 8, 18)) is not None
    assert own.ladder().due(Level.I, timedelta(minutes=2)) == 2
    assert own.console_url == "https://pr.shop.cn"
    assert own.book().to == ("a@shop.cn", "b@shop.cn")
    assert own.book().by_step == ((1, "lead@shop.cn"),)
    assert own.zone.key == "America/New_York"


@pytest.mark.parametrize(
    "wrong",
    [
        {"burst_minimum": "0"},
        {"burst_quantile": "1.1"},
        {"burst_ratio": "0.5"},
        {"alert_hold_hours": "0"},
        {"sale_days": "tomorrow"},
        {"escalation": "I=5/5"},
        {"console_url": "pr.shop.cn"},
        {"smtp_address": "mail.shop.cn"},
        {"smtp_security": "ssl"},
        {"mail_from": "nobody"},
        {"mail_to": "a@shop.cn,b"},
        {"mail_escalation_to": "lead@shop.cn"},
        {"shop_time_zone": "Asia/Nowhere"},
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_name(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(SettingsError, match=f"ZHIKE_{name.upper()}"):
        settings(**wrong)


def test_a_password_is_not_shown() -> None:
    assert "s3cret" not in repr(settings(smtp_password="s3cret"))
