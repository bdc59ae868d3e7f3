"""Numbers by the order of texts: two copies number alike whatever came first to each of them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from services.recommendation.domain.interactions import NOBODY, Ints

Places = npt.NDArray[np.intp]


def text_order(texts: Sequence[str]) -> Places:
    """Return the places of ``texts`` in the order of their code points.

    0.1 s for 100,000. Sorted by numpy, which lets requests be served meanwhile; Python's own sort would hold them up.
    """
    return np.argsort(np.array(texts, dtype=np.dtypes.StringDType()), kind="stable")


def in_text_order(numbers: Ints, texts: Sequence[str]) -> Places:
    """Return those of ``numbers`` (places in ``texts``) that occur, each once, in the order of their texts."""
    occurs = np.flatnonzero(np.bincount(numbers, minlength=len(texts)))
    return occurs[text_order([texts[place] for place in occurs.tolist()])]


def numbers_of(places: Places, count: int) -> Ints:
    """Return, for each of ``count`` places, its position in ``places``, NOBODY (-1) where it is not among them."""
    numbers = np.full(count, NOBODY, dtype=np.int32)
    numbers[places] = np.arange(len(places), dtype=np.int32)
    return numbers


def by_first(groups: Ints) -> Places:
    """Return the different ``groups``, each once, in the order of their first appearance."""
    distinct, first = np.unique(groups, return_index=True)
    return distinct[np.argsort(first)].astype(np.intp)
