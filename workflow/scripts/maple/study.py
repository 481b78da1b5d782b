"""A study: what decides the result of every rule, but for figures (:mod:`maple.figure_specs`).

Both the rules and ``verify`` ask this module, so they cannot disagree. It only needs the resolved
configuration and small files, and is cheap to import: every cluster job parses the Snakefile again.
"""

import json
from functools import lru_cache
from pathlib import Path

import yaml

from maple import languages, references
from maple.canonical import canonical, digest
from maple.config import ROOT, neutral
from maple.digests import code_digest
from maple.files import sha256_file
from maple.layout import Layout

SAMPLE = ROOT / "resources/sample"
PAGE = ROOT / "workflow/report"
# What one source of training data is declared by.
_SOURCE_KEYS = ("source", "path", "id", "revision", "layout", "languages")


@lru_cache
def _content(folder: Path, suffixes: tuple[str, ...]) -> str:
    """Return the digest of the data files of a folder, by name and content.

    Raw data are hashed rather than watched by time stamp, so touching or copying them reruns nothing.
    """
    if not folder.is_dir():
        return "missing"
    files = sorted(file for file in folder.rglob("*") if file.suffix in suffixes)
    return digest([[str(file.relative_to(folder)), sha256_file(file)] for file in files])


@lru_cache
def _prompts_digest(path: Path) -> str:
    """Return the digest of what a prompt set says; comments and layout do not count."""
    content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    return digest(content)[:16]


