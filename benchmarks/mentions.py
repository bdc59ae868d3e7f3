"""What hearing a mention costs from the API to the counters: ``python -m benchmarks.mentions [--json] [--mentions N]``.

Starts the platform on its real processes and writes mentions in batches of 500 through the gateway: public Chinese
reviews (ZHIKE_TEST_DATA; without them texts made of a seed), a tenth of them copies, rewritten copies or reposts of
earlier ones. Three times, 1x, 4x and 16x as many. Where there are reviews, a tone model is trained on some of them
first, so every mention goes the whole way: clean, hash, cluster, match, tone, aspect, counters.

- end_to_end_per_s: mentions from the first request to the last one heard and counted, by wall clock; intake_per_s:
  until the last batch was acknowledged durable. cpu_us: of each process for one mention.
- growth: CPU for one mention at 16x over 1x.
- read_ms: median of a page of 50 mentions by brand, by tone, and by a text that is rare.
- tone: share of mentions with a tone or unsure, 0 where no model was trained.
- hostile: ms for texts and feeds made to hurt their reader, at their bound, and over the same at an eighth of it.
- silence: of seeded sources of seven rhythms, false alarms a source and week, median hours until a source is missed.
"""

import argparse
import csv
import io
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psutil

from infra.local.plan import free_ports
from services.reputation.domain.cleaning import MAX_TEXT_CHARACTERS, shown_text, spoken_text
from services.reputation.domain.errors import FeedRefusedError
from services.reputation.domain.feed_text import check_markup
from services.reputation.domain.silence import HOUR, SourceRhythm, silent_sources

MENTIONS = 2_000
SCALES = (1, 4, 16)
BATCH = 500
SEED = 20_261
COPIED = 0.1
COMMAND_LIMIT_S = 900.0
HEARD_LIMIT_S = 900.0
TRAINED_LIMIT_S = 600.0
TRAINED_ON = 10_000  # texts
READS = 20
BOMBS = ("<a", '<a b="', "<a b='\"", "<!--", "</", "&#", "@", "//@a", "<script></script")
MARKUP = ("<!-- ", "<a/>", "<a x='", "<![CDATA[")
WORDS = (
    "知客超市服务态度配送速度包装完好味道不错价格实惠客服回复退款麻烦下次还来质量很差推荐朋友环境干净排队太久".strip()
)
# Mentions an hour, by hour of the day and day of the week, UTC.
RHYTHMS: Mapping[str, Callable[[datetime], float]] = {
    "busy": lambda time: 60.0 if 1 <= time.hour <= 14 else 6.0,
    "usual": lambda time: 4.0 if 1 <= time.hour <= 14 else 0.4,
    "slow": lambda time: 0.3 if 1 <= time.hour <= 14 else 0.03,
    "daily": lambda time: 1.0 if time.hour == 2 else 0.0,
    "on weekdays": lambda time: 4.0 if time.weekday() < 5 and 1 <= time.hour <= 14 else 0.0,
    "not on Sundays": lambda time: 10.0 if time.weekday() < 6 and 1 <= time.hour <= 14 else 0.0,
    "rare": lambda _: 0.05,
}
SOURCES = 6  # of each rhythm
LEARNED_DAYS, WATCHED_DAYS = 14, 26


@dataclass(frozen=True)
class Platform:
    """Where it runs."""

    api: httpx.Client
    processes: Mapping[str, psutil.Process]

    def cpu_s(self) -> dict[str, float]:
        return {name: sum(process.cpu_times()[:2]) for name, process in self.processes.items()}

    def heard(self) -> int:
        """Return how many mentions were heard so far."""
        system = self.api.get("/v1/system").raise_for_status().json()
        (reputation,) = [each for each in system["services"] if each["service"] == "reputation"]
        return int(reputation["facts"].get("mentions", 0))


