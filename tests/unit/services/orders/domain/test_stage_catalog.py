"""The table of stages: complete in both languages, free of contradictions, refused when it is not."""

import pytest

from services.orders.domain.lifecycle import Words
from services.orders.domain.stage_catalog import (
    ANY_FAMILY,
    MAX_ALSO,
    MAX_FAMILIES,
    MAX_STAGES,
    MAX_WORD_CHARACTERS,
    StageTableError,
    load_stage_catalog,
    own_stage_catalog,
)
from services.orders.domain.stages import Remark, RemarkKind
from tests.unit.services.orders.domain.test_stages import START

OWN = own_stage_catalog()
SOUND = """
[stages]
one = { zh = "一", en = "One", also = ["first"] }
two = { zh = "二", en = "Two" }
[remarks]
rework = { zh = "退回“{to}”", en = "Back from {from} to {to}" }
loop = { zh = "再次", en = "Again" }
unknown-stage = { zh = "未登记", en = "Not registered" }
[[families]]
name = "boxes"
words = { zh = "盒子", en = "Boxes" }
stages = ["one", "two"]
loops = [["two", "one"]]
"""


def test_the_table_of_the_service_holds_the_families_of_the_demo() -> None:
    assert set(OWN.templates) == {"cakes", "party-trays", "flower-arrangements", "balloons", ANY_FAMILY}
    assert all(len(template.stages) > 1 for template in OWN.templates.values())


def test_every_stage_of_the_table_is_used_and_has_texts_in_both_languages() -> None:
    used = {stage.name for template in OWN.templates.values() for stage in template.stages}
    assert used == set(OWN.stages)
    for stage in OWN.stages.values():
        assert any("\u4e00" <= character <= "\u9fff" for character in stage.words.zh)
        assert stage.words.en.isascii()


def test_a_product_is_of_the_family_that_it_names() -> None:
    assert OWN.family_of({"production_family": ["cakes"]}, ["made-to-order"]) == "cakes"
    assert OWN.family_of({"production_family": ["anvils"]}, []) == ANY_FAMILY
    assert OWN.family_of({}, ["made-to-order"]) == ANY_FAMILY
    assert OWN.family_of({"type": ["cakes"]}, ["own-label"]) == ""


def test_a_remark_reads_in_both_languages() -> None:
    remark = Remark(RemarkKind.REWORK, START, "decorating", "inspecting")
    assert OWN.remark_words(remark) == Words(
        "返工：从“质检”退回“裱花装饰”", "Rework: back from Inspection to Decorating"
    )
    assert OWN.remark_words(Remark(RemarkKind.REWORK, START, "baking", "Glaze {to}")).en.endswith(
        "Glaze {to} to Baking"
    )


def test_a_stage_that_the_table_does_not_hold_is_its_own_text() -> None:
    assert OWN.stage_words("Glazing") == Words("Glazing", "Glazing")


def test_a_sound_table_is_read() -> None:
    catalog = load_stage_catalog(SOUND)
    template = catalog.template("boxes")
    assert template is not None
    assert template.place_of("FIRST") == 0
    assert template.loops == {("two", "one")}
    assert catalog.template("crates") is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('stages = ["one", "two"]', 'stages = ["one", "three"]', "three"),
        ('stages = ["one", "two"]', 'stages = ["one", "two", "one"]', "twice"),
        ('stages = ["one", "two"]', "stages = []", "1 to"),
        ('loops = [["two", "one"]]', 'loops = [["one", "two"]]', "lead back"),
        ('loops = [["two", "one"]]', 'loops = [["two", "three"]]', "pair"),
        ('loops = [["two", "one"]]', 'loops = [["two"]]', "pair"),
        ('en = "Two"', 'en = ""', "zh and en"),
        (', en = "Two"', "", "zh and en"),
        ('zh = "二"', 'zh = "二\\u202e"', "printable"),
        ('also = ["first"]', 'also = ["Ｔｗｏ"]', "means two"),
        ('also = ["first"]', "also = [1]", "printable"),
        ('also = ["first"]', 'also = "first"', "other words"),
        ("one = {", '"One!" = {', "lower-case"),
        ('name = "boxes"', 'name = "Boxes"', "lower-case"),
        ('words = { zh = "盒子", en = "Boxes" }', "", "zh"),
        ('loop = { zh = "再次", en = "Again" }', "", "loop"),
        ("[stages]", "[stages", "no TOML"),
        ("[remarks]", "[remark]", "no \\[remarks\\]"),
        ("[[families]]", "[[family]]", "families"),
    ],
)
def test_a_table_that_cannot_be_is_refused_with_the_place(old: str, new: str, words: str) -> None:
    assert old in SOUND
    with pytest.raises(StageTableError, match=words):
        load_stage_catalog(SOUND.replace(old, new, 1))


def test_a_family_stands_in_the_table_once() -> None:
    family = SOUND[SOUND.index("[[families]]") :]
    with pytest.raises(StageTableError, match="twice"):
        load_stage_catalog(SOUND + family)


def test_a_table_is_bounded() -> None:
    family = SOUND[SOUND.index("[[families]]") :]
    many = "".join(family.replace("boxes", f"boxes-{number}") for number in range(MAX_FAMILIES))
    with pytest.raises(StageTableError, match=str(MAX_FAMILIES)):
        load_stage_catalog(SOUND + many)
    with pytest.raises(StageTableError, match=str(MAX_STAGES)):
        load_stage_catalog(SOUND.replace('["one", "two"]', str(["one"] * (MAX_STAGES + 1))))
    with pytest.raises(StageTableError, match=str(MAX_ALSO)):
        load_stage_catalog(SOUND.replace('["first"]', str(["first"] * (MAX_ALSO + 1))))
    longest = "x" * MAX_WORD_CHARACTERS
    assert load_stage_catalog(SOUND.replace('"One"', f'"{longest}"')).stage_words("one").en == longest
    with pytest.raises(StageTableError, match=str(MAX_WORD_CHARACTERS)):
        load_stage_catalog(SOUND.replace('"One"', f'"{longest}x"'))
