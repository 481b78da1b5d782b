"""The part of a study that has been scored by now, as a study of its own."""

import copy
from pathlib import Path

from maple import manifests
from maple.benchmarks import DECLARED
from maple.canonical import canonical
from maple.files import read_json
from maple.study import Study
from maple.systems import System
from maple.words import count, listed

# More names than this are counted, not listed.
_LONGEST = 6


class Existing(Study):
    """What exists of a study: systems and languages whose scores the present config would give.

    Labels are those of the whole study. A language counts where all systems that are scored at all have it.

    Attributes:
        whole: The whole study.
    """

    page = "report_partial"

    def __init__(self, study: Study):
        """Look at the manifests of a study; payload files are not read."""
        self.whole = study
        self._scored, self._digests, languages = {}, {}, {}
        for name in study.benchmarks:
            found = {system: _scores(study, system, name) for system in study.systems}
            found = {system: scores for system, scores in found.items() if scores}
            codes = [
                code
                for code in study.config["benchmarks"][name]["languages"]
                if found and all(code in scores["scores"] for scores in found.values())
            ]
            if codes:
                self._scored[name], languages[name] = list(found), codes
                self._digests[name] = [[s.path, manifests.identity(part)] for s, part in found.items()]
        config = copy.deepcopy(study.config)
        config["benchmarks"] = {
            name: config["benchmarks"][name] | {"languages": codes} for name, codes in languages.items()
        }
        super().__init__(config)

    def scored(self, benchmark: str) -> list[System]:
        """The systems with scores on a benchmark."""
        return self._scored[benchmark]

    def spec(self) -> str:
        """What decides the partial report: its members, and what was scored."""
        languages = {name: self.config["benchmarks"][name]["languages"] for name in self.benchmarks}
        return canonical({"report": self.report_spec(), "languages": languages, "scores": self._digests})

    def missing(self) -> list[str]:
        """Return one sentence for each benchmark that is not complete; none if nothing is missing."""
        sentences = []
        for name in self.whole.benchmarks:
            words = DECLARED[name].name
            if name not in self.benchmarks:
                sentences.append(f"{words}: no scores yet.")
                continue
            names = [facts[1] for facts in self.whole.facts(name) if facts not in self.facts(name)]
            labels = [self.label(system) for system in self.systems if system not in self._scored[name]]
            if labels:
                sentences.append(f"{words}: no scores yet for {_named(labels, 'system', len(self.systems))}.")
            if names:
                total = len(self.whole.config["benchmarks"][name]["languages"])
                sentences.append(f"{words}: no scores yet in {_named(names, 'language', total)}.")
        return sentences


def _named(names: list[str], noun: str, total: int) -> str:
    """Return names, or how many they are if they are many."""
    if len(names) > _LONGEST:
        return f"{len(names)} of {count(total, noun)}"
    # Names of systems hold commas.
    if any("," in name for name in names):
        return "; ".join(names)
    return listed(names)


def _scores(study: Study, system: System, benchmark: str) -> dict | None:
    """Return a system's scores if they, its predictions and its adapter were made with the present settings."""
    wanted = [(study.scores(system.path, benchmark), study.score_spec(benchmark))]
    wanted.append((study.predictions_index(system.path, benchmark), study.predict_spec(system.path, benchmark)))
    if not system.is_base:
        wanted.append((study.adapter(system.path), study.finetune_spec(system.path)))
    found = [(read_json(path), spec) for path, spec in wanted if Path(path).is_file()]
    if len(found) < len(wanted) or any(manifests.canonical_spec(part) != spec for part, spec in found):
        return None
    return found[0][0]
