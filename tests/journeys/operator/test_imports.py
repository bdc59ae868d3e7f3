"""Imports through the API and the command: every row accounted for, again without doubling, mapped, refused by row."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.callers import Caller, Shop, eventually, fresh, problem_of
from tests.journeys.platform import Platform

NDJSON = {"Content-Type": "application/x-ndjson"}
CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def backend(shop: Shop) -> Caller:
    return shop.backend()


def _start(backend: Caller, resource: str, content: bytes, *, headers: dict[str, str] = NDJSON, **query: Any) -> Any:
    answer = backend.send("POST", f"/v1/{resource}:import", content=content, headers=headers, params=query)
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    assert answer.headers["location"].endswith(answer.json()["id"])
    return answer.json()["id"]


def _progress(backend: Caller, resource: str, content: bytes, **rest: Any) -> Any:
    return backend.finished(_start(backend, resource, content, **rest))["progress"]


def _products(count: int, word: str) -> bytes:
    rows = ({"id": f"{word}-{number}", "title": f"{word} 号 {number}"} for number in range(count))
    return "\n".join(json.dumps(row) for row in rows).encode()


def test_an_import_counts_every_row_and_a_second_one_changes_nothing(backend: Caller) -> None:
    content = _products(50, fresh("i")) + b'\n\n{"id": "p-x"}\nno json\n'
    first = _progress(backend, "products", content)
    assert (first["rows"], first["accepted"], first["rejected"]) == (52, 50, 2)
    again = _progress(backend, "products", content)
    assert (again["accepted"], again["duplicate"], again["rejected"]) == (0, 50, 2)


def test_a_dry_run_judges_and_writes_nothing(backend: Caller) -> None:
    word = fresh("i")
    assert _progress(backend, "products", _products(5, word), dry_run="true")["accepted"] == 5
    assert backend.refused("GET", f"/v1/products/{word}-0")["status"] == 404
    assert _progress(backend, "products", _products(5, word))["accepted"] == 5
    assert backend.get(f"/v1/products/{word}-0")["id"] == f"{word}-0"


def test_a_key_makes_an_import_happen_once_and_belongs_to_its_content(backend: Caller) -> None:
    key, content = NDJSON | {"Idempotency-Key": fresh("k-")}, _products(3, fresh("i"))
    operations = {_start(backend, "products", content, headers=key) for _ in range(3)}
    assert len(operations) == 1
    assert backend.finished(operations.pop())["progress"]["accepted"] == 3
    other = backend.send("POST", "/v1/products:import", content=_products(4, fresh("i")), headers=key)
    assert (other.status_code, problem_of(other)["reason"]) == (422, "REQUEST_ID_REUSED")
    elsewhere = backend.send("POST", "/v1/customers:import", content=b'{"card":"J1"}\n', headers=key)
    assert elsewhere.status_code == httpx.codes.ACCEPTED, "a key belongs to its route"
    backend.finished(elsewhere.json()["id"])


def test_keys_that_are_no_keys_are_refused(backend: Caller) -> None:
    for key in ("", "x" * 200, "键"):
        headers = [(b"Content-Type", b"application/x-ndjson"), (b"Idempotency-Key", key.encode())]
        headers += [(name.encode(), value.encode()) for name, value in backend.credentials.items()]
        answer = backend.client.post("/v1/products:import", content=b"{}\n", headers=headers)
        if answer.is_error:
            assert problem_of(answer)["reason"] == "IDEMPOTENCY_KEY_MALFORMED", key


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({"Content-Type": "application/json"}, {}, 415),
        ({}, {}, 415),
        (NDJSON | {"Content-Encoding": "gzip"}, {}, 415),
        (NDJSON, {"dry_run": "perhaps"}, 400),
        (NDJSON, {"colour": "red"}, 400),
        (NDJSON, {"column.ID": "x"}, 400),
        (NDJSON, {"option.no_such_option": "x"}, 400),
        (NDJSON, {"column.no_such_field": "x"}, 400),
        (NDJSON, {"shop": "s" * 300}, 400),
    ],
    ids=str,
)
def test_an_import_that_makes_no_sense_is_refused_before_it_starts(
    backend: Caller, headers: dict[str, str], query: dict[str, str], status: int
) -> None:
    answer = backend.send("POST", "/v1/products:import", content=b'{"id":"p"}\n', headers=headers, params=query)
    assert problem_of(answer)["status"] == status


def test_files_that_are_no_tables_end_in_words_not_in_a_crash(backend: Caller) -> None:
    files = (
        (b"", NDJSON),
        (b"\n\n\n", NDJSON),
        (b"\x00" * 10_000, NDJSON),
        (bytes(range(256)) * 40, NDJSON),
        (b"{" * 2_000_000, NDJSON),
        (b"", CSV),
        (b"id\n", CSV),
        (b"id,id\n1,2\n", CSV),
        (b'id,title\n"1,2\n3,4', CSV),
        (b"id,title\n1,2,3,4\n5\n", CSV),
        ("编号,名称\n1,灯\n".encode("gb18030"), CSV),
        (b"\xef\xbb\xbfid,title_en\nbom-1,Lamp\n", CSV),
        (bytes(range(256)) * 40, CSV),
    )
    for resource in ("products", "customers", "orders", "events"):
        for content, headers in files:
            answer = backend.send("POST", f"/v1/{resource}:import", content=content, headers=headers)
            what = f"{resource} {content[:20]!r}: {answer.text[:300]}"
            if answer.is_error:
                assert problem_of(answer)["status"] == 400, what
                continue

            def ended(operation: str = answer.json()["id"]) -> Any:
                seen = backend.get(f"/v1/operations/{operation}")
                return seen if seen["done"] else None

            done = eventually(ended, f"{what} does not end", limit_s=30)
            if done.get("error"):
                assert done["error"]["message"], what
                assert "Traceback" not in str(done), what
            else:
                progress = done["progress"]
                counted = progress["accepted"] + progress["duplicate"] + progress["rejected"]
                assert counted == progress["rows"], what


def test_unknown_operations_are_a_404(shop: Shop) -> None:
    for name in (
        "search.none",
        "knowledge.none",
        "recommendation.none",
        "nobody.x",
        "x",
        "search.",
        ".x",
        "search.a/b",
    ):
        for path in (f"/v1/operations/{name}", f"/v1/operations/{name}/errors"):
            assert shop.operator.refused("GET", path)["status"] == 404, path


def test_the_command_imports_with_a_mapping_and_keeps_the_refused_rows(demo_shop: Platform, tmp_path: Path) -> None:
    table, mapping, errors = tmp_path / "orders.csv", tmp_path / "map.toml", tmp_path / "errors.ndjson"
    number = fresh("A")
    rows = [f"{number},{day},2026-01-0{day}T10:00:00Z,J{number},p1,1,2.50" for day in range(1, 4)]
    rows += [f"{number},9,no time,J{number},p1,1,2.50", f"{number},10,2026-01-01T10:00:00Z,J{number},p1,x,2.50"]
    table.write_text("Bon,Zeile,Wann,Karte,Artikel,Menge,Preis\n" + "\n".join(rows) + "\n", encoding="utf-8")
    mapping.write_text(
        '[columns]\norder_number = "Bon"\nline = "Zeile"\noccurred_time = "Wann"\ncard = "Karte"\n'
        'product_id = "Artikel"\nquantity = "Menge"\nunit_price = "Preis"\n',
        encoding="utf-8",
    )
    arguments = ("import", "orders", str(table), "--mapping", str(mapping), "--json")
    dry = demo_shop.zhike(*arguments, "--dry-run")
    assert dry.returncode == 1, "a row was refused: the exit code says so"
    first = demo_shop.zhike(*arguments, "--errors", str(errors))
    report = json.loads(first.stdout)
    assert (report["rows"], report["accepted"], report["rejected"]) == (5, 3, 2), report
    kept = [json.loads(line) for line in errors.read_text(encoding="utf-8").splitlines()]
    assert [each["row"] for each in kept] == [4, 5]
    assert all(each["reason"] and each["message"] for each in kept)
    again = json.loads(demo_shop.zhike(*arguments).stdout)
    assert (again["accepted"], again["duplicate"]) == (0, 3), again


def test_the_command_says_what_is_wrong_with_a_call_without_a_traceback(demo_shop: Platform, tmp_path: Path) -> None:
    file = tmp_path / "x.ndjson"
    file.write_text("{}\n", encoding="utf-8")
    calls = (
        ("import", "products", str(tmp_path / "missing.csv")),
        ("import", "planets", str(file)),
        ("import", "products", str(file), "--column", "nonsense"),
        ("import", "products", str(file), "--column", "no_such=ours"),
        ("import", "products", str(file), "--mapping", str(file)),
        ("rebuild", "no-such-projection"),
        ("train", "--engine", "abacus"),
        ("demo", "load", "--households", "0"),
        ("logs", "nobody"),
        ("nonsense",),
    )
    for call in calls:
        result = demo_shop.zhike(*call)
        assert result.returncode not in {0, 70}, call
        assert result.stderr.strip(), call
        assert "Traceback" not in result.stderr + result.stdout, result.stderr