class Study(Layout):
    """Everything the rules need to know about a resolved configuration.

    The spec of a rule holds exactly what can change the rule's result besides its inputs, in one canonical string.
    """

    # -- what holds a model, and what it is made from -----------------------------------------

    def model_spec(self, model: str) -> str:
        """What decides the content of a base model."""
        part = self.config["models"][model]
        return canonical({key: value for key, value in part.items() if key not in {"name", "note", "parameters"}})

    def items_spec(self, benchmark: str) -> str:
        """What decides a benchmark's items, but for the list of languages.

        Languages stay out: dropping one must not rerun anything; a new one is a missing file.
        """
        part = neutral(self.config["benchmarks"][benchmark], ("benchmarks", "*"))
        spec = {key: value for key, value in part.items() if key not in {"languages", "prompts", "scoring"}}
        spec["split"] = self.split(benchmark)
        if part["source"] != "hub":
            folder = SAMPLE / benchmark if part["source"] == "sample" else Path(part["path"])
            spec["content"] = _content(folder, (".jsonl", ".json", ".tsv"))
        return canonical({"benchmark": benchmark, **spec})

    def instructions_spec(self, data: str) -> str:
        """What decides an instruction set."""
        part = neutral(self.config["instructions"][data], ("instructions", "*"))
        spec = {key: value for key, value in part.items() if key not in {"name", "sources", *_SOURCE_KEYS}}
        single = [{key: part[key] for key in _SOURCE_KEYS if key in part}]
        spec["sources"] = []
        for source in part.get("sources", single):
            own = {key: value for key, value in source.items() if (key, value) != ("weight", 1)}
            if source["source"] != "hub":
                folder = SAMPLE / "instructions" if source["source"] == "sample" else Path(source["path"])
                own["content"] = _content(folder, (".jsonl", ".json"))
            spec["sources"].append(own)
        spec["overlap"] = {name: self._overlap_source(name) for name in self.benchmarks}
        return canonical(spec)

    def _overlap_source(self, benchmark: str) -> dict:
        """Return where the text of a benchmark lies that training data must not repeat."""
        spec = json.loads(self.items_spec(benchmark))
        return {key: spec[key] for key in ("source", "path", "revision", "split", "content") if key in spec}

    def finetune_spec(self, system: str) -> str:
        """What decides an adapter, besides the base model and the data."""
        coordinates = self.system(system)
        part = neutral(self.config["methods"][coordinates.method], ("methods", "*"))
        method = {key: value for key, value in part.items() if key not in {"name", "alpha_per_rank"}}
        if "alpha_per_rank" in part:
            method["alpha"] = self.alpha(coordinates)
        return canonical(
            {"bits": coordinates.bits, "rank": coordinates.rank, "seed": coordinates.seed, "method": method}
        )

    def predict_spec(self, system: str, benchmark: str) -> str:
        """What decides predictions, besides the system's files and the items (languages stay out)."""
        return canonical(
            {
                "benchmark": benchmark,
                "bits": self.system(system).bits,
                "scoring": self.scoring(benchmark),
                "prompts": {
                    "set": self.prompt_set(benchmark),
                    "digest": _prompts_digest(ROOT / self.prompts(benchmark)),
                },
            }
        )

    def score_spec(self, benchmark: str) -> str:
        """What decides scores, besides the predictions."""
        return canonical({"benchmark": benchmark})

    # -- tables and the report ----------------------------------------------------------------

    def table_spec(self, benchmark: str) -> str:
        """What decides a benchmark's table of scores: the members and what is said about them."""
        part = self.config["benchmarks"][benchmark]
        return canonical(
            {
                "study": self.config["study"],
                "benchmark": benchmark,
                "source": part["source"],
                "prompts": self.prompt_set(benchmark),
                "scoring": self.scoring(benchmark),
                "split": self.split(benchmark),
                "shots": part["shots"],
                "question_from": part["question_from"],
                "languages": self.facts(benchmark),
                "systems": [[system.path, self.label(system), self.alpha(system)] for system in self.scored(benchmark)],
                "notes": {m: self.config["models"][m]["note"] for m in sorted({s.model for s in self.systems})},
            }
        )

    def compare_spec(self, benchmark: str) -> str:
        """What decides a benchmark's comparisons: members and names, published scores, and the statistics."""
        spec = json.loads(self.table_spec(benchmark))
        codes, models = self.languages(benchmark), {system.model for system in self.scored(benchmark)}
        return canonical(
            {
                **{key: spec[key] for key in ("benchmark", "source", "scoring", "languages", "systems")},
                "parameters": {model: self.config["models"][model]["parameters"] for model in models},
                "references": references.content(benchmark, codes) if spec["source"] != "sample" else None,
                **self.config["statistics"],
            }
        )

    def errors_spec(self, benchmark: str) -> str:
        """What decides a benchmark's tables of errors: members and names."""
        return canonical(
            {
                "benchmark": benchmark,
                "source": self.config["benchmarks"][benchmark]["source"],
                "scoring": self.scoring(benchmark),
                "languages": self.facts(benchmark),
                "systems": [[system.path, self.label(system)] for system in self.systems],
            }
        )

    def analyse_spec(self) -> str:
        """What decides the tables over all benchmarks: the members, and what must stand where bits are compared."""
        members = {"benchmarks": self.benchmarks, "systems": [system.path for system in self.systems]}
        return canonical(members | {"notes": self.caveats})

    def tokenize_spec(self) -> str:
        """What decides the table of tokenizer fertility, besides models and items: members, names and scripts."""
        table = languages.load()
        benchmarks = []
        for name in self.benchmarks:
            codes = self.languages(name)
            facts = [[code, table[code].name, table[code].script, table[code].joshi_class] for code in codes]
            benchmarks.append([name, facts])
        return canonical({"models": self.models, "benchmarks": benchmarks})

    def shown_items_spec(self, benchmark: str) -> str:
        """What decides the items beside the report, besides items and predictions (languages stay out)."""
        spec = {"benchmark": benchmark, "systems": [system.path for system in self.scored(benchmark)]}
        return canonical(spec | {"prompts": _prompts_digest(ROOT / self.prompts(benchmark))})

    def report_spec(self) -> str:
        """What decides the report, besides tables, figures and manifests."""
        sources = {name: part["source"] for name, part in self.config["benchmarks"].items()}
        methods = {
            name: neutral(part, ("methods", "*"))
            for name, part in self.config["methods"].items()
            if name in {system.method for system in self.adapters}
        }
        return canonical(
            {
                "study": self.config["study"],
                "benchmarks": {name: [source, self.prompts(name)] for name, source in sources.items()},
                "methods": methods,
                "statistics": self.config["statistics"],
                "systems": [system.path for system in self.systems],
                "notes": self.caveats,
                "page": _content(PAGE, (".j2", ".css", ".js", ".rst")),
            }
        )

    # -- code ---------------------------------------------------------------------------------

    def code(self, script: str) -> str:
        """The digest of the source that a command executes, metric modules included."""
        return code_digest(script)