@contextmanager
def platform(folder: Path) -> Iterator[Platform]:
    """Start all processes on an empty store; stop them."""
    data, (port,) = folder / "data", free_ports(1)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ZHIKE_")}
    environment = kept | {
        "ZHIKE_DATA": str(data),
        "ZHIKE_LANG": "en",
        "ZHIKE_OWN_NAMES": "知客,京东,天猫",
        "ZHIKE_GATEWAY_SECRET_RATE_PER_S": "0",
    }
    run_zhike(environment, "up", "--detach", "--port", str(port))
    try:
        run = json.loads((data / "run.json").read_text())
        token = (data / "operator.token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60.0) as api:
            yield Platform(api, {name: psutil.Process(pid) for name, pid in run["pids"].items()})
    finally:
        run_zhike(environment, "down")


def run_zhike(environment: Mapping[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "infra.cli.main", *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=COMMAND_LIMIT_S, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


def read_reviews(chance: Random) -> list[dict[str, str]]:
    """Return the public reviews, each with its label, none where the data sets are not here."""
    path = Path(os.environ.get("ZHIKE_TEST_DATA", "")) / "sentiment" / "online_shopping_10_cats.zip"
    if not path.is_file():
        return []
    with zipfile.ZipFile(path) as packed:
        content = packed.read("online_shopping_10_cats.csv").decode("utf-8-sig")
    rows = [row for row in csv.DictReader(io.StringIO(content, newline="")) if row["review"].strip()]
    chance.shuffle(rows)
    return rows


def review_texts(reviews: Sequence[Mapping[str, str]], chance: Random) -> list[str]:
    """Return what people write."""
    if not reviews:
        return ["".join(chance.choices(WORDS, k=chance.randrange(10, 120))) for _ in range(20_000)]
    return [row["review"].strip() for row in reviews]


def train_tone(running: Platform, reviews: Sequence[Mapping[str, str]]) -> None:
    """Train a tone model on some of the reviews, and wait until it judges."""
    lines = [json.dumps({"text": row["review"], "label": row["label"]}) for row in reviews[-TRAINED_ON:]]
    answer = running.api.post(
        "/v1/tone-models:train",
        content="\n".join(lines).encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    operation, deadline = answer.raise_for_status().json(), time.monotonic() + TRAINED_LIMIT_S
    while not operation["done"]:
        if time.monotonic() > deadline:
            raise SystemExit("the tone model was not trained in time")
        time.sleep(0.5)
        operation = running.api.get(f"/v1/operations/{operation['id']}").raise_for_status().json()
    if operation.get("error"):
        raise SystemExit(f"the tone model was not trained: {operation['error']}")


def made_mentions(count: int, name: str, texts: Sequence[str], chance: Random) -> list[dict[str, Any]]:
    """Return mentions of the last three days, some of them copies and reposts."""
    now, made = datetime.now(UTC), list[dict[str, Any]]()
    for number in range(count):
        mention: dict[str, Any] = {
            "id": f"{name}-{number}",
            "source": chance.choice(("weibo", "forum", "video")),
            "author": f"user-{chance.randrange(5_000)}",
            "url": f"https://m.example/{name}/{number}?utm_source=bench",
            "published": (now - timedelta(seconds=chance.randrange(3 * 86_400))).isoformat(),
            "text": texts[(number * 7) % len(texts)],
        }
        if made and chance.random() < COPIED:
            original = chance.choice(made)
            kind = chance.randrange(3)
            if kind == 0:
                mention |= {"source": original["source"], "text": "转发微博", "parent": original["id"]}
            else:
                mention["text"] = original["text"] if kind == 1 else f"转：{original['text']}（来自网友）"
        made.append(mention)
    return made


def measure(running: Platform, mentions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Write all, wait until all are heard."""
    before, cpu, began = running.heard(), running.cpu_s(), time.perf_counter()
    for start in range(0, len(mentions), BATCH):
        answer = running.api.post("/v1/mentions", json={"mentions": list(mentions[start : start + BATCH])})
        stored = answer.raise_for_status().json()["stored"]
        assert stored == len(mentions[start : start + BATCH]), answer.text[:500]
    taken_in_s = time.perf_counter() - began
    while running.heard() < before + len(mentions):
        if time.perf_counter() - began > HEARD_LIMIT_S:
            raise SystemExit("the mentions were not heard in time")
        time.sleep(0.1)
    heard_s = time.perf_counter() - began
    used = {name: value - cpu[name] for name, value in running.cpu_s().items()}
    return {
        "mentions": len(mentions),
        "end_to_end_per_s": round(len(mentions) / heard_s),
        "intake_per_s": round(len(mentions) / taken_in_s),
        "cpu_us": {name: round(value / len(mentions) * 1e6) for name, value in used.items()},
    }


def reads(running: Platform) -> dict[str, float]:
    """Return the median ms of pages of 50."""
    pages = {"brand": {"brand": "own"}, "tone": {"tone": "unknown"}, "rare_text": {"text": "不会有这样的话"}}
    found = {}
    for name, wanted in pages.items():
        times = []
        for _ in range(READS):
            began = time.perf_counter()
            running.api.get("/v1/mentions", params={**wanted, "page_size": 50}).raise_for_status()
            times.append((time.perf_counter() - began) * 1e3)
        found[name] = round(statistics.median(times), 1)
    return found


def with_tone(running: Platform) -> float:
    """Return the share of mentions with a tone."""
    counts = running.api.get("/v1/mentions:count", params={"step": "1d", "start_time": _days_ago(4)}).json()["counts"]
    total = sum(count["mentions"] for count in counts)
    unknown = sum(count["by_tone"].get("unknown", 0) for count in counts)
    return round(1 - unknown / total, 3) if total else 0.0


def hostile() -> dict[str, dict[str, float]]:
    """Return for each bomb its ms at the bound and how many times the cost of an eighth that is."""

    def read(text: str) -> None:
        spoken_text(shown_text(text))

    def look(text: str) -> None:
        try:
            check_markup(text)
        except FeedRefusedError:
            return

    costs = {}
    for bombs, act, size in ((BOMBS, read, MAX_TEXT_CHARACTERS), (MARKUP, look, 400_000)):
        for bomb in bombs:
            whole, part = (min(_cpu_ms(act, (bomb * size)[:length]) for _ in range(3)) for length in (size, size // 8))
            costs[bomb] = {"ms": round(whole, 2), "times": round(whole / max(part, 1e-3), 1)}
    return costs


def silences() -> dict[str, Any]:
    """Return false alarms and delays of seeded sources."""
    start = datetime(2026, 9, 1, tzinfo=UTC)
    alarms, weeks, delays = 0, 0.0, list[float]()
    for place, (_, rate) in enumerate(sorted(RHYTHMS.items())):
        for number in range(SOURCES):
            chance = Random(SEED + 100 * place + number)
            arrivals = _arrivals(rate, start, LEARNED_DAYS + WATCHED_DAYS, chance)
            alarms += _false_alarms(arrivals, start)
            weeks += WATCHED_DAYS / 7
            stop = start + timedelta(days=30, hours=chance.randrange(24))
            delays.append(_delay_h({hour: count for hour, count in arrivals.items() if hour < stop}, stop))
    return {
        "sources": len(delays),
        "false_alarms_per_source_week": round(alarms / weeks, 3),
        "median_delay_h": round(statistics.median(delays), 1),
    }


def _arrivals(rate: Callable[[datetime], float], start: datetime, days: int, chance: Random) -> dict[datetime, int]:
    hours = (start + place * HOUR for place in range(24 * days))
    return {hour: count for hour in hours if (count := _poisson(rate(hour), chance))}


def _poisson(mean: float, chance: Random) -> int:
    limit, count, product = math.exp(-mean), 0, chance.random()
    while product > limit:
        count, product = count + 1, product * chance.random()
    return count


def _false_alarms(arrivals: Mapping[datetime, int], start: datetime) -> int:
    found, alarmed = 0, False
    for hour in range(24 * LEARNED_DAYS, 24 * (LEARNED_DAYS + WATCHED_DAYS)):
        now = start + hour * HOUR + HOUR / 2
        known = {each: count for each, count in arrivals.items() if each <= now}
        missed = bool(silent_sources([SourceRhythm("s", "main", known)], now))
        found += missed and not alarmed
        alarmed = missed
    return found


def _delay_h(arrivals: Mapping[datetime, int], stop: datetime) -> float:
    for hour in range(24 * 60):
        if silent_sources([SourceRhythm("s", "main", arrivals)], stop + hour * HOUR):
            return float(hour)
    return math.inf


def _cpu_ms(act: Callable[[str], None], text: str) -> float:
    began = time.process_time()
    act(text)
    return (time.process_time() - began) * 1e3


def _days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


def run(mentions: int) -> dict[str, Any]:
    chance = Random(SEED)
    reviews = read_reviews(chance)
    texts = review_texts(reviews, chance)
    figures: dict[str, Any] = {"hostile": hostile(), "silence": silences()}
    with tempfile.TemporaryDirectory(prefix="zhike-bench-") as folder, platform(Path(folder)) as running:
        if reviews:
            train_tone(running, reviews)
        measure(running, made_mentions(BATCH, "warm", texts, chance))
        scales = {
            f"{scale}x": measure(running, made_mentions(scale * mentions, f"x{scale}", texts, chance))
            for scale in SCALES
        }
        figures |= {"read_ms": reads(running), "tone": with_tone(running)}
    first, last = (sum(scales[f"{scale}x"]["cpu_us"].values()) for scale in (SCALES[0], SCALES[-1]))
    return {
        "end_to_end_per_s": scales[f"{SCALES[-1]}x"]["end_to_end_per_s"],
        "growth": round(last / first, 2),
        "scales": scales,
        **figures,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--mentions", type=int, default=MENTIONS, help="at 1x")
    arguments = parser.parse_args()
    figures = run(arguments.mentions)
    print(json.dumps(figures) if arguments.json else json.dumps(figures, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
