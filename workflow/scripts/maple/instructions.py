"""The prepared instruction set: which records are in it.

A record is ``{"id", "language", "messages": [{"role", "content"}, ...]}`` with roles ``user`` and
``assistant`` in turn; the loss is on the assistant's words only.
"""

import json
from collections import Counter, defaultdict
from pathlib import Path

from maple import benchmark_sources, instruction_sources, manifests, mixing
from maple.benchmarks import DECLARED
from maple.canonical import digest
from maple.conversations import conversations
from maple.errors import UserError
from maple.files import write_jsonl
from maple.languages import load as load_languages
from maple.logs import log
from maple.overlap import Overlap


def records_of(raw: list[tuple[str, str, dict]], language: str, prefix: str) -> list[dict]:
    """Return the records of one language of one source.

    Args:
        raw: ``(file, where, raw record)``.
        language: Our code.
        prefix: Begins every id.

    Raises:
        UserError: A record is broken, or an id occurs twice.
    """
    found, seen = [], set()
    for number, (file, where, record) in enumerate(raw, 1):
        parts = conversations(record, where)
        for part, messages in enumerate(parts, 1):
            identifier = f"{prefix}{language}/{file}/{record.get('id', number)}"
            identifier += f"/{part}" if len(parts) > 1 else ""
            if identifier in seen:
                raise UserError(f"{where}: the id {record.get('id', number)!r} occurs twice")
            seen.add(identifier)
            found.append({"id": identifier, "language": language, "messages": messages})
    return found


class Sieve:
    """Drops records that must not be learned from, and counts why.

    Attributes:
        dropped: Reason -> language -> number.
    """

    def __init__(self, overlap: Overlap):
        """Begin with what the benchmarks hold."""
        self._overlap, self._seen = overlap, set()
        self.dropped = defaultdict(Counter)

    def reason(self, record: dict) -> str | None:
        """Return why a record is to be dropped, or ``None``."""
        messages = record["messages"]
        if any(not message["content"] for message in messages):
            return "empty"
        own = digest([" ".join(message["content"].casefold().split()) for message in messages])
        if own in self._seen:
            return "duplicate"
        self._seen.add(own)
        benchmark = self._overlap.benchmark(messages)
        return f"overlap with {DECLARED[benchmark].name}" if benchmark else None

    def keep(self, records: list[dict]) -> list[dict]:
        """Return the records that may stay."""
        kept = []
        for record in records:
            reason = self.reason(record)
            if reason:
                self.dropped[reason][record["language"]] += 1
                log.info("%s dropped: %s", record["id"], reason)
            else:
                kept.append(record)
        return kept


def overlap_of(settings: dict) -> Overlap:
    """Return the text of the evaluated benchmarks in the languages of the instruction set.

    All languages that a benchmark has count, whether the study evaluates them or not, so that a study's
    list of languages never decides what is learned.
    """
    overlap, table = Overlap(), load_languages()
    wanted = sorted({language for source in settings["sources"] for language in source["languages"]})
    for name, source in settings.get("overlap", {}).items():
        for language in wanted:
            if name not in table[language].codes:
                continue
            try:
                overlap.add(name, benchmark_sources.read({"benchmark": name, **source}, language, source["split"]))
            except UserError as error:
                # A local folder rarely has every language of the benchmark.
                if source["source"] == "hub" or "has neither" not in str(error):
                    raise
    return overlap


def select(pool: dict[int, dict[str, list]], settings: dict) -> list[dict]:
    """Return the records drawn from source -> language -> records, as the settings say.

    ``replay`` sets the share of English; ``weight`` shares the rest out among sources and ``temperature``
    among the languages of a source; ``records`` is how many there are to be in all.
    """
    weights = {number: source.get("weight", 1) for number, source in enumerate(settings["sources"])}
    total, share = settings.get("records"), settings.get("replay")
    parts = [(pool, total)]
    if share:
        english = {n: {c: r for c, r in by.items() if c == "en"} for n, by in pool.items()}
        others = {n: {c: r for c, r in by.items() if c != "en"} for n, by in pool.items()}
        counts = [sum(len(r) for by in part.values() for r in by.values()) for part in (english, others)]
        if not counts[0]:
            raise UserError("instructions.*.replay: there are no English records: add 'en' to a source's languages")
        parts = list(zip((english, others), mixing.with_replay(*counts, share, total), strict=True))
    chosen = []
    for part, wanted in parts:
        counts = {n: sum(map(len, by.values())) for n, by in part.items() if any(by.values())}
        own = {n: weights[n] for n in counts}
        even = wanted is None and len(set(own.values())) == 1
        quotas = counts if even else mixing.by_weight(counts, own, wanted)
        for number, quota in quotas.items():
            by = {code: len(records) for code, records in part[number].items()}
            for code, count in mixing.by_temperature(by, quota, settings.get("temperature", 1)).items():
                chosen += mixing.draw(part[number][code], count, f"{settings.get('seed', 0)} {number} {code}")
    return chosen


def prepare(spec: str, code: str, out: Path) -> None:
    """Write ``records.jsonl`` and its index, which says how many records each language has and what was dropped.

    Raises:
        UserError: A record is broken, an id occurs twice, or nothing is left.
    """
    settings = json.loads(spec)
    sieve = Sieve(overlap_of(settings))
    pool = {}
    for number, source in enumerate(settings["sources"]):
        prefix = f"{number + 1}/" if len(settings["sources"]) > 1 else ""
        pool[number] = {}
        for language in source["languages"]:
            raw = instruction_sources.read(source, language)[: settings.get("limit")]
            pool[number][language] = sieve.keep(records_of(raw, language, prefix))
    records = select(pool, settings)
    if not records:
        raise UserError("instructions: no record is left after dropping: see the log for the reasons")
    target = out.parent / "records.jsonl"
    write_jsonl(target, records)
    counts = Counter(record["language"] for record in records)
    characters = Counter()
    for record in records:
        characters[record["language"]] += sum(len(message["content"]) for message in record["messages"])
    # Tokens depend on the model and are in each adapter's manifest.
    manifests.write(
        out,
        spec=spec,
        code=code,
        inputs={},
        files={target.name: manifests.describe(target)},
        records=counts,
        characters=characters,
        dropped=sieve.dropped,
    )
