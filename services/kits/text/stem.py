"""Owns light English stemming: plural and possessive only, so shoe finds shoes and universe never university.

The s-stemmer of D. Harman, "How effective is suffixing?", JASIS 42(1), 1991, section 2.1, with the -es of sibilants
added (boxes, dishes) and a short list of nouns that only look like plurals.
"""

from typing import Final

_MIN_STEM_LETTERS: Final = 3
# Words of more than three letters that end in a plain -s (not -ss, -us, -is) and are no plurals.
_UNCHANGED: Final = frozenset({"series", "species", "news", "lens", "canvas", "christmas", "atlas", "bias", "molasses"})
_IRREGULAR: Final = {
    "knives": "knife",
    "wives": "wife",
    "loaves": "loaf",
    "halves": "half",
    "shelves": "shelf",
    "leaves": "leaf",
    "scarves": "scarf",
    "men": "man",
    "women": "woman",
    "children": "child",
    "feet": "foot",
    "teeth": "tooth",
    "mice": "mouse",
    "geese": "goose",
    "movies": "movie",
    "cookies": "cookie",
    "brownies": "brownie",
    "smoothies": "smoothie",
    "lenses": "lens",
    "buses": "bus",
    "gases": "gas",
    "potatoes": "potato",
    "tomatoes": "tomato",
}


def stem(word: str) -> str:
    """Return the singular of a folded English word; anything else (digits, other scripts, short words) comes back."""
    if word.endswith("'s"):
        word = word[:-2]
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= _MIN_STEM_LETTERS or word[-1] != "s" or word in _UNCHANGED or not word.isascii():
        return word
    if word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y" if len(word) > _MIN_STEM_LETTERS + 1 else word[:-1]
    if word.endswith(("sses", "shes", "ches", "xes", "zzes")):
        return word[:-2]
    return word[:-1]
