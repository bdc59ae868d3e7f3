"""Entity tags."""

import pytest

from gateway.etag import VersionMismatchError, etag_of, expected_version, is_unchanged
from services.chassis.errors import InvalidArgumentError


@pytest.mark.parametrize(("given", "unchanged"), [('"v7"', True), ('W/"v7"', True), ("*", True), ('"v6", "v7"', True)])
def test_a_tag_that_the_caller_has(given: str, unchanged: bool) -> None:
    assert is_unchanged(given, etag_of(7)) is unchanged


@pytest.mark.parametrize("given", ["", '"v77"', "v7", '"V7"', ",".join(['"v1"'] * 40) + ',"v7"'])
def test_a_tag_that_the_caller_has_not(given: str) -> None:
    assert not is_unchanged(given, etag_of(7))


def test_the_version_that_an_edit_expects() -> None:
    assert [expected_version(each) for each in ("", "*", ' "v7" ')] == [0, 0, 7]
    for never_ours in ('W/"v7"', '"7"', '"v7", "v8"'):
        with pytest.raises(VersionMismatchError):
            expected_version(never_ours)
    with pytest.raises(InvalidArgumentError):
        expected_version("7")
