"""What is told: Alertmanager's body with four fields more, and mails in which no stranger's text plays tricks."""

import json

import pytest

from services.reputation.domain.alert_steps import acknowledge, resolve
from services.reputation.domain.alerts import Alert, AlertName, EntryKind, Group, GroupKind
from services.reputation.domain.levels import Level
from services.reputation.domain.notices import LINE_LIMIT, Notice, fingerprint, mail_of, notice_of, webhook_body
from tests.strategies.alerts import BRAND, FEED
from tests.unit.services.reputation.domain.alert_builders import after, evidence, raised, sighting

URL = "https://pr.example.com"


def last_notice(alert: Alert) -> Notice:
    return notice_of(alert, [entry for entry in alert.history if entry.kind is EntryKind.NOTIFIED][-1])


def test_the_body_is_alertmanagers_fourth_version() -> None:
    body = webhook_body(last_notice(raised(Level.II)), receiver="pr", external_url=URL)
    assert set(body) >= {
        "version",
        "groupKey",
        "truncatedAlerts",
        "status",
        "receiver",
        "groupLabels",
        "commonLabels",
        "commonAnnotations",
        "externalURL",
        "alerts",
    }
    assert (body["version"], body["status"], body["receiver"]) == ("4", "firing", "pr")
    assert body["groupKey"] == '{}:{kind="brand", shop="main", subject="acme"}'
    (alert,) = body["alerts"]
    assert alert["labels"] == {
        "alertname": "MentionBurst",
        "shop": "main",
        "kind": "brand",
        "subject": "acme",
        "brand": "acme",
        "severity": "critical",
    }
    assert alert["startsAt"] == "2026-03-02T08:00:00.000Z"
    assert alert["endsAt"] == "0001-01-01T00:00:00Z"
    assert (alert["ack"], alert["owner"], alert["level"], alert["state"]) == (False, "", "II", "open")
    assert alert["evidence"] == [{"mention": "m1", "url": "https://example.com/1"}]
    assert alert["generatorURL"] == f"{URL}/console/alerts/{raised().id}"
    assert "60 in 15 minutes" in alert["annotations"]["summary"]
    assert "负面声量激增" in alert["annotations"]["summary_zh"]
    json.dumps(body)


def test_the_body_tells_of_the_owner_and_the_end() -> None:
    taken = acknowledge(raised(), actor="li", owner="wang", comment="", now=after(2))
    (alert,) = webhook_body(last_notice(taken), receiver="pr", external_url=URL)["alerts"]
    assert (alert["ack"], alert["owner"], alert["state"]) == (True, "wang", "acknowledged")
    over = resolve(taken, actor="wang", comment="over", now=after(30))
    body = webhook_body(last_notice(over), receiver="pr", external_url=URL)
    assert body["status"] == "resolved"
    assert body["alerts"][0]["endsAt"] == "2026-03-02T08:30:00.000Z"
    assert body["cause"] == "1/resolved"


def test_the_fingerprint_is_prometheus_own_and_stays() -> None:
    # The known answer is that of Prometheus' own tests.
    assert int(fingerprint({"name": "garland, briggs", "fear": "love is not enough"}), 16) == 5_799_056_148_416_392_346
    assert fingerprint({}) == "cbf29ce484222325"
    assert fingerprint({"b": "2", "a": "1"}) == fingerprint({"a": "1", "b": "2"})
    graver = webhook_body(last_notice(raised(Level.I)), receiver="pr", external_url=URL)
    lesser = webhook_body(last_notice(raised(Level.IV)), receiver="pr", external_url=URL)
    assert graver["alerts"][0]["fingerprint"] == lesser["alerts"][0]["fingerprint"]
    assert graver["alerts"][0]["fingerprint"] != fingerprint(graver["alerts"][0]["labels"])


def test_a_notice_has_one_id_however_often_it_is_sent() -> None:
    alert = raised()
    assert last_notice(alert).id == f"{alert.id}/1/raised"
    assert last_notice(alert).wakes
    with pytest.raises(ValueError, match="tells nothing"):
        notice_of(alert, alert.history[0])


def test_a_mail_says_everything_in_both_languages() -> None:
    mail = mail_of(last_notice(raised(Level.III)), {"m1": "蛋糕里有异物 1"}, external_url=URL)
    assert mail.subject == "[III] 新舆情警报 / new alert: acme"
    for text in (
        "三级（较大）",
        "Level III (considerable)",
        "声量：6 倍于平时",
        "volume: 6 times the usual",
        "蛋糕里有异物 1 (weibo) https://example.com/1",
        "状态：未处理；负责人：无",
        "State: open; owner: nobody",
        f"{URL}/console/alerts/{raised().id}",
    ):
        assert text in mail.text


def test_a_strangers_text_stays_one_line_and_plays_no_tricks() -> None:
    group = Group("main", GroupKind.BRAND, "acme\r\nBcc: all@example.com\u202e")
    bad = evidence(1, url="https://e.com/\u2066x")
    words = {"m1": "好\n\nLevel: I\u202egpj.exe\x00" + "长" * LINE_LIMIT}
    mail = mail_of(last_notice(raised(group=group, evidence=(bad,))), words, external_url=URL)
    assert "\n" not in mail.subject
    assert "\r" not in mail.subject
    assert not set("\u202e\u2066\x00\r") & set(mail.subject + mail.text)
    assert "好 Level: Igpj.exe" in mail.text
    assert max(map(len, mail.text.splitlines())) < 2 * LINE_LIMIT


def test_a_mention_that_was_erased_is_shown_by_its_address_alone() -> None:
    mail = mail_of(last_notice(raised()), {}, external_url=URL)
    assert "  -  (weibo) https://example.com/1" in mail.text


def test_a_silent_source_is_told_as_such() -> None:
    found = raised(Level.IV, group=FEED, name=AlertName.SOURCE_SILENT, judgements={}, evidence=())
    body = webhook_body(last_notice(found), receiver="pr", external_url=URL)
    assert body["commonAnnotations"]["summary"] == "Source feed-1 is silent"
    assert body["commonLabels"]["alertname"] == "SourceSilent"
    assert "证据" not in mail_of(last_notice(found), {}, external_url=URL).text


def test_all_mentions_that_burst_are_not_called_negative() -> None:
    found = raised(judgements={"volume": sighting().judgements["negative"]})
    body = webhook_body(last_notice(found), receiver="pr", external_url=URL)
    assert body["commonAnnotations"]["summary"].startswith(f"Mentions of {BRAND.subject} burst")
