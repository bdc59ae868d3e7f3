"""Copies and reposts are one cluster in any order; a comment is a voice of its own."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reputation.domain.clusters import (
    CLUSTERS_OF_KEY,
    ClusterLookup,
    Place,
    Prints,
    decide,
    named_cluster,
    with_cluster,
)
from services.reputation.domain.fingerprints import fingerprint_of

RECALL = "知客超市今日宣布召回一批自有品牌奶粉，原因是部分批次检出菌落总数超标，消费者可凭小票到任意门店办理退款。"
REWRITTEN = "据悉，" + RECALL + "（来源：本报）"
OPENING = "知客超市本周在城南开设新店，开业当天全场八折，会员可凭卡再领一份鸡蛋，活动持续到周日晚上九点。"


def prints(mention_id: str, text: str, *references: str, parent: str = "") -> Prints:
    return Prints(mention_id, fingerprint_of(text), references, parent)


def one_by_one(*mentions: Prints) -> dict[str, str]:
    """Decide each alone, as if each came by itself."""
    lookup, found = ClusterLookup(), {}
    for each in mentions:
        found |= {key: value.cluster_id for key, value in decide([each], lookup, {}).items()}
    return found


def groups(clusters: dict[str, str]) -> set[frozenset[str]]:
    """Return which mentions are together."""
    return {frozenset(each for each, other in clusters.items() if other == cluster) for cluster in clusters.values()}


COPIES = (prints("a", RECALL), prints("b", RECALL.replace("，", " ")), prints("c", OPENING), prints("d", RECALL))


def test_copies_are_one_cluster_with_one_id_in_any_order() -> None:
    outcomes = {frozenset(one_by_one(*order).items()) for order in permutations(COPIES)}
    assert len(outcomes) == 1
    assert groups(dict(outcomes.pop())) == {frozenset("abd"), frozenset("c")}


def test_a_rewritten_copy_joins_in_either_order() -> None:
    for order in permutations([prints("a", RECALL), prints("b", REWRITTEN), prints("c", OPENING)]):
        assert groups(one_by_one(*order)) == {frozenset("ab"), frozenset("c")}


def test_a_repost_joins_its_original_whichever_comes_first() -> None:
    original = prints("o", RECALL, "https://m.example/1")
    reposts = [prints(f"r{n}", "", f"https://m.example/r{n}", parent="https://m.example/1") for n in range(2)]
    of_repost = prints("rr", "", parent="https://m.example/r0")
    for order in permutations([original, *reposts]):
        assert groups(one_by_one(*order, of_repost)) == {frozenset(["o", "r0", "r1", "rr"])}


def test_a_repost_before_its_short_original_joins_it_too() -> None:
    assert len(groups(one_by_one(prints("r", "", parent="id:1"), prints("o", "太差了", "id:1")))) == 1


def test_a_comment_under_a_post_is_no_copy_of_it() -> None:
    post = prints("p", RECALL, "https://m.example/1")
    comment = prints("c", "我家孩子就喝的这批奶粉，怎么退款？门店说不知道，客服电话打不通。", "https://m.example/1#c")
    assert len(groups(one_by_one(post, comment))) == 2


def test_two_short_comments_at_one_address_are_two_voices() -> None:
    one, other = prints("a", "太差了", "https://m.example/1"), prints("b", "还行吧", "https://m.example/1")
    article = prints("c", RECALL, "https://m.example/1")
    assert len(groups(one_by_one(one, other, article))) == 3


def test_two_who_say_the_same_few_words_are_two_voices() -> None:
    assert len(groups(one_by_one(prints("a", "质量很好"), prints("b", "质量很好")))) == 2


@given(st.permutations(range(9)), st.sets(st.integers(1, 8)))
def test_how_a_log_is_cut_into_batches_changes_nothing(order: list[int], cuts: set[int]) -> None:
    texts = [RECALL, REWRITTEN, OPENING, "好"]
    mentions = [prints(f"m{n}", texts[n % 4], f"ref{n}", parent="ref0" if n > 6 else "") for n in order]
    lookup, batched = ClusterLookup(), dict[str, Place]()
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), 9], strict=True):
        batched |= decide(mentions[start:end], lookup, {})
    assert batched == decide(mentions, ClusterLookup(), {})


def test_what_is_decided_stays_decided_and_leads_others() -> None:
    decided = {"a": Place("c-before", begins=True)}
    places = decide([prints("a", RECALL), prints("b", REWRITTEN)], ClusterLookup(), decided)
    assert {place.cluster_id for place in places.values()} == {"c-before"}


def test_a_key_leads_to_a_bounded_number_of_clusters() -> None:
    clusters: tuple[str, ...] = ()
    for number in range(CLUSTERS_OF_KEY + 1):
        clusters = with_cluster(clusters, f"c{number}")
    assert clusters == tuple(f"c{number}" for number in range(CLUSTERS_OF_KEY))
    assert with_cluster(clusters, "c0") == clusters


def test_a_cluster_that_meets_in_a_band_but_is_not_alike_is_another() -> None:
    one = prints("a", RECALL)
    stranger = Prints("b", fingerprint_of(OPENING))
    lookup = ClusterLookup()
    decide([one], lookup, {})
    for band in stranger.fingerprint.bands:  # as an accident of hashing would have it
        lookup.clusters_by_key[f"band/{band}"] = tuple(lookup.signatures)
    assert decide([stranger], lookup, {})["b"].begins


def test_a_key_whose_cluster_is_not_known_any_more_joins_nobody() -> None:
    one = prints("a", RECALL)
    lookup = ClusterLookup({f"band/{band}": ("c-gone",) for band in one.fingerprint.bands})
    assert decide([one], lookup, {})["a"].begins


@settings(deadline=None)
@given(st.permutations(range(12)), st.lists(st.integers(1, 4), min_size=1, max_size=6))
def test_any_order_and_any_batches_give_one_partition(order: list[int], sizes: list[int]) -> None:
    texts = [RECALL, REWRITTEN, OPENING, "好"]
    mentions = [prints(f"m{n}", texts[n % 4], f"ref{n}") for n in range(8)]
    mentions += [prints(f"m{n}", "", f"ref{n}", parent=f"ref{n - 8}") for n in range(8, 11)]
    mentions.append(prints("m11", "", "ref11", parent="never-seen"))
    lookup, found, waiting = ClusterLookup(), {}, [mentions[n] for n in order]
    # An original comes before its copies here; what a copy between the two does is said at the module.
    waiting.sort(key=lambda each: bool(each.parent))
    while waiting:
        size = sizes[len(waiting) % len(sizes)]
        batch, waiting = waiting[:size], waiting[size:]
        found |= {key: place.cluster_id for key, place in decide(batch, lookup, {}).items()}
    together = groups(found)
    assert frozenset(["m0", "m1", "m4", "m5", "m8", "m9"]) in together
    assert frozenset(["m2", "m6", "m10"]) in together
    assert {frozenset(["m3"]), frozenset(["m7"]), frozenset(["m11"])} <= together


@pytest.mark.parametrize("name", ["https://a.example/", "x" * 5_000])
def test_a_named_cluster_has_a_short_id(name: str) -> None:
    assert len(named_cluster(name)) == 26
