"""What is exported of a study: where it lies, and the spec of every rule."""

import json

from maple import languages
from maple.adapters import WITHOUT_RANK
from maple.canonical import canonical
from maple.systems import SLUG, System


class Export:
    """What the rules need to know about the export."""

    def __init__(self, study):
        """Take a :class:`maple.study.Study`."""
        self.study = study

    def systems(self, full: bool) -> str:
        """Return a pattern of the paths of fully finetuned systems, or of those with an adapter."""
        methods = self.study.config["methods"]
        names = [name for name, method in methods.items() if (method["kind"] == "full") == full]
        return rf"{SLUG}/(4|8|16)bit/{SLUG}/({'|'.join(names) or '-'})-r\d+/seed\d+"

    def folder(self, system: str) -> str:
        """The folder of a system's export."""
        return f"{self.study.results}/export/{system}"

    def cards(self) -> list[str]:
        """The model cards of all finetuned systems."""
        return [f"{self.folder(system.path)}/README.md" for system in self.study.adapters]

    def scores(self, system: str) -> str:
        """A system's scores in the form of lm-evaluation-harness."""
        return f"{self.folder(system)}/results_maple.json"

    def _benchmark(self, name: str) -> dict:
        """Return what is said about a benchmark: data, prompts, how it was measured."""
        part = self.study.config["benchmarks"][name]
        table, keys = languages.load(), ("source", "revision", "shots", "limit", "limits", "question_from")
        listed = [[code, table[code].name, table[code].codes[name]] for code in part["languages"]]
        return {
            "name": name,
            **{key: part[key] for key in keys if key in part},
            "split": self.study.split(name),
            "prompts": json.loads(self.study.predict_spec(self.study.systems[0].path, name))["prompts"],
            "scoring": self.study.scoring(name),
            "languages": listed,
        }

    def scores_spec(self, system: str) -> str:
        """What decides the file of scores, besides the scores."""
        benchmarks = [self._benchmark(name) for name in self.study.benchmarks]
        return canonical({"system": self.study.system(system).path, "benchmarks": benchmarks})

    def card_spec(self, system: str) -> str:
        """What decides a model card, besides adapter and scores: everything said about them."""
        coordinates: System = self.study.system(system)
        config = self.study.config
        model = config["models"][coordinates.model]
        data, method = config["instructions"][coordinates.data], config["methods"][coordinates.method]
        sources = data.get("sources", [data])
        return canonical(
            {
                **json.loads(self.scores_spec(system)),
                "study": config["study"],
                "label": self.study.label(coordinates),
                "model": {key: model[key] for key in ("name", "source", "id", "package", "note") if key in model},
                "data": {
                    "name": data["name"],
                    "sources": [
                        {key: part[key] for key in ("source", "id", "revision", "languages") if key in part}
                        for part in sources
                    ],
                },
                "method": {"name": method["name"], "ranked": method["kind"] not in WITHOUT_RANK},
            }
        )
