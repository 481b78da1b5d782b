"""What decides each figure besides its tables, and which figures a study has."""

from maple import references
from maple.benchmarks import DECLARED
from maple.canonical import canonical
from maple.errors import UserError


class Figures:
    """Specs and targets of the figures of a study."""

    def __init__(self, study):
        """Take a :class:`maple.study.Study`."""
        self.study = study

    def names(self) -> list[str]:
        """Return the figures that this study has something to draw in, in the order of the report."""
        names = []
        if self.study.adapters:
            names += ["english_forgetting"] if self.with_english() else []
            names += ["by_resource_class", "tradeoff"]
            names += ["gap_to_references"] if self.with_references() else []
            names += ["forest"]
        names += ["heatmap", "tokenizer_fertility"]
        names += [f"{name}_by_lang" for name in self.study.benchmarks]
        if self._ranked():
            names += [f"{name}_by_rank" for name in self.study.benchmarks]
        if self._precisions() > 1:
            names += [f"{name}_by_bits" for name in self.study.benchmarks]
        return names + (["cost", "training_curves"] if self.study.adapters else [])

    def english_tables(self) -> list[str]:
        """Return the comparisons that the figure of English is drawn from."""
        return [f"{self.study.results}/tables/{name}_comparisons.csv" for name in self.with_english()]

    def reference_tables(self) -> list[str]:
        """Return the gaps that the figure of published scores is drawn from."""
        return [f"{self.study.results}/tables/{name}_gaps.csv" for name in self.with_references()]

    def with_english(self) -> list[str]:
        """Return the benchmarks that have English."""
        return [name for name in self.study.benchmarks if "en" in self.study.languages(name)]

    def with_references(self) -> list[str]:
        """Return the benchmarks that published scores can be held against: sample data cannot."""
        parts = self.study.config["benchmarks"]
        return [
            name
            for name in self.study.benchmarks
            if parts[name]["source"] != "sample" and references.of(name, parts[name]["languages"])
        ]

    def by_lang(self, benchmark: str) -> str:
        """What decides a benchmark's figure by language."""
        part = self.study.config["benchmarks"][benchmark]
        return canonical(
            self._of_benchmark(benchmark, "by language")
            | {
                "models": self._names()["models"],
                "prompts": self.study.prompt_set(benchmark),
                "scoring": self.study.scoring(benchmark),
                "split": self.study.split(benchmark),
                "shots": part["shots"],
                "question_from": part["question_from"],
                "notes": self.study.caveats,
            }
        )

    def by_rank(self, benchmark: str) -> str:
        """What decides a benchmark's figure by rank."""
        if not self._ranked():
            raise UserError(f"{benchmark}_by_rank: no adapter of this study has a rank: add `ranks` to a grid block")
        spec = self._of_benchmark(benchmark, "by rank") | self._names()
        return canonical(spec | {"rankless": self._rankless(), "notes": self.study.caveats})

    def by_bits(self, benchmark: str) -> str:
        """What decides a benchmark's figure by precision."""
        spec = self._of_benchmark(benchmark, "by precision") | self._names()
        return canonical(spec | {"rankless": self._rankless(), "notes": self.study.caveats})

    def english_forgetting(self) -> str:
        """What decides the figure of what finetuning does to English."""
        self._need_adapters("english_forgetting")
        if not self.with_english():
            raise UserError("english_forgetting: no benchmark of this study has English: add en to one")
        benchmarks = [[name, DECLARED[name].name] for name in self.with_english()]
        return canonical(
            {"title": f"Change of English scores by finetuning: {self.study.config['study']}", "benchmarks": benchmarks}
            | self._names()
            | {"rankless": self._rankless(), "sample": self._sample(self.with_english())}
            | {"notes": self.study.caveats}
        )

    def by_resource_class(self) -> str:
        """What decides the figure by resource class."""
        self._need_adapters("by_resource_class")
        title = f"Change by finetuning, by resource class of the language: {self.study.config['study']}"
        scopes = {name: DECLARED[name].name for name in self.study.benchmarks}
        spec = {"title": title, "scopes": scopes, "models": self._names()["models"]}
        return canonical(spec | {"sample": self._sample(self.study.benchmarks)})

    def gap_to_references(self) -> str:
        """What decides the figure of published scores."""
        self._need_adapters("gap_to_references")
        if not self.with_references():
            raise UserError(
                "gap_to_references: config/references.csv has no score of this study's benchmarks and languages "
                "(sample data are never compared): add rows, or use published benchmark data"
            )
        benchmarks = [[name, DECLARED[name].name] for name in self.with_references()]
        title = f"Distance to published scores: {self.study.config['study']}"
        without = [DECLARED[name].name for name in self.study.benchmarks if name not in self.with_references()]
        spec = {"title": title, "benchmarks": benchmarks, "without": without, "models": self._names()["models"]}
        chance = {name: round(DECLARED[name].chance, 6) for name, _ in benchmarks if DECLARED[name].chance is not None}
        return canonical(spec | {"chance": chance, "notes": self.study.caveats})

    def label_bias(self, benchmark: str) -> str:
        """What decides a benchmark's figure of label bias, besides its table.

        Raises:
            UserError: The benchmark has no labels.
        """
        if not self.study.has_options(benchmark):
            raise UserError(f"{benchmark} is answered in words: it has no labels and no figure of label bias")
        source = self.study.config["benchmarks"][benchmark]["source"]
        facts = {"study": self.study.config["study"], "benchmark": benchmark, "source": source}
        return canonical(facts | {"notes": self.study.caveats})

    def training(self, system: str | None = None) -> str:
        """What decides the figure of training curves, of all adapters or of one: panel and line of each."""
        config, shown = self.study.config, [self.study.system(system)] if system else self.study.adapters
        members = []
        for adapter in shown:
            name, data = config["models"][adapter.model]["name"], config["instructions"][adapter.data]["name"]
            method = config["methods"][adapter.method]["name"]
            panel = f"{name}, {adapter.bits}-bit\n{data}, {method}, seed {adapter.seed}"
            members.append([panel, "" if self.study.rankless(adapter.method) else f"rank {adapter.rank}"])
        used = [config["instructions"][adapter.data] for adapter in shown]
        sample = any(source["source"] == "sample" for part in used for source in part.get("sources", [part]))
        return canonical({"study": config["study"], "adapters": members, "sample": sample})

    def summary(self) -> str:
        """What decides a figure over the whole study, besides its tables: names in words, adapters, caveats."""
        return canonical(self._summary())

    def cost(self) -> str:
        """What decides the figure of costs, besides tables and manifests; provenance is volatile and not in it."""
        # A list: the files come in the same order, which sorted keys would lose.
        codes = [[name, self.study.languages(name)] for name in self.study.benchmarks]
        return canonical(self._summary() | {"languages": codes, "rankless": self._rankless()})

    def _summary(self) -> dict:
        config, study = self.study.config, self.study
        return self._names() | {
            "study": config["study"],
            "sources": {name: config["benchmarks"][name]["source"] for name in study.benchmarks},
            "notes": {model: config["models"][model]["note"] for model in study.models},
            "adapters": [system.path for system in study.adapters],
        }

    # -- parts --------------------------------------------------------------------------------

    def _of_benchmark(self, benchmark: str, words: str) -> dict:
        title = f"{DECLARED[benchmark].name} {words}: {self.study.config['study']}"
        return {"benchmark": benchmark, "title": title, "source": self.study.config["benchmarks"][benchmark]["source"]}

    def _names(self) -> dict:
        """Return the names in words of what the grid holds."""
        config, adapters = self.study.config, self.study.adapters
        return {
            "models": {slug: config["models"][slug]["name"] for slug in {s.model for s in self.study.systems}},
            "data": {slug: config["instructions"][slug]["name"] for slug in {s.data for s in adapters}},
            "methods": {slug: config["methods"][slug]["name"] for slug in {s.method for s in adapters}},
        }

    def _rankless(self) -> list[str]:
        return sorted({s.method for s in self.study.adapters if self.study.rankless(s.method)})

    def _ranked(self) -> bool:
        return any(not self.study.rankless(system.method) for system in self.study.adapters)

    def _precisions(self) -> int:
        """Return the most precisions that any model of the grid has."""
        found: dict[str, set[int]] = {}
        for system in self.study.systems:
            found.setdefault(system.model, set()).add(system.bits)
        return max(map(len, found.values()))

    def _sample(self, benchmarks: list[str]) -> bool:
        return any(self.study.config["benchmarks"][name]["source"] == "sample" for name in benchmarks)

    def _need_adapters(self, figure: str) -> None:
        if not self.study.adapters:
            raise UserError(f"{figure}: this study has untuned bases only: add `data`, `methods`, `ranks` to its grid")
