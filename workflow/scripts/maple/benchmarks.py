"""The benchmarks: what is fixed about each, and its items in one normalised form.

A choice item is ``{"id", "language", "fields": {...}, "options": [...], "gold": "..."}``; a question to be
answered in words is ``{"id", "language", "fields": {...}, "answers": [...]}``.
"""

from dataclasses import dataclass, field

from maple.errors import UserError


@dataclass(frozen=True)
class Benchmark:
    """What is fixed about a benchmark.

    Attributes:
        name: In words.
        licence: Of the published data.
        fields: Our name of each text field -> the publisher's.
        split: The split evaluated unless the study says otherwise.
        shots_split: Where demonstrations come from; ``None`` if nothing but the evaluated split is published.
        identifier: The publisher's fields that name an item; the line number if there are none.
        gold: The publisher's field with the answer; answers in words sit in ``answers``.
        golds: The publisher's value of that field -> our option, in the publisher's order.
        values: Field -> the only values it may have.
        prompts: Its prompt set, and
        scoring: how it is measured, unless the study says otherwise.
        local: Layouts of local files, tried in order; ``{code}`` is the benchmark's code of the language,
            ``{language}`` ours, ``{split}`` the publisher's word for the split.
        local_splits: Our name of a split -> the word in local file names.
        hub: Repository on the hub.
        hub_revision: Revision to read there in place of the study's, where the study's holds a loading script.
        hub_file: The file, with ``{code}`` and ``{split}``.
        hub_splits: Our name of a split -> the hub's.
    """

    name: str
    licence: str
    fields: dict[str, str]
    split: str
    hub: str
    hub_file: str
    local: tuple[str, ...]
    shots_split: str | None = None
    identifier: tuple[str, ...] = ()
    gold: str = ""
    golds: dict[object, str] = field(default_factory=dict)
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    prompts: str = "native"
    scoring: str = "likelihood"
    local_splits: dict[str, str] = field(default_factory=dict)
    hub_revision: str | None = None
    hub_splits: dict[str, str] = field(default_factory=dict)

    @property
    def options(self) -> tuple[str, ...]:
        """The options in the publisher's order; none where the answer is in words."""
        return tuple(self.golds.values())

    @property
    def chance(self) -> float | None:
        """Accuracy of guessing among the options."""
        return 1 / len(self.golds) if self.golds else None

    @property
    def metric(self) -> str:
        """The metric that tables and figures lead with."""
        return "accuracy" if self.golds else "f1"


_SQUAD = {"fields": {"context": "context", "question": "question"}, "identifier": ("id",), "scoring": "generation"}

