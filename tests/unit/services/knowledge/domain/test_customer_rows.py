"""Rows of a customers file, and whether they are news."""

import pytest

from services.chassis.errors import InvalidArgumentError
from services.kits.imports.errors import ImportConfigError
from services.kits.imports.plan import CSV, ImportPlan
from services.knowledge.domain.customer_rows import CustomerNames, claim_field, is_news, statement_of_row
from services.knowledge.domain.statements import CLAIMS_WRITTEN, empty_record, merged_record, records_of_event

ROW = {
    "card": "CJ000900", "login": "li900", "phone": "13911223344", "phone_verified": "true", "email": "li@shop.cn",
    "email_verified": "false", "household": "H000900", "name": "李伟", "age_band": "35-44",
    "consent_personalization": "true", "consent_marketing": "false", "source": "crm",
}  # fmt: skip


def test_a_row_says_who_what_and_what_was_agreed_to() -> None:
    statement = statement_of_row(ROW, "")
    assert [(each.identifier, each.joins) for each in statement.identifiers] == [
        ("card:CJ000900", True),
        ("login:li900", True),
        ("phone:+8613911223344", True),
        ("email:li@shop.cn", False),
    ]
    assert statement.claims == {"name": "李伟", "age_band": "35-44"}
    assert statement.consents == {"personalization": True, "marketing": False}
    assert (statement.account, statement.source) == ("household:H000900", "crm")


def test_an_empty_cell_says_nothing() -> None:
    statement = statement_of_row({"card": "CJ1", "name": "", "consent_marketing": "", "household": ""}, "file")
    assert (statement.claims, statement.consents, statement.account, statement.source) == ({}, {}, "", "file")


@pytest.mark.parametrize(
    "row",
    [
        {"name": "nobody"},
        {"card": "1"},
        {"card": "CJ1", "consent_marketing": "perhaps"},
        {"card": "CJ1", "name": "x" * 1_001},
    ],
)
def test_a_row_that_cannot_be_kept_says_why(row: dict[str, str]) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        statement_of_row(row, "")
    assert refused.value.metadata["field"]


@pytest.mark.parametrize(
    ("column", "field"),
    [("name", "name"), ("Age Band", "age_band"), ("card", ""), ("年龄", ""), ("1st", ""), ("  Kids ", "kids")],
)
def test_other_columns_become_facts(column: str, field: str) -> None:
    assert claim_field(column) == field


def test_columns_are_fields_facts_or_ignored() -> None:
    plan = ImportPlan(CSV, columns={"card": "会员号", "name": "姓名"}, options={"ignore_columns": "备注, Secret"})
    names = CustomerNames(plan)
    header = ["会员号", "姓名", "Age Band", "phone", "备注", "Secret", ""]
    assert names.of_header(header) == ["card", "name", "age_band", "phone", "", "", ""]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (["card", "年龄"], "'年龄' makes no name of a fact"),
        (["card", "Phone"], "'Phone' makes no name of a fact"),
        (["Age Band", "age-band"], "two columns are age_band"),
        (["会员号", "card"], "two columns are card"),
    ],
)
def test_a_column_that_would_be_lost_is_refused(header: list[str], message: str) -> None:
    with pytest.raises(ImportConfigError, match=message):
        CustomerNames(ImportPlan(CSV, columns={"card": "会员号"} if "会员号" in header else {})).of_header(header)


def test_whatever_makes_no_fact_may_be_ignored_at_once() -> None:
    names = CustomerNames(ImportPlan(CSV, options={"ignore_columns": "*"}))
    assert names.of_header(["card", "年龄", "Age"]) == ["card", "", "age"]


@pytest.mark.parametrize(
    ("change", "news"),
    [
        ({}, False),
        ({"name": "李薇"}, True),
        ({"name": "李伟", "source": "pos"}, True),
        ({"consent_marketing": "true"}, True),
        ({"household": "H7"}, True),
        ({"email_verified": "true"}, True),
        ({"login": "li901"}, True),
        ({"name": ""}, False),
    ],
)
def test_only_what_its_source_has_not_said_before_is_news(change: dict[str, str], *, news: bool) -> None:
    before = records_of_event(CLAIMS_WRITTEN, statement_of_row(ROW, "").payload(), 5)
    said = records_of_event(CLAIMS_WRITTEN, statement_of_row({**ROW, **change}, "").payload(), 9)
    assert any(is_news(before.get(name, empty_record(name)), record) for name, record in said.items()) is news


def test_going_back_to_an_earlier_word_is_news() -> None:
    records = empty_record("card:CJ000900")
    for time_us, name in ((1, "A"), (2, "B")):
        said = records_of_event(
            CLAIMS_WRITTEN, statement_of_row({"card": "CJ000900", "name": name}, "f").payload(), time_us
        )
        records = merged_record(records, said["card:CJ000900"])
    again = records_of_event(CLAIMS_WRITTEN, statement_of_row({"card": "CJ000900", "name": "A"}, "f").payload(), 3)
    assert is_news(records, again["card:CJ000900"])
