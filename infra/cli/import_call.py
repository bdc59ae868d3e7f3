"""What an import asks the gateway for: the file's format, its columns and options, out of flags and a mapping file."""

import tomllib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from infra.cli.catalog import t
from services.chassis.errors import ErrorKind, ZhikeError

SECTIONS: Final = {"columns": "column", "options": "option"}  # of a mapping file, and the parameter that each becomes
SUFFIXES: Final = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "ndjson"}
MAX_MAPPING_BYTES: Final = 64 * 1024


class FileFormat(StrEnum):
    """What a file is written in."""

    CSV = "csv"
    NDJSON = "ndjson"

    @property
    def content_type(self) -> str:
        """Return the media type that the gateway takes."""
        return "text/csv" if self is FileFormat.CSV else "application/x-ndjson"


class BadPairError(ZhikeError):
    """A --column or --option that is not name=value, or that is given twice."""

    kind = ErrorKind.INVALID
    reason = "BAD_PAIR"


class BadMappingError(ZhikeError):
    """A mapping file that is no TOML of [columns] and [options]."""

    kind = ErrorKind.INVALID
    reason = "BAD_MAPPING"


class UnknownFormatError(ZhikeError):
    """A file whose name does not say what it is written in."""

    kind = ErrorKind.INVALID
    reason = "UNKNOWN_FORMAT"


def format_of(path: Path) -> FileFormat:
    """Return what the file's name says. Raises UnknownFormatError."""
    known = SUFFIXES.get(path.suffix.lower())
    if known is None:
        raise UnknownFormatError(t("import.unknown_format", name=path.name, known=", ".join(sorted(SUFFIXES))))
    return FileFormat(known)


def import_parameters(columns: Sequence[str], options: Sequence[str], mapping: Path | None) -> dict[str, str]:
    """Return ``column.<ours>`` and ``option.<name>``; a flag wins over the mapping file.

    Raises BadPairError, BadMappingError.
    """
    parameters = {} if mapping is None else _mapping_parameters(mapping)
    for kind, pairs in (("column", columns), ("option", options)):
        given: dict[str, str] = {}
        for pair in pairs:
            name, equals, value = pair.partition("=")
            if not (name.strip() and equals) or f"{kind}.{name.strip()}" in given:
                raise BadPairError(t("import.bad_pair", pair=pair))
            given[f"{kind}.{name.strip()}"] = value
        parameters |= given
    return parameters


def _mapping_parameters(path: Path) -> dict[str, str]:
    try:
        if path.stat().st_size > MAX_MAPPING_BYTES:
            raise BadMappingError(t("import.bad_mapping", path=path, reason=f"> {MAX_MAPPING_BYTES} bytes"))
        tree = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadMappingError(t("import.bad_mapping", path=path, reason=error)) from None
    parameters: dict[str, str] = {}
    for section, pairs in tree.items():
        if section not in SECTIONS or not isinstance(pairs, Mapping):
            reason = t("import.bad_section", section=section, known=", ".join(f"[{each}]" for each in SECTIONS))
            raise BadMappingError(t("import.bad_mapping", path=path, reason=reason))
        for name, value in pairs.items():
            parameters[f"{SECTIONS[section]}.{name}"] = _text(value, name, path)
    return parameters


def _text(value: Any, name: str, path: Path) -> str:
    """Return a TOML value as an option's text; a list is written with commas."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(each, str) and "," not in each for each in value):
        return ",".join(value)
    raise BadMappingError(t("import.bad_mapping", path=path, reason=t("import.bad_value", name=name)))
