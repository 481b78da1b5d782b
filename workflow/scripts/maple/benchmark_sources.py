"""Reading a benchmark's records where they lie (sample, a local folder, the hub) and preparing its items."""

import csv
import json
import random
from pathlib import Path

from maple import languages, manifests
from maple.benchmarks import DECLARED, Benchmark, normalise
from maple.errors import UserError
from maple.files import read_json, read_jsonl, write_jsonl

SAMPLE = Path(__file__).resolve().parents[3] / "resources/sample"
# English COPA on the hub is not part of XCOPA. Estonian stands in: its `question` equals the English one
# in all items of both splits.
_QUESTION_LANGUAGE = {"hub": "et", "local": "en", "sample": "en"}


def _tsv(path: Path, header: tuple[str, ...]) -> list[dict]:
    """Return the rows of an unquoted TSV file; ``header`` names the columns where the file does not."""
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a TSV file in UTF-8 ({error})") from None
    if not rows:
        raise UserError(f"{path}: the file is empty")
    if rows[0][:1] == ["InputStoryid"]:
        header = ("story_id", *(f"input_sentence_{n}" for n in range(1, 5)), "sentence_quiz1", "sentence_quiz2")
        header, rows = (*header, "answer_right_ending"), rows[1:]
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise UserError(f"{path}, record {number}: {len(row)} columns, expected {', '.join(header)}")
    return [dict(zip(header, row, strict=True)) for row in rows]


def _squad(path: Path) -> list[dict]:
    """Return the questions of a file in SQuAD's layout, one record each, in the order of the file."""
    data = read_json(path)
    try:
        return [
            {
                "id": question["id"],
                "context": paragraph["context"],
                "question": question["question"],
                "answers": [answer["text"] for answer in question["answers"]],
            }
            for article in data["data"]
            for paragraph in article["paragraphs"]
            for question in paragraph["qas"]
        ]
    except (KeyError, TypeError) as error:
        raise UserError(f"{path}: not in SQuAD's layout ({type(error).__name__}: {error})") from None


def _ungroup(records: list[dict], path: Path) -> list[dict]:
    """Return Belebele's questions from a file that groups them by passage (`text`, `items`)."""
    flat = []
    for number, record in enumerate(records, 1):
        where = f"{path}, record {number}"
        try:
            for question, item in enumerate(record["items"], 1):
                right = [place for place, answer in enumerate(item["answers"], 1) if answer["correct"]]
                if len(item["answers"]) != 4 or len(right) != 1:
                    raise UserError(f"{where}: question {question} needs 4 answers, one of them correct")
                answers = {f"mc_answer{place}": answer["text"] for place, answer in enumerate(item["answers"], 1)}
                own = {"link": f"passage {number}", "question_number": question, "correct_answer_num": str(right[0])}
                flat.append({"flores_passage": record["text"], "question": item["question"], **answers, **own})
        except (KeyError, TypeError) as error:
            raise UserError(f"{where}: not a passage with its questions ({type(error).__name__}: {error})") from None
    return flat


def _names(benchmark: Benchmark, language: str, code: str, split: str) -> list[str]:
    """Return where a local folder may hold a language's records, the first that is there being read."""
    words = {"code": code, "language": language, "split": benchmark.local_splits.get(split, split)}
    names = [layout.format(**words) for layout in benchmark.local]
    # The publisher's English file of Belebele carries no code.
    return [name for name in names if name != "belebele.jsonl" or language == "en"]


def _file(folder: Path, names: list[str]) -> Path:
    """Return the first of some files that a local folder has.

    Raises:
        UserError: It has none.
    """
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise UserError(f"{folder}: has neither {' nor '.join(names)}: correct path, split or languages")


def _records(path: Path, benchmark: Benchmark) -> list[dict]:
    """Return the records of a local file."""
    if path.suffix == ".tsv":
        return _tsv(path, (*benchmark.fields.values(), benchmark.gold))
    if path.suffix == ".json":
        return _squad(path)
    records = read_jsonl(path)
    return _ungroup(records, path) if "items" in records[0] else records


def _hub(benchmark: Benchmark, code: str, split: str, revision: str) -> tuple[str, list[dict]]:
    """Return the repository, revision and file of a language's records on the hub, and the records."""
    from maple import hub

    revision = benchmark.hub_revision or revision
    name = benchmark.hub_file.format(code=code, split=benchmark.hub_splits.get(split, split))
    path = hub.dataset_file(benchmark.hub, name, revision)
    where = f"{benchmark.hub}@{revision}/{name}"
    if name.endswith(".jsonl"):
        return where, read_jsonl(path)
    import pyarrow.parquet

    try:
        records = pyarrow.parquet.read_table(path).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(
            f"{path}: not a Parquet file ({' '.join(str(error).split())}): delete it and run again"
        ) from None
    labels = list(benchmark.golds)
    for record in records:
        if isinstance(record.get("answers"), dict):
            record["answers"] = list(record["answers"]["text"])
        # XNLI's labels are numbers there.
        if benchmark.gold and isinstance(record.get(benchmark.gold), int) and isinstance(labels[0], str):
            number = record[benchmark.gold]
            record[benchmark.gold] = labels[number] if 0 <= number < len(labels) else number
    return where, records