DECLARED = {
    "xnli": Benchmark(
        name="XNLI",
        licence="CC BY-NC 4.0",
        fields={"premise": "premise", "hypothesis": "hypothesis"},
        split="test",
        shots_split="validation",
        identifier=("id",),
        gold="label",
        golds={"entailment": "entailment", "neutral": "neutral", "contradiction": "contradiction"},
        local=("{code}.jsonl", "{split}-{code}.tsv"),
        local_splits={"validation": "dev"},
        hub="facebook/xnli",
        hub_file="{code}/{split}-00000-of-00001.parquet",
    ),
    "xcopa": Benchmark(
        name="XCOPA",
        licence="CC BY 4.0",
        fields={"premise": "premise", "choice1": "choice1", "choice2": "choice2", "question": "question"},
        split="test",
        shots_split="validation",
        identifier=("idx",),
        gold="label",
        golds={0: "choice1", 1: "choice2"},
        values={"question": ("cause", "effect")},
        local=(
            "{code}.jsonl",
            "data/{code}/{split}.{code}.jsonl",
            "data/{code}/{split}-{code}.labels-joined.jsonl",
            "data/{code}/{split}-{code}.jsonl",
        ),
        local_splits={"validation": "val"},
        hub="cambridgeltl/xcopa",
        hub_file="{code}/{split}-00000-of-00001.parquet",
    ),
    "xstorycloze": Benchmark(
        name="XStoryCloze",
        licence="CC BY-SA 4.0",
        fields={
            "sentence1": "input_sentence_1",
            "sentence2": "input_sentence_2",
            "sentence3": "input_sentence_3",
            "sentence4": "input_sentence_4",
            "ending1": "sentence_quiz1",
            "ending2": "sentence_quiz2",
        },
        split="validation",
        shots_split="train",
        identifier=("story_id",),
        gold="answer_right_ending",
        golds={1: "ending1", 2: "ending2"},
        local=("{code}.jsonl", "spring2016.val.{code}.tsv.split_20_80_{split}.tsv"),
        local_splits={"validation": "eval"},
        hub="juletxara/xstory_cloze",
        hub_revision="refs/convert/parquet",
        hub_file="{code}/{split}/0000.parquet",
        hub_splits={"validation": "eval"},
    ),
    "belebele": Benchmark(
        name="Belebele",
        licence="CC BY-SA 4.0",
        fields={
            "passage": "flores_passage",
            "question": "question",
            "answer1": "mc_answer1",
            "answer2": "mc_answer2",
            "answer3": "mc_answer3",
            "answer4": "mc_answer4",
        },
        split="test",
        identifier=("link", "question_number"),
        gold="correct_answer_num",
        prompts="mega",
        golds={"1": "A", "2": "B", "3": "C", "4": "D"},
        local=("{language}.jsonl", "{code}.jsonl", "belebele_{language}.jsonl", "belebele.jsonl"),
        hub="facebook/belebele",
        hub_file="data/{code}.jsonl",
    ),
    "xquad": Benchmark(
        name="XQuAD",
        licence="CC BY-SA 4.0",
        **_SQUAD,
        split="validation",
        local=("{code}.json", "xquad.{code}.json"),
        hub="google/xquad",
        hub_file="xquad.{code}/{split}-00000-of-00001.parquet",
    ),
    "mlqa": Benchmark(
        name="MLQA",
        licence="CC BY-SA 3.0",
        **_SQUAD,
        split="test",
        shots_split="validation",
        local=("{code}.json", "{split}/{split}-context-{code}-question-{code}.json"),
        local_splits={"validation": "dev"},
        hub="facebook/mlqa",
        hub_revision="refs/convert/parquet",
        hub_file="mlqa.{code}.{code}/{split}/0000.parquet",
    ),
}


def normalise(raw: list[dict], benchmark: Benchmark, language: str, where: str) -> list[dict]:
    """Return the normalised items of one language.

    Args:
        raw: The publisher's records.
        benchmark: Their benchmark.
        language: Our code.
        where: File or repository, for messages.

    Raises:
        UserError: A field is missing or empty, a label is unknown, or an id occurs twice; the row is named.
    """
    items, seen = [], set()
    for number, record in enumerate(raw, 1):
        row = f"{where}, record {number}"
        fields = {}
        for name, own in benchmark.fields.items():
            text = record.get(own)
            if not isinstance(text, str) or not text.strip():
                raise UserError(f"{row}: the field {own!r} is missing or empty")
            allowed = benchmark.values.get(name)
            if allowed and text not in allowed:
                raise UserError(f"{row}: {own} {text!r} is not one of {', '.join(allowed)}")
            fields[name] = text.strip()
        identifier = _identifier(record, benchmark, number)
        if identifier in seen:
            raise UserError(f"{row}: the id {identifier!r} occurs twice")
        seen.add(identifier)
        item = {"id": identifier, "language": language, "fields": fields}
        if benchmark.golds:
            # A digit may come as a number or as text, depending on who wrote the file.
            known = {str(value): option for value, option in benchmark.golds.items()}
            label = str(record.get(benchmark.gold))
            if label not in known:
                raise UserError(f"{row}: {benchmark.gold} {label!r} is not one of {', '.join(known)}")
            item |= {"options": list(benchmark.options), "gold": known[label]}
        else:
            answers = list(dict.fromkeys(record.get("answers") or []))
            if not answers or not all(isinstance(answer, str) and answer.strip() for answer in answers):
                raise UserError(f"{row}: it has no answer, or an empty one")
            item["answers"] = answers
        items.append(item)
    return items


def _identifier(record: dict, benchmark: Benchmark, number: int) -> str:
    """Return an item's id: the publisher's, or the line's number where there is none."""
    parts = [record[name] for name in benchmark.identifier if record.get(name) is not None]
    return "#".join(map(str, parts)) if parts else f"{number:05d}"
