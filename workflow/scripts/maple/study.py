"""A study: its systems, where their files lie, and the spec of every rule.

Both the rules and ``verify`` ask this module, so they cannot disagree. It only needs the resolved
configuration and small files, and is cheap to import: every cluster job parses the Snakefile again.
"""

import itertools
import json
from functools import cached_property, lru_cache
from pathlib import Path

import yaml

from maple import languages, references
from maple.adapters import WITHOUT_RANK
from maple.benchmarks import DECLARED
from maple.canonical import canonical, digest
from maple.config import ROOT, neutral
from maple.digests import code_digest
from maple.errors import UserError
from maple.files import sha256_file
from maple.systems import System

SAMPLE = ROOT / "resources/sample"
PAGE = ROOT / "workflow/report"
# Figures with a file per benchmark, and figures of the whole study; the report shows them in this order.
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


class Study:
    """Everything the rules need to know about a resolved configuration."""

    # Name of the report, and of the folder with what it loads.
    page = "report"

    def __init__(self, config: dict):
        """Take a configuration that :func:`maple.config.resolve` returned."""
        self.config = config
        self.results = config["results"]
        self.benchmarks = list(config["benchmarks"])

    # -- systems ------------------------------------------------------------------------------

    @cached_property
    def systems(self) -> list[System]:
        """All systems of the grid, each once: every base at every precision, then its adapters."""
        found = set()
        for block in self.config["grid"]:
            for model, bits in itertools.product(block["models"], block["bits"]):
                found.add(System(model, bits))
                if "data" in block:
                    tuned = itertools.product(block["data"], block["methods"], block["ranks"], block.get("seeds", [0]))
                    found.update(
                        System(model, bits, data, method, 1 if self.rankless(method) else rank, seed)
                        for data, method, rank, seed in tuned
                    )
        return sorted(found, key=lambda s: (s.model, s.bits, not s.is_base, s.data, s.method, s.rank, s.seed))

    def rankless(self, method: str) -> bool:
        """Whether a method has no rank."""
        return self.config["methods"][method]["kind"] in WITHOUT_RANK

    def scored(self, benchmark: str) -> list[System]:
        """The systems in a benchmark's tables."""
        return self.systems

    @cached_property
    def adapters(self) -> list[System]:
        """The finetuned systems."""
        return [system for system in self.systems if not system.is_base]

    @cached_property
    def _by_path(self) -> dict[str, System]:
        return {system.path: system for system in self.systems}

    def system(self, path: str, tuned: bool = False) -> System:
        """Return the system of a path.

        Raises:
            UserError: It is not in the grid, or is an untuned base where only a finetuned system will do.
        """
        found = self._by_path.get(path)
        if not found:
            raise UserError(f"{path} is not in this study's grid: add it to the grid in the config file")
        if tuned and found.is_base:
            raise UserError(f"{path} is untuned and has no adapter: ask for a finetuned system")
        return found

    def label(self, system: System) -> str:
        """Return the system in words, for figures and tables."""
        name = f"{self.config['models'][system.model]['name']}, {system.bits}-bit"
        if system.is_base:
            return f"{name}, untuned"
        method = self.config["methods"][system.method]["name"]
        words = f"{name}, {method}" + ("" if self.rankless(system.method) else f" rank {system.rank}")
        if len({other.data for other in self.adapters}) > 1:
            words += f", {self.config['instructions'][system.data]['name']}"
        if len({other.seed for other in self.adapters}) > 1:
            words += f", seed {system.seed}"
        return words

    def alpha(self, system: System) -> float | None:
        """Return LoRA's alpha of a system; ``None`` where there is none."""
        method = self.config["methods"].get(system.method, {})
        if "alpha_per_rank" in method:
            return method["alpha_per_rank"] * system.rank
        return method.get("alpha")

    # -- files --------------------------------------------------------------------------------

    def model_manifest(self, model: str) -> str:
        """The manifest of a base model."""
        return f"{self.results}/models/{model}/manifest.json"

    def items_index(self, benchmark: str) -> str:
        """The index of a benchmark's normalised items."""
        return f"{self.results}/benchmarks/{benchmark}/index.json"

    def items(self, benchmark: str) -> list[str]:
        """The files of normalised items, one per language of the study."""
        return [
            f"{self.results}/benchmarks/{benchmark}/{code}.jsonl"
            for code in self.config["benchmarks"][benchmark]["languages"]
        ]

    def instructions_index(self, data: str) -> str:
        """The index of a normalised instruction set."""
        return f"{self.results}/instructions/{data}/index.json"

    def adapter(self, system: str) -> str:
        """The manifest of an adapter."""
        return f"{self.results}/adapters/{system}/adapter.json"

    def predictions_index(self, system: str, benchmark: str) -> str:
        """The index of a system's predictions on a benchmark."""
        return f"{self.results}/predictions/{system}/{benchmark}/index.json"

    def predictions(self, system: str, benchmark: str) -> list[str]:
        """The prediction files, one per language of the study."""
        folder = f"{self.results}/predictions/{system}/{benchmark}"
        return [f"{folder}/{code}.jsonl" for code in self.config["benchmarks"][benchmark]["languages"]]

    def scores(self, system: str, benchmark: str) -> str:
        """The scores of a system on a benchmark."""
        return f"{self.results}/scores/{system}/{benchmark}.json"

    def shown_items_index(self, benchmark: str) -> str:
        """The index of a benchmark's items beside the report."""
        return f"{self.results}/{self.page}/{benchmark}/index.json"

    def shown_items(self, benchmark: str) -> list[str]:
        """The items beside the report, one file per language of the study."""
        codes = self.config["benchmarks"][benchmark]["languages"]
        return [f"{self.results}/{self.page}/{benchmark}/{code}.js" for code in codes]

    def sources(self) -> list[str]:
        """The manifests of models, training data, items and adapters."""
        used = {system.model for system in self.systems}, {system.data for system in self.adapters}
        found = [self.model_manifest(model) for model in self.config["models"] if model in used[0]]
        found += [self.instructions_index(data) for data in self.config["instructions"] if data in used[1]]
        found += [self.items_index(name) for name in self.benchmarks]
        return found + [self.adapter(system.path) for system in self.adapters]

    # -- specs --------------------------------------------------------------------------------

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
        spec["split"] = part["split"] or DECLARED[benchmark].split
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

    def prompt_set(self, benchmark: str) -> str:
        """The name of the benchmark's prompt set."""
        return self.config["benchmarks"][benchmark]["prompts"] or DECLARED[benchmark].prompts

    def scoring(self, benchmark: str) -> str:
        """How the benchmark is measured: by likelihood or by generation."""
        return self.config["benchmarks"][benchmark]["scoring"] or DECLARED[benchmark].scoring

    def prompts(self, benchmark: str) -> str:
        """The file of the benchmark's prompt set."""
        return f"config/prompts/{benchmark}/{self.prompt_set(benchmark)}.yaml"

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

    def facts(self, benchmark: str) -> list[list]:
        """Code, name, resource class and family of each language of a benchmark."""
        table = languages.load()
        found = [table[code] for code in self.config["benchmarks"][benchmark]["languages"]]
        return [[language.code, language.name, language.joshi_class, language.family] for language in found]

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
                "split": part["split"] or DECLARED[benchmark].split,
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
        codes, models = (
            self.config["benchmarks"][benchmark]["languages"],
            {system.model for system in self.scored(benchmark)},
        )
        return canonical(
            {
                **{key: spec[key] for key in ("benchmark", "source", "scoring", "languages", "systems")},
                "parameters": {model: self.config["models"][model]["parameters"] for model in models},
                "references": references.content(benchmark, codes) if spec["source"] != "sample" else None,
                **self.config["statistics"],
            }
        )

    def has_options(self, benchmark: str) -> bool:
        """Whether answers are chosen among options, and not given in words."""
        return bool(DECLARED[benchmark].options)

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

    def label_bias_spec(self, benchmark: str) -> str:
        """What decides a benchmark's figure of label bias, besides its table.

        Raises:
            UserError: The benchmark has no labels.
        """
        if not self.has_options(benchmark):
            raise UserError(f"{benchmark} is answered in words: it has no labels and no figure of label bias")
        source = self.config["benchmarks"][benchmark]["source"]
        facts = {"study": self.config["study"], "benchmark": benchmark, "source": source}
        return canonical(facts | {"notes": self.caveats})

    def analyse_spec(self) -> str:
        """What decides the tables over all benchmarks: the members, and what must stand where bits are compared."""
        members = {"benchmarks": self.benchmarks, "systems": [system.path for system in self.systems]}
        return canonical(members | {"notes": self.caveats})

    @property
    def caveats(self) -> list[str]:
        """The notes on the grid's models, each once."""
        notes = [self.config["models"][system.model]["note"] for system in self.systems]
        return [note for note in dict.fromkeys(notes) if note]

    def training_figure_spec(self, system: str | None = None) -> str:
        """What decides the figure of training curves, of all adapters or of one: panel and line of each."""
        shown, members = [self.system(system)] if system else self.adapters, []
        for adapter in shown:
            name = self.config["models"][adapter.model]["name"]
            data, method = self.config["instructions"][adapter.data]["name"], self.config["methods"][adapter.method]
            panel = f"{name}, {adapter.bits}-bit\n{data}, {method['name']}, seed {adapter.seed}"
            members.append([panel, "" if self.rankless(adapter.method) else f"rank {adapter.rank}"])
        used = [self.config["instructions"][adapter.data] for adapter in shown]
        sample = any(source["source"] == "sample" for part in used for source in part.get("sources", [part]))
        return canonical({"study": self.config["study"], "adapters": members, "sample": sample})

    def summary_spec(self) -> str:
        """What decides a figure over the whole study, besides its tables: names in words, adapters, caveats."""
        used = {name: {getattr(system, name) for system in self.adapters} for name in ("data", "method")}
        return canonical(
            {
                "study": self.config["study"],
                "sources": {name: self.config["benchmarks"][name]["source"] for name in self.benchmarks},
                "models": {model: self.config["models"][model]["name"] for model in self.models},
                "data": {data: self.config["instructions"][data]["name"] for data in used["data"]},
                "methods": {method: self.config["methods"][method]["name"] for method in used["method"]},
                "notes": {model: self.config["models"][model]["note"] for model in self.models},
                "adapters": [system.path for system in self.adapters],
            }
        )

    def cost_spec(self) -> str:
        """What decides the figure of costs, besides tables and manifests; provenance is volatile and not in it."""
        # A list: the files come in the same order, which sorted keys would lose.
        codes = [[name, self.config["benchmarks"][name]["languages"]] for name in self.benchmarks]
        rankless = sorted({system.method for system in self.adapters if self.rankless(system.method)})
        return canonical({**json.loads(self.summary_spec()), "languages": codes, "rankless": rankless})

    def tokenize_spec(self) -> str:
        """What decides the table of tokenizer fertility, besides models and items: members, names and scripts."""
        table = languages.load()
        benchmarks = []
        for name in self.benchmarks:
            codes = self.config["benchmarks"][name]["languages"]
            facts = [[code, table[code].name, table[code].script, table[code].joshi_class] for code in codes]
            benchmarks.append([name, facts])
        return canonical({"models": self.models, "benchmarks": benchmarks})

    @property
    def models(self) -> list[str]:
        """The base models of the grid."""
        return sorted({system.model for system in self.systems})

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
