"""Owns highlighting: which characters of a text answer a query, whatever engine found the text."""

from collections.abc import Sequence

from services.kits.text.segment import QueryWord, Segmenter, Token

Span = tuple[int, int]


def highlight(text: str, words: Sequence[QueryWord], segmenter: Segmenter) -> tuple[Span, ...]:
    """Return the spans [start, end) of ``text`` that match ``words``: in order, disjoint, never touching.

    A word is marked where it stands whole; only where it does not, the words inside it are marked.
    """
    places = _places(segmenter.tokens(text))
    spans: list[Span] = []
    for word in words:
        whole = places.get(word.token)
        spans.extend(whole or [span for part in word.inner for span in places.get(part, ())])
    return _merged(spans)


def marked(text: str, spans: Sequence[Span], *, opening: str, closing: str) -> str:
    """Return ``text`` with each span between the two marks; the text itself is not escaped."""
    pieces: list[str] = []
    position = 0
    for start, end in spans:
        pieces += [text[position:start], opening, text[start:end], closing]
        position = end
    return "".join((*pieces, text[position:]))


def _places(tokens: Sequence[Token]) -> dict[str, list[Span]]:
    places: dict[str, list[Span]] = {}
    for token in tokens:
        places.setdefault(token.text, []).append((token.start, token.end))
    return places


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
