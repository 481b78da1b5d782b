"""Where the files of a study lie."""

from maple.grid import Grid


class Layout(Grid):
    """The path of every file that a rule makes and another reads; ``system`` is a system's path."""

    # Name of the report, and of the folder with what it loads.
    page = "report"

    def model_manifest(self, model: str) -> str:
        """The manifest of a base model."""
        return f"{self.results}/models/{model}/manifest.json"

    def instructions_index(self, data: str) -> str:
        """The index of a normalised instruction set."""
        return f"{self.results}/instructions/{data}/index.json"

    def items_index(self, benchmark: str) -> str:
        """The index of a benchmark's normalised items."""
        return f"{self.results}/benchmarks/{benchmark}/index.json"

    def items(self, benchmark: str) -> list[str]:
        """The files of normalised items, one per language of the study."""
        return [f"{self.results}/benchmarks/{benchmark}/{code}.jsonl" for code in self.languages(benchmark)]

    def adapter(self, system: str) -> str:
        """The manifest of an adapter."""
        return f"{self.results}/adapters/{system}/adapter.json"

    def predictions_index(self, system: str, benchmark: str) -> str:
        """The index of a system's predictions on a benchmark."""
        return f"{self.results}/predictions/{system}/{benchmark}/index.json"

    def predictions(self, system: str, benchmark: str) -> list[str]:
        """The prediction files, one per language of the study."""
        folder = f"{self.results}/predictions/{system}/{benchmark}"
        return [f"{folder}/{code}.jsonl" for code in self.languages(benchmark)]

    def scores(self, system: str, benchmark: str) -> str:
        """The scores of a system on a benchmark."""
        return f"{self.results}/scores/{system}/{benchmark}.json"

    def shown_items_index(self, benchmark: str) -> str:
        """The index of a benchmark's items beside the report."""
        return f"{self.results}/{self.page}/{benchmark}/index.json"

    def shown_items(self, benchmark: str) -> list[str]:
        """The items beside the report, one file per language of the study."""
        codes = self.languages(benchmark)
        return [f"{self.results}/{self.page}/{benchmark}/{code}.js" for code in codes]

    def sources(self) -> list[str]:
        """The manifests of models, training data, items and adapters."""
        used = {system.model for system in self.systems}, {system.data for system in self.adapters}
        found = [self.model_manifest(model) for model in self.config["models"] if model in used[0]]
        found += [self.instructions_index(data) for data in self.config["instructions"] if data in used[1]]
        found += [self.items_index(name) for name in self.benchmarks]
        return found + [self.adapter(system.path) for system in self.adapters]
