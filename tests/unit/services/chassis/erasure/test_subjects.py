"""Finding names in whatever holds them, and taking them out: nested, inside texts, as fields' names."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.chassis.erasure.subjects import Subject, Subjects, is_erased_name, keyed_hash

KEY = b"k" * 32
ANNA = Subject("r-1", ("card:1000231", "phone:+8613917654321", "email:anna@example.com"), ("c-" + "a" * 20,))
NAMES = (*ANNA.identifiers, *ANNA.customer_ids, "+8613917654321", "anna@example.com")


def subjects() -> Subjects:
    return Subjects([ANNA], lambda text: keyed_hash(KEY, text))


texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(NAMES),
    st.builds("{} {}".format, st.sampled_from(["see", "呼叫", "customer:"]), st.sampled_from(ANNA.identifiers)),
    st.builds('{{"id":"{}"}}'.format, st.sampled_from((*ANNA.identifiers, *ANNA.customer_ids))),
)
bodies = st.recursive(
    st.one_of(texts, st.integers(), st.none(), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=20,
)


@given(bodies)
def test_nothing_names_them_after_scrubbing_and_scrubbing_again_changes_nothing(body: Any) -> None:
    found = subjects()
    scrubbed = found.scrubbed(body)
    assert not found.names_any(scrubbed)
    assert found.scrubbed(scrubbed) == scrubbed
    if not found.names_any(body):
        assert scrubbed == body


def test_what_stands_in_a_list_leaves_it_and_any_other_text_becomes_a_hash() -> None:
    body = {
        "identifiers": ["card:1000231", "card:2"],
        "named": [["card:1000231", True], ["card:2", False]],
        "card:1000231": 1,
        "of": "card:1000231",
    }
    scrubbed = subjects().scrubbed(body)
    assert scrubbed["identifiers"] == ["card:2"]
    assert scrubbed["named"] == [["card:2", False]]
    assert "card:1000231" not in scrubbed
    assert is_erased_name(scrubbed["of"])


def test_another_key_makes_another_hash() -> None:
    assert keyed_hash(KEY, "card:1") != keyed_hash(b"l" * 32, "card:1")
    assert len(keyed_hash(KEY, "card:1")) == 32
