"""Tasks of lm-evaluation-harness, templates and all, over local files instead of the hub's."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import lm_eval.tasks
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks._yaml_loader import load_yaml

from maple.files import read_jsonl, write_jsonl

_LABELS = ("entailment", "neutral", "contradiction")
_STORY = ("story_id", *(f"input_sentence_{n}" for n in range(1, 5)), "sentence_quiz1", "sentence_quiz2")


@dataclass(frozen=True)
class Case:
    """A task that both sides have.

    Attributes:
        name: The harness's task.
        benchmark: Ours.
        language: Our code.
        split: Our name of it.
        file: The publisher's file in the data folder.
        prompts: Our prompt set with the harness's wording.
    """

    name: str
    benchmark: str
    language: str
    split: str
    file: str
    prompts: str = "native"


# The harness has no English XCOPA, and Swahili XCOPA is at hand with its validation items only.
CASES = (
    *(Case(f"xnli_{code}", "xnli", code, "validation", f"xnli/dev-{code}.tsv") for code in ("en", "sw", "zh")),
    *(Case(f"xcopa_{code}", "xcopa", code, "test", f"xcopa/data/{code}/test.{code}.jsonl") for code in ("id", "tr")),
    Case("xcopa_sw", "xcopa", "sw", "validation", "xcopa/data/sw/val.sw.jsonl"),
    *(
        Case(
            f"xstorycloze_{code}",
            "xstorycloze",
            code,
            "validation",
            f"xstorycloze/spring2016.val.{code}.tsv.split_20_80_eval.tsv",
        )
        for code in ("id", "zh")
    ),
    Case("belebele_eng_Latn", "belebele", "en", "test", "belebele/belebele.jsonl", "harness"),
)


def _rows(path: Path) -> list[list[str]]:
    """Return the cells of an unquoted TSV file as they are, blanks included."""
    return [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n") if line]


def published(case: Case, data: Path) -> list[dict]:
    """Return a task's records under the names and with the types they have on the hub.

    The files are read here, not by the workflow, so that its reading is under test too.
    """
    path = data / case.file
    if case.benchmark == "xnli":
        rows = _rows(path)
        return [{"premise": one, "hypothesis": two, "label": _LABELS.index(label)} for one, two, label in rows]
    if case.benchmark == "xstorycloze":
        return [
            dict(zip(_STORY, row[:-1], strict=True)) | {"answer_right_ending": int(row[-1])} for row in _rows(path)[1:]
        ]
    return read_jsonl(path)


def build(case: Case, records: list[dict], folder: Path) -> ConfigurableTask:
    """Return the harness's task with its requests for some records, which are written to an empty folder."""
    path = folder / "records.jsonl"
    write_jsonl(path, records)
    tasks = Path(lm_eval.tasks.__file__).parent / case.benchmark
    # Its files are named differently in each benchmark, but all end in the task's own part of the name.
    (file,) = tasks.glob(f"*{case.name.removeprefix(case.benchmark)}.yaml")
    config = load_yaml(file)
    # Only where the items come from is replaced; what is asked and how it is judged stays the harness's.
    config |= {
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": {"test": str(path)}, "cache_dir": str(folder / "cache")},
        "training_split": None,
        "validation_split": None,
        "fewshot_split": None,
        "test_split": "test",
    }
    task = ConfigurableTask(config=config)
    task.build_all_requests()
    return task


def ask(case: Case, records: list[dict], lm) -> list[dict]:
    """Return, for each record, its options' texts and log-likelihoods and the harness's accuracy."""
    with tempfile.TemporaryDirectory() as folder:
        task = build(case, records, Path(folder))
        values = lm.loglikelihood(task.instances, disable_tqdm=True)
        found = {}
        for instance, value in zip(task.instances, values, strict=True):
            found.setdefault(instance.doc_id, []).append((instance, value))
        return [
            {
                "texts": ["".join(instance.args) for instance, _ in options],
                "sums": [value for _, (value, _) in options],
                "acc": task.process_results(options[0][0].doc, [value for _, value in options])["acc"],
            }
            for options in found.values()
        ]