def _code(settings: dict, language: str) -> str:
    """Return the benchmark's own code of a language."""
    return languages.load()[language].codes.get(settings["benchmark"], language)


def read(settings: dict, language: str, split: str) -> list[dict]:
    """Return the normalised items of one language in one split.

    Args:
        settings: The benchmark's spec: ``benchmark``, ``source`` and what that source needs.
        language: Our code.
        split: ``train``, ``validation`` or ``test``.

    Raises:
        UserError: There is no such data, or a record is broken.
    """
    benchmark = DECLARED[settings["benchmark"]]
    code = _code(settings, language)
    if settings["source"] == "hub":
        where, raw = _hub(benchmark, code, split, settings["revision"])
    else:
        folder = SAMPLE / settings["benchmark"] if settings["source"] == "sample" else Path(settings["path"])
        where = _file(folder, _names(benchmark, language, code, split))
        raw = _records(where, benchmark)
    items = normalise(raw, benchmark, language, str(where))
    if settings.get("question_from") == "en":
        other = read({**settings, "question_from": "own"}, _QUESTION_LANGUAGE[settings["source"]], split)
        questions = {item["id"]: item["fields"]["question"] for item in other}
        for item in items:
            if item["id"] not in questions:
                raise UserError(f"{where}: English COPA has no item {item['id']}: set question_from: own")
            item["fields"]["question"] = questions[item["id"]]
    return items


def demonstrations(settings: dict, language: str) -> list[dict]:
    """Return the items shown before every evaluated one, in the order shown.

    They are drawn without regard to the language, so where a benchmark is parallel all languages see the
    same ones, and a larger number of shots extends a smaller one.
    """
    benchmark = DECLARED[settings["benchmark"]]
    if not settings.get("shots"):
        return []
    if benchmark.shots_split is None or settings["split"] == benchmark.shots_split:
        raise UserError(
            f"benchmarks.{settings['benchmark']}.shots: demonstrations may not come from the evaluated split, and "
            f"{benchmark.name} has no other: set shots: 0"
            + ("" if benchmark.shots_split is None else f" or evaluate another split than {benchmark.shots_split}")
        )
    if settings["source"] == "sample":
        raise UserError(f"benchmarks.{settings['benchmark']}.shots: the sample data have no second split: set shots: 0")
    source = "en" if settings.get("shots_language") == "en" else language
    if settings["source"] == "local":
        folder, code = Path(settings["path"]), _code(settings, source)
        shown = _file(folder, _names(benchmark, source, code, benchmark.shots_split))
        if shown in (folder / name for name in _names(benchmark, source, code, settings["split"])):
            raise UserError(
                f"{shown}: its name says no split, so evaluated items would be demonstrations too: name the files of "
                f"both splits as the publisher does, or set benchmarks.{settings['benchmark']}.shots: 0"
            )
    items = read(settings, source, benchmark.shots_split)
    if len(items) < settings["shots"]:
        raise UserError(f"benchmarks.{settings['benchmark']}.shots: only {len(items)} items in {benchmark.shots_split}")
    order = list(range(len(items)))
    random.Random(f"{settings['benchmark']} {benchmark.shots_split}").shuffle(order)
    return [items[place] for place in order[: settings["shots"]]]


def prepare(spec: str, code: str, out: Path, wanted: list[str]) -> None:
    """Write one file of items per language, its demonstrations if any, and the index.

    The index keeps languages prepared earlier under the same spec, so that dropping a language from the
    config and taking it back changes nothing.

    Args:
        spec: Canonical spec of the benchmark.
        code: Code digest.
        out: The index.
        wanted: Language codes.
    """
    settings = json.loads(spec)
    files = _kept(spec, code, out, wanted)
    for language in wanted:
        limit = settings.get("limits", {}).get(language, settings.get("limit"))
        parts = {f"{language}.jsonl": read(settings, language, settings["split"])[:limit]}
        if settings.get("shots"):
            parts[f"shots/{language}.jsonl"] = demonstrations(settings, language)
        for name, items in parts.items():
            target = out.parent / name
            write_jsonl(target, items)
            files[name] = manifests.describe(target) | {"items": len(items)}
    manifests.write(out, spec=spec, code=code, inputs={}, files=files)


def _kept(spec: str, code: str, out: Path, wanted: list[str]) -> dict:
    """Return the undamaged entries of an earlier index with the same spec and code, other languages only."""
    earlier = manifests.earlier(out)
    if not earlier or earlier["spec"] != json.loads(spec) or earlier["code"] != code:
        return {}
    others = {name: entry for name, entry in earlier["files"].items() if Path(name).stem not in wanted}
    return {name: entry for name, entry in others.items() if not manifests.damage(out.parent, {name: entry})}
