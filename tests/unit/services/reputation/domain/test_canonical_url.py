"""One address for one page, however it is written; what may be another page stays another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reputation.domain.canonical_url import MAX_URL_CHARACTERS, canonical_url, host_of
from services.reputation.domain.errors import UrlInvalidError


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("HTTP://Example.COM", "http://example.com/"),
        ("https://example.com:443/a", "https://example.com/a"),
        ("http://example.com:80/a", "http://example.com/a"),
        ("http://example.com:443/a", "http://example.com:443/a"),
        ("https://example.com:/a", "https://example.com/a"),
        ("https://example.com./a", "https://example.com/a"),
        ("https://user:secret@example.com/a", "https://example.com/a"),
        ("https://example.com/a/../b/./c", "https://example.com/b/c"),
        ("https://example.com/../../a", "https://example.com/a"),
        ("https://example.com/a/..", "https://example.com/"),
        ("https://example.com/a/%2E%2E/b", "https://example.com/b"),
        ("https://example.com/%7euser/%e4%b8%ad", "https://example.com/~user/%E4%B8%AD"),
        ("https://example.com/中", "https://example.com/%E4%B8%AD"),
        ("https://example.com/\u202e", "https://example.com/%E2%80%AE"),
        ("https://example.com/100%", "https://example.com/100%25"),
        ("https://example.com/a%2Fb", "https://example.com/a%2Fb"),
        ("https://例子.测试/页", "https://xn--fsqu00a.xn--0zwm56d/%E9%A1%B5"),
        ("https://ＥＸＡＭＰＬＥ.com/", "https://example.com/"),
        ("https://[2001:DB8::0:1]:8443/x", "https://[2001:db8::1]:8443/x"),
        ("https://example.com/?", "https://example.com/"),
        ("https://example.com/a?b=2&a=1&b=1", "https://example.com/a?a=1&b=2&b=1"),
        ("https://example.com/a?utm_source=x&UTM_Medium=y&id=7&spm=1.2&fbclid=z", "https://example.com/a?id=7"),
        ("https://example.com/a?utm%5Fsource=x", "https://example.com/a"),
        ("https://example.com/a?&&a=1&", "https://example.com/a?a=1"),
        ("https://example.com/a#comments", "https://example.com/a"),
        ("https://example.com/#!/post/7", "https://example.com/#!/post/7"),
        ("https://example.com/app#/post/7?x=1", "https://example.com/app#/post/7?x=1"),
        ("  https://example.com/a\n", "https://example.com/a"),
    ],
)
def test_a_page_has_one_address(written: str, canonical: str) -> None:
    assert canonical_url(written) == canonical


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://example.com/a", "https://example.com/a"),
        ("https://www.example.com/a", "https://example.com/a"),
        ("https://example.com/a/", "https://example.com/a"),
        ("https://example.com/a?id=1", "https://example.com/a?id=2"),
        ("https://example.com/a?x=1&x=2", "https://example.com/a?x=2&x=1"),
        ("https://example.com/A", "https://example.com/a"),
    ],
)
def test_what_may_be_another_page_stays_another(one: str, other: str) -> None:
    assert canonical_url(one) != canonical_url(other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com/a",
        "ftp://example.com/a",
        "javascript:alert(1)",
        "https://",
        "https:///a",
        "https://exa mple.com/",
        "https://example.com\\@evil.example/",
        "https://[::1/",
        "https://[not-an-address]/",
        "https://-a.example/",
        "https://a..b/",
        "https://example.com:99999/",
        "https://example.com/\ud800",
        "https://\u2100.example/",
        "https://example.com/" + "a" * MAX_URL_CHARACTERS,
        "https://example.com/" + "中" * 400,  # fits as written, not percent-encoded
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UrlInvalidError):
        canonical_url(text)


def test_the_longest_address_is_taken() -> None:
    longest = "https://example.com/".ljust(MAX_URL_CHARACTERS, "a")
    assert canonical_url(longest) == longest


pieces = st.text(st.sampled_from("aZ09-._~%2eE中é/?&=#!:@+ ;,'()*[]|{}^\"<>`"), max_size=30)


@given(
    host=st.sampled_from(["example.com", "Example.com.", "例子.测试", "[::1]", "10.0.0.1", "a_b.example"]),
    port=st.sampled_from(["", ":80", ":443", ":8080"]),
    scheme=st.sampled_from(["http://", "HTTPS://"]),
    rest=st.one_of(pieces, st.text(max_size=30)),
)
def test_twice_is_once(host: str, port: str, scheme: str, rest: str) -> None:
    try:
        once = canonical_url(f"{scheme}{host}{port}/{rest}")
    except UrlInvalidError:
        return
    assert canonical_url(once) == once
    assert once.isascii()
    assert ("utm_" in once) is False


def test_the_host_of_an_address_has_no_port() -> None:
    assert host_of(canonical_url("https://Example.com:8080/a")) == "example.com"
