"""PR's pages: what is listened to, what is said, what alerts, and what people do about it."""

import pytest
from zhike.reputation.v1 import alert_pb2, mention_pb2, mention_service_pb2

from gateway.console.areas.pr.public_text import safe_url, shown
from gateway.console.staffing import StaffRole
from gateway.staff.audit import AuditFilter
from tests.fakes.console import ConsoleOnFakes, fields_of
from tests.fakes.gateway_alerts import ALERT_ID, alert
from tests.fakes.gateway_reputation import mention

ONES = (f"/alerts/{ALERT_ID}", "/mentions/m-1", "/sources/weibo", "/brands/zhike")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("path", ONES)
async def test_a_page_of_one_thing_is_whole_for_writers_and_readers(
    console: ConsoleOnFakes, path: str, language: str
) -> None:
    console.language = language
    for roles in ((StaffRole.PR,), (StaffRole.ANALYST,)):
        console.roles = roles
        await console.page(path)
    console.roles = (StaffRole.DESK,)
    assert (await console.get(path)).status_code == 403


@pytest.mark.parametrize("path", ["/alerts/nobody", "/mentions/nobody", "/sources/nobody", "/brands/nobody"])
async def test_what_is_not_there_is_404(console: ConsoleOnFakes, path: str) -> None:
    assert (await console.get(path)).status_code == 404


