"""UCI Online Retail for tests: the data as a shop's CSV export, and what an import must make of it, counted apart.

The expectations are worded in polars from what the data's own description says, not from the importer's code.
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

MAPPING = Path(__file__).with_suffix(".toml")
ROWS = 541_909
CHARGES = ("POST", "DOT", "C2", "M", "D", "S", "B", "CRUK", "AMAZONFEE", "BANK CHARGES")


@dataclass(frozen=True)
class Spend:
    """What one customer bought: invoices that are no cancellations, and money less what was cancelled, in pence."""

    orders: int
    pence: int


@dataclass(frozen=True)
class OnlineRetail:
    """The data. One row is one line of an invoice."""

    lines: pl.DataFrame

    @classmethod
    def within(cls, test_data: Path) -> "OnlineRetail":
        """Read the data and say of each line what an import must count it as."""
        lines = pl.read_parquet(test_data / "online_retail.parquet")
        is_cancelled = pl.col("InvoiceNo").str.starts_with("C")
        expected = (
            pl.when(~is_cancelled & (pl.col("Quantity") <= 0)).then(pl.lit("QUANTITY_NOT_POSITIVE"))
            .when(pl.col("UnitPrice") < 0).then(pl.lit("MONEY_NEGATIVE"))
            .when(pl.col("StockCode").str.to_uppercase().is_in(CHARGES)).then(pl.lit("charge"))
            .when(is_cancelled).then(pl.lit("return"))
            .when(pl.col("CustomerID").is_null()).then(pl.lit("anonymous-order"))
            .otherwise(pl.lit("order-line"))
        )  # fmt: skip
        return cls(lines.with_columns(expected=expected, is_cancelled=is_cancelled))

    def write_csv(self, path: Path) -> None:
        """Write the file that the shop would export; customer numbers as its spreadsheet has them, 17850.0."""
        self.lines.drop("expected", "is_cancelled").write_csv(path, datetime_format="%Y-%m-%d %H:%M:%S")

    def sample(self, invoices: int, seed: int) -> "OnlineRetail":
        """Return the data of so many whole invoices, drawn by a seed."""
        numbers = self.lines["InvoiceNo"].unique().sort().sample(invoices, seed=seed)
        return OnlineRetail(self.lines.filter(pl.col("InvoiceNo").is_in(numbers.implode())))

    def orders(self) -> int:
        """Return how many orders an import must make: invoices with at least one line that is not refused."""
        return self.lines.filter(pl.col("expected").str.contains("^[a-z]"))["InvoiceNo"].n_unique()

    def counted(self) -> dict[str, int]:
        """Return how many lines an import must count as what."""
        return dict(self.lines.group_by("expected").len().iter_rows())

    def rows_expected_to_be(self, *kinds: str) -> set[int]:
        """Return the numbers, from 1, of the lines that must be counted as one of these."""
        return set((self.lines.with_row_index("row", 1).filter(pl.col("expected").is_in(kinds)))["row"].to_list())

    def spend(self, customer: int) -> Spend:
        """Return what a customer bought."""
        mine = self.lines.filter((pl.col("CustomerID") == customer) & pl.col("expected").str.contains("^[a-z]"))
        pence = (mine["Quantity"] * (mine["UnitPrice"] * 100)).round().sum()
        return Spend(mine.filter(~pl.col("is_cancelled"))["InvoiceNo"].n_unique(), int(pence))

    def customers(self) -> list[int]:
        """Return every customer's number, in order."""
        return [int(number) for number in self.lines["CustomerID"].drop_nulls().unique().sort()]
