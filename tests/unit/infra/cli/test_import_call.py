"""What an import asks for: a file's format from its name, columns and options from flags and a mapping file."""

from pathlib import Path

import pytest

from infra.cli.import_call import (
    MAX_MAPPING_BYTES,
    BadMappingError,
    BadPairError,
    FileFormat,
    UnknownFormatError,
    format_of,
    import_parameters,
)


def mapping(folder: Path, text: str | bytes) -> Path:
    path = folder / "mapping.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("orders.csv", FileFormat.CSV),
        ("ORDERS.CSV", FileFormat.CSV),
        ("订单.ndjson", FileFormat.NDJSON),
        ("a.b.jsonl", FileFormat.NDJSON),
        ("x.json", FileFormat.NDJSON),
    ],
)
def test_a_files_name_says_its_format(name: str, expected: FileFormat) -> None:
    assert format_of(Path(name)) is expected


@pytest.mark.parametrize("name", ["orders.txt", "orders.xlsx", "orders", "orders.csv.gz"])
def test_a_name_that_does_not_say_it_is_not_guessed_at(name: str) -> None:
    with pytest.raises(UnknownFormatError, match="--format"):
        format_of(Path(name))


def test_flags_become_parameters_and_a_value_may_hold_an_equals_sign() -> None:
    assert import_parameters(["card=会员号", " line =Zeile"], ["time_format=%Y=%m"], None) == {
        "column.card": "会员号",
        "column.line": "Zeile",
        "option.time_format": "%Y=%m",
    }


@pytest.mark.parametrize("pair", ["card", "=x", "", " =x"])
def test_a_flag_that_is_no_pair_is_refused(pair: str) -> None:
    with pytest.raises(BadPairError):
        import_parameters([pair], [], None)


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(BadPairError):
        import_parameters(["card=a", "card=b"], [], None)


def test_a_flag_wins_over_the_mapping_file(tmp_path: Path) -> None:
    path = mapping(tmp_path, '\ufeff[columns]\ncard = "a"\nline = "b"\n[options]\ncurrency = "GBP"\n')
    assert import_parameters(["card=c"], ["currency=EUR"], path) == {
        "column.card": "c",
        "column.line": "b",
        "option.currency": "EUR",
    }


def test_the_values_of_a_mapping_become_text_and_lists_are_joined(tmp_path: Path) -> None:
    path = mapping(tmp_path, '[options]\ncharge_products = ["POST", "M"]\nyes = true\nno = false\nn = 7\n')
    assert import_parameters([], [], path) == {
        "option.charge_products": "POST,M",
        "option.yes": "true",
        "option.no": "false",
        "option.n": "7",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[columns\n", "cannot be read"),
        ('card = "a"\n', "card is not a section"),
        ('[column]\ncard = "a"\n', r"column is not a section that a mapping has: \[columns\], \[options\]"),
        ("[options]\nx = [1]\n", "x is neither"),
        ('[options]\nx = ["a,b"]\n', "x is neither"),
        ("[options.nested]\nx = 1\n", "nested is neither"),
        (b"[columns]\ncard = '\xb0\xa1'\n", "cannot be read"),
        ("#" * (MAX_MAPPING_BYTES + 1), "cannot be read"),
    ],
)
def test_a_mapping_that_cannot_be_read_says_why(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(BadMappingError, match=message):
        import_parameters([], [], mapping(tmp_path, text))


def test_a_mapping_as_long_as_the_bound_is_read(tmp_path: Path) -> None:
    assert import_parameters([], [], mapping(tmp_path, "#" * MAX_MAPPING_BYTES)) == {}