async def test_hostile_words_are_only_words(console: ConsoleOnFakes, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = mention()
    hostile.text = "<script>alert(1)</script>\u202egnp.exe"
    hostile.author = '"><img src=x onerror=alert(1)>'
    hostile.url = "javascript:alert(1)"
    answer = mention_service_pb2.ListMentionsResponse(mentions=[hostile])
    monkeypatch.setattr(type(console.services), "_ListMentions", lambda _self, _request: answer)
    monkeypatch.setattr(type(console.services), "_GetMention", lambda _self, _request: hostile)
    for path in ("/mentions", "/mentions/m-1"):
        html = await console.page(path)
        assert "&lt;script&gt;" in html
        assert "[U+202E]" in html
        assert "\u202e" not in html
        assert "<img src=x" not in html


async def test_near_duplicates_are_one_row_unless_each_is_wanted(
    console: ConsoleOnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = [mention(f"m-{number}") for number in range(3)]
    answer = mention_service_pb2.ListMentionsResponse(mentions=copies)
    monkeypatch.setattr(type(console.services), "_ListMentions", lambda _self, _request: answer)
    folded, each = await console.page("/mentions"), await console.page("/mentions?fold=no")
    assert [html.count('href="/console/mentions/m-') for html in (folded, each)] == [1, 3]
    assert "4 alike" in folded


async def test_filters_reach_the_service_and_bad_days_are_refused(console: ConsoleOnFakes) -> None:
    await console.page(
        "/mentions?q=milk&tone=negative&source=weibo&brand=zhike&language=zh&tier=1&from=2026-03-01&to=2026-03-02&shop=two"
    )
    request = console.services.last("ListMentions")
    assert (request.text, request.tone, request.tier, request.shop) == ("milk", mention_pb2.TONE_NEGATIVE, 1, "two")
    assert (request.end_time.seconds - request.start_time.seconds) == 2 * 86_400
    for bad in ("/mentions?from=yesterday", "/mentions?to=0001-01-01", "/mentions?q=" + "x" * 201):
        assert (await console.get(bad)).status_code == 400


async def test_mentions_are_written_as_csv_without_formulas(
    console: ConsoleOnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    formula = mention()
    formula.text = "=cmd|' /C calc'!A0"
    answer = mention_service_pb2.ListMentionsResponse(mentions=[formula])
    monkeypatch.setattr(type(console.services), "_ListMentions", lambda _self, _request: answer)
    response = await console.get("/mentions?csv=mentions")
    assert "'=cmd" in response.text


async def test_a_file_of_many_pages_reads_nothing_but_its_rows_again(
    console: ConsoleOnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = iter(["a", "b", ""])
    monkeypatch.setattr(
        type(console.services),
        "_ListMentions",
        lambda _self, _request: mention_service_pb2.ListMentionsResponse(
            mentions=[mention()], next_page_token=next(pages)
        ),
    )
    assert (await console.get("/mentions?csv=mentions&fold=no")).text.count("\r\n") == 4
    assert not any(console.services.count(name) for name in ("ListSources", "ListBrands", "CountMentions"))
    assert (await console.get("/alerts?csv=alerts&state=closed")).status_code == 200
    assert (await console.get("/cases?csv=cases")).status_code == 200
    assert console.services.count("CountCases") == 1


async def test_an_alert_is_taken_with_its_version_and_leaves_a_trail(console: ConsoleOnFakes) -> None:
    page = await console.page(f"/alerts/{ALERT_ID}")
    fields = fields_of(page, "take")
    own = {"submit": fields["_submit"], "version": fields["_version"]}
    answer = await console.post(f"/alerts/{ALERT_ID}", "take", {"owner": "Lin", "comment": "mine"}, **own)
    assert answer.status_code == 303
    request = console.services.last("AcknowledgeAlert")
    assert (request.actor, request.owner, request.expected_version) == ("Lin", "Lin", 4)
    entry = (await console.shop.parts.staff.audit.page(AuditFilter(), size=20)).entries[0]
    assert (entry.action, entry.after) == ("alert.acknowledge", {"state": "acknowledged", "owner": "Lin"})


@pytest.mark.parametrize(
    ("state", "form"),
    [
        (alert_pb2.ALERT_STATE_ACKNOWLEDGED, "mitigate"),
        (alert_pb2.ALERT_STATE_MITIGATING, "resolve"),
        (alert_pb2.ALERT_STATE_RESOLVED, "close"),
        (alert_pb2.ALERT_STATE_CLOSED, "reopen"),
    ],
)
async def test_each_step_stands_where_its_state_allows_it(
    console: ConsoleOnFakes, monkeypatch: pytest.MonkeyPatch, state: int, form: str
) -> None:
    monkeypatch.setattr(type(console.services), "_GetAlert", lambda _self, request: alert(request.id, state=state))
    page = await console.page(f"/alerts/{ALERT_ID}")
    fields = fields_of(page, form)
    own = {"submit": fields["_submit"], "version": fields["_version"]}
    if form in ("resolve", "reopen"):
        refused = await console.post(f"/alerts/{ALERT_ID}", form, {}, **own)
        assert refused.status_code == 400 or refused.status_code == 422
    answer = await console.post(f"/alerts/{ALERT_ID}", form, {"comment": "because"}, **own)
    assert answer.status_code == 303


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_remark_stands_alone_in_any_state_and_in_what_happened(
    console: ConsoleOnFakes, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    console.language = language
    said = alert_pb2.AlertEntry(number=2, kind="commented", actor="Wang", comment="call the paper <b>now</b>")
    closed = alert(state=alert_pb2.ALERT_STATE_CLOSED, history=[*alert().history, said])
    monkeypatch.setattr(type(console.services), "_GetAlert", lambda _self, _request: closed)
    page = await console.page(f"/alerts/{ALERT_ID}")
    assert {"en": "Wang remarked", "zh": "Wang 备注"}[language] in page
    assert "call the paper &lt;b&gt;now&lt;/b&gt;" in page
    own = {"submit": fields_of(page, "comment")["_submit"]}
    assert (await console.post(f"/alerts/{ALERT_ID}", "comment", {}, **own)).status_code == 422
    answer = await console.post(f"/alerts/{ALERT_ID}", "comment", {"comment": "it was taken back"}, **own)
    assert answer.status_code == 303
    request = console.services.last("CommentAlert")
    assert (request.actor, request.comment) == ("Lin", "it was taken back")
    assert request.request_id == f"staff:lin/{own['submit']}"
    entry = (await console.shop.parts.staff.audit.page(AuditFilter(), size=20)).entries[0]
    assert entry.action == "alert.comment" and "taken back" not in str(entry.after)


async def test_a_silence_about_the_alert_names_its_labels_and_an_end(console: ConsoleOnFakes) -> None:
    fields = fields_of(await console.page(f"/alerts/{ALERT_ID}"), "silence")
    own = {"submit": fields["_submit"]}
    answer = await console.post(f"/alerts/{ALERT_ID}", "silence", {"reason": "launch", "hours": "4"}, **own)
    assert answer.status_code == 303
    request = console.services.last("CreateSilence")
    assert {each.name: each.value for each in request.matchers} == {"shop": "main", "kind": "brand", "subject": "own"}
    assert request.request_id == fields["_submit"]
    late = await console.post(f"/alerts/{ALERT_ID}", "silence", {"reason": "x", "hours": "721"})
    assert late.status_code in (400, 422)


async def test_who_only_reads_changes_nothing(console: ConsoleOnFakes) -> None:
    console.roles = (StaffRole.ANALYST,)
    forms = {
        f"/alerts/{ALERT_ID}": ("take", {}),
        "/silences": ("new", {"label": "brand", "value": "own", "reason": "x"}),
        "/sources": ("new", {"id": "a", "kind": "push"}),
        "/sources/weibo": ("disable", {}),
        "/brands": ("new", {"id": "a", "kind": "own", "names": "A"}),
    }
    for path, (form, fields) in forms.items():
        assert (await console.post(path, form, fields)).status_code == 403, path
    assert 'value="end"' not in await console.page("/silences")


async def test_sources_are_made_edited_switched_and_deleted(console: ConsoleOnFakes) -> None:
    made = {"id": "zhihu", "kind": "feed", "url": "https://zhihu.test/rss", "tier": "2", "poll_interval_s": "600"}
    assert (await console.post("/sources", "new", made)).headers["location"] == "/console/sources/zhihu"
    for form, fields in (
        ("edit", {"title": "Weibo", "tier": "2", "reach": "1000"}),
        ("disable", {}),
        ("enable", {}),
        ("poll", {}),
        ("delete", {}),
    ):
        answer = await console.post("/sources/weibo", form, fields, version="3")
        assert answer.status_code == 303, form
    update = next(request for name, request in console.services.asked if name == "UpdateSource")
    assert (update.expected_version, update.source.reach) == (3, 1_000)
    entries = (await console.shop.parts.staff.audit.page(AuditFilter(), size=20)).entries
    assert {each.action for each in entries} >= {
        "source.create", "source.edit", "source.disable", "source.enable", "source.poll", "source.delete",
    }  # fmt: skip
    for wrong in ({**made, "id": "Zhi hu"}, {**made, "poll_interval_s": "59"}, {**made, "version": "9"}):
        assert (await console.post("/sources", "new", wrong)).status_code in (400, 422)


async def test_brands_take_a_name_a_line(console: ConsoleOnFakes) -> None:
    fields = {"id": "tea", "kind": "rival", "names": "茶 \n\nTea", "exclusions": "tea towel"}
    assert (await console.post("/brands", "new", fields)).status_code == 303
    request = console.services.last("PutBrand")
    assert (list(request.brand.names), list(request.brand.exclusions)) == (["茶", "Tea"], ["tea towel"])
    assert (await console.post("/brands/zhike", "edit", fields | {"id": "x"}, version="1")).status_code in (400, 422)
    del fields["id"]
    assert (await console.post("/brands/zhike", "edit", fields, version="1")).status_code == 303
    assert (await console.post("/brands/zhike", "delete", {}, version="1")).status_code == 303


def test_public_text_keeps_words_and_loses_tricks() -> None:
    assert shown("客 🙂 é\n\tx") == "客 🙂 é\n\tx"
    assert shown("a\u202eb\u2066c\u200fd\u0000e\ufefff") == "a[U+202E]b[U+2066]c[U+200F]def"
    assert shown("x" * 10, 4) == "xxxx…"
    assert safe_url("https://a.test/x?y=1") == "https://a.test/x?y=1"
    for bad in ("javascript:alert(1)", "data:text/html,x", "//a.test", "https://", "http://[", "x" * 3_000):
        assert safe_url(bad) == ""
