"""Owns when two texts are copies: their exact hash, and a MinHash signature that tells how alike two texts are.

A text is compared by its letters and digits alone, folded, cut into overlapping runs of characters (three Chinese ones,
six of other scripts). MinHash: A. Broder, "On the resemblance and containment of documents", 1997; bands: A. Rajaraman
and J. Ullman, "Mining of Massive Datasets", section 3.4. With 8 bands of 3 rows, texts that share 0.8 of their runs
meet in a band with probability .997, at 0.7 with .965, at 0.3 with .2; whoever meets is compared by all 64 values.

Short texts are not compared: that two people say "very good" makes them no copies of each other.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt

from services.kits.text.fold import fold
from services.kits.text.language import Language, language_of

VALUES: Final = 64
BANDS: Final = 8
ROWS: Final = 3
ALIKE: Final = 0.6  # share of equal values, an estimate of the share of common runs; its deviation is .06
READ_CHARACTERS: Final = 4_000  # of a text that are compared; the beginning of an article tells it from others
SHORTEST_TEXT: Final = {Language.CHINESE: 14, Language.ENGLISH: 36}  # letters and digits
SHORTEST_OTHER: Final = 24
HASH_BYTES: Final = 12

_RUN_CHARACTERS: Final = {Language.CHINESE: 3}
_OTHER_RUN_CHARACTERS: Final = 6
_NO_LETTERS: Final = re.compile(r"[\W_]+")
_WORD: Final = 2**64

Signature = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a text is compared by. ``bands`` are the places where alike texts meet; empty for one too short.

    ``signature`` None says the same.
    """

    text_hash: str
    bands: tuple[str, ...] = ()
    signature: Signature | None = None

    @property
    def is_comparable(self) -> bool:
        """Tell whether the text is long enough to be recognised in another's words."""
        return self.signature is not None


def fingerprint_of(spoken: str) -> Fingerprint:
    """Return the fingerprint of a spoken text."""
    letters = _NO_LETTERS.sub("", fold(spoken[: 2 * READ_CHARACTERS]))[:READ_CHARACTERS]
    language = language_of(letters)
    text_hash = blake2b((letters or spoken).encode(), digest_size=HASH_BYTES).hexdigest()
    if len(letters) < SHORTEST_TEXT.get(language, SHORTEST_OTHER):
        return Fingerprint(text_hash)
    signature = _signature(letters, _RUN_CHARACTERS.get(language, _OTHER_RUN_CHARACTERS))
    return Fingerprint(text_hash, _bands(signature), signature)


def likeness(one: Signature, other: Signature) -> float:
    """Return an estimate of the share of runs that two texts have in common, 0 to 1."""
    return float(np.count_nonzero(one == other)) / VALUES


def signature_text(signature: Signature) -> str:
    """Return a signature as it is stored."""
    return base64.b64encode(signature.astype("<u4").tobytes()).decode("ascii")


def signature_of_text(text: str) -> Signature:
    """Invert ``signature_text``."""
    return np.frombuffer(base64.b64decode(text), dtype="<u4").astype(np.uint32)


def _signature(letters: str, run_characters: int) -> Signature:
    """Return the least value of each of VALUES hashes over the runs of a text."""
    codes = np.frombuffer(letters.encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    count = len(codes) - run_characters + 1
    runs = codes[:count].copy()
    for place in range(1, run_characters):
        runs = runs * _BASE + codes[place : place + count]
    runs = np.unique(_mixed(runs))
    least: Signature = ((_FACTORS[:, None] * runs[None, :] + _OFFSETS[:, None]) >> _HIGH).min(axis=1).astype(np.uint32)
    return least


def _bands(signature: Signature) -> tuple[str, ...]:
    rows = signature.astype("<u4").tobytes()
    size = 4 * ROWS
    return tuple(f"{band}:{rows[band * size : (band + 1) * size].hex()}" for band in range(BANDS))


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Spread values over 64 bits (the finaliser of SplitMix64, G. Steele and others, 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _constants(seed: int) -> Sequence[int]:
    """Return VALUES fixed numbers of 64 bits; stored signatures rest on them, so they never change."""
    found = []
    for place in range(VALUES):
        digest = blake2b(f"{seed}/{place}".encode(), digest_size=8).digest()
        found.append(int.from_bytes(digest, "little") % _WORD)
    return found


_BASE: Final = np.uint64(0x9E3779B97F4A7C15)
_HIGH: Final = np.uint64(32)
_FACTORS: Final = np.array(_constants(1), dtype=np.uint64) | np.uint64(1)
_OFFSETS: Final = np.array(_constants(2), dtype=np.uint64)
