"""Owns the one written form of a customer's identifiers: phone, e-mail address and loyalty card.

Two channels name the same person only if both write the identifier alike, so every identifier passes here once, on
write (parsing costs 100-200 µs). Error messages never repeat the value: they end up in logs and answers.
"""

import re
import unicodedata
from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email

DEFAULT_REGION: Final = "CN"
MAX_PHONE_CHARACTERS: Final = 40
MAX_EMAIL_CHARACTERS: Final = 254
MIN_CARD_CHARACTERS: Final = 3
MAX_CARD_CHARACTERS: Final = 64

_PHONE_SHAPE: Final = re.compile(r"\+?[0-9().\-/ ]+")
_CARD_SHAPE: Final = re.compile(r"[0-9A-Z]+")
_CARD_SEPARATORS: Final = re.compile(r"[\s\-_./]+")
_DASHES: Final = str.maketrans(dict.fromkeys("‐‑‒–—―−－", "-"))


def normalise_phone(text: str) -> str:
    """Return the E.164 form (`+8613800138000`); a number without country code is Chinese.

    Raises ValueError for anything that is not one valid number. A number with an extension is refused too: E.164
    drops the extension, and everyone behind one switchboard would become one person.
    """
    folded = _fold(text, limit=MAX_PHONE_CHARACTERS, noun="phone number").translate(_DASHES)
    if not _PHONE_SHAPE.fullmatch(folded):
        raise ValueError("phone number may hold digits, spaces and + - . / ( ) only")
    try:
        number = phonenumbers.parse(folded, DEFAULT_REGION)
    except phonenumbers.NumberParseException as error:
        raise ValueError("phone number cannot be read") from error
    if not phonenumbers.is_valid_number(number):
        raise ValueError("phone number does not exist in its country's numbering plan")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normalise_email(text: str) -> str:
    """Return the address in lower case with a Unicode domain; nothing is looked up on the network.

    NFKC comes first because the validator does not fold a full-width local part. The local part is lowered as well:
    no mail provider in use tells two people apart by case. Raises ValueError.
    """
    folded = _fold(text, limit=MAX_EMAIL_CHARACTERS, noun="e-mail address").replace("。", ".")
    try:
        checked = validate_email(folded, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValueError("e-mail address is not valid") from error
    return checked.normalized.lower()


def normalise_card(text: str) -> str:
    """Return a loyalty card number as upper-case letters and digits without separators; leading zeros stay.

    Raises ValueError when it is shorter than 3 or longer than 64 characters or holds anything else.
    """
    folded = _CARD_SEPARATORS.sub("", _fold(text, limit=MAX_CARD_CHARACTERS, noun="card number").translate(_DASHES))
    card = folded.upper()
    if not _CARD_SHAPE.fullmatch(card):
        raise ValueError("card number may hold letters and digits only")
    if len(card) < MIN_CARD_CHARACTERS:
        raise ValueError(f"card number is shorter than {MIN_CARD_CHARACTERS} characters")
    return card


def _fold(text: str, *, limit: int, noun: str) -> str:
    """Fold width and compatibility forms; drop invisible format characters, which copying from a web page adds."""
    if len(text) > limit:
        raise ValueError(f"{noun} is longer than {limit} characters")
    visible = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
    stripped = visible.strip()
    if not stripped:
        raise ValueError(f"{noun} is empty")
    return stripped
