"""What a study evaluates, and on what: the systems of its grid, and its benchmarks as they are measured."""

import itertools
from functools import cached_property

from maple import languages
from maple.adapters import WITHOUT_RANK
from maple.benchmarks import DECLARED
from maple.errors import UserError
from maple.systems import System


class Grid:
    """The systems and benchmarks of a resolved configuration, and what they are called."""

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

    @cached_property
    def adapters(self) -> list[System]:
        """The finetuned systems."""
        return [system for system in self.systems if not system.is_base]

    @property
    def models(self) -> list[str]:
        """The base models of the grid."""
        return sorted({system.model for system in self.systems})

    def scored(self, benchmark: str) -> list[System]:
        """The systems in a benchmark's tables."""
        return self.systems

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

    def rankless(self, method: str) -> bool:
        """Whether a method has no rank."""
        return self.config["methods"][method]["kind"] in WITHOUT_RANK

    def alpha(self, system: System) -> float | None:
        """Return LoRA's alpha of a system; ``None`` where there is none."""
        method = self.config["methods"].get(system.method, {})
        if "alpha_per_rank" in method:
            return method["alpha_per_rank"] * system.rank
        return method.get("alpha")

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

    @property
    def caveats(self) -> list[str]:
        """The notes on the grid's models, each once."""
        notes = [self.config["models"][system.model]["note"] for system in self.systems]
        return [note for note in dict.fromkeys(notes) if note]

    # -- benchmarks ---------------------------------------------------------------------------

    def languages(self, benchmark: str) -> list[str]:
        """The languages of a benchmark, by code."""
        return self.config["benchmarks"][benchmark]["languages"]

    def facts(self, benchmark: str) -> list[list]:
        """Code, name, resource class and family of each language of a benchmark."""
        table = languages.load()
        found = [table[code] for code in self.languages(benchmark)]
        return [[language.code, language.name, language.joshi_class, language.family] for language in found]

    def split(self, benchmark: str) -> str:
        """The split of the benchmark that is evaluated."""
        return self.config["benchmarks"][benchmark]["split"] or DECLARED[benchmark].split

    def scoring(self, benchmark: str) -> str:
        """How the benchmark is measured: by likelihood or by generation."""
        return self.config["benchmarks"][benchmark]["scoring"] or DECLARED[benchmark].scoring

    def has_options(self, benchmark: str) -> bool:
        """Whether answers are chosen among options, and not given in words."""
        return bool(DECLARED[benchmark].options)

    def prompt_set(self, benchmark: str) -> str:
        """The name of the benchmark's prompt set."""
        return self.config["benchmarks"][benchmark]["prompts"] or DECLARED[benchmark].prompts

    def prompts(self, benchmark: str) -> str:
        """The file of the benchmark's prompt set."""
        return f"config/prompts/{benchmark}/{self.prompt_set(benchmark)}.yaml"
