"""AlpacaEval in a study: where its files lie, and the spec of every rule. Absent unless the config has the section."""

from maple.alpaca_eval_items import REFERENCE, local_file
from maple.canonical import canonical
from maple.config import neutral
from maple.errors import UserError
from maple.files import sha256_file
from maple.systems import System


class AlpacaEval:
    """What the rules and ``verify`` need to know about the section ``alpaca_eval``."""

    def __init__(self, study):
        """Take a :class:`maple.study.Study`."""
        self.study = study
        self.configured = "alpaca_eval" in study.config

    def _settings(self) -> dict:
        if not self.configured:
            raise UserError("the config has no section alpaca_eval: config/README.md says what belongs there")
        return self.study.config["alpaca_eval"]

    # -- files --------------------------------------------------------------------------------

    @property
    def items_index(self) -> str:
        """The index of instructions and reference outputs."""
        return f"{self.study.results}/benchmarks/alpaca_eval/index.json"

    @property
    def items(self) -> str:
        """The instructions and reference outputs."""
        return f"{self.study.results}/benchmarks/alpaca_eval/items.jsonl"

    def outputs_index(self, system: str) -> str:
        """The index of a system's outputs."""
        return f"{self.study.results}/predictions/{system}/alpaca_eval/index.json"

    def outputs(self, system: str) -> str:
        """A system's outputs."""
        return f"{self.study.results}/predictions/{system}/alpaca_eval/en.jsonl"

    def annotations_index(self, system: str) -> str:
        """The index of the judge's annotations of a system's outputs."""
        return f"{self.study.results}/judgements/{system}/alpaca_eval/index.json"

    def annotations(self, system: str) -> str:
        """The judge's annotations of a system's outputs."""
        return f"{self.study.results}/judgements/{system}/alpaca_eval/annotations.jsonl"

    @property
    def answers(self) -> str:
        """The folder in which the judge's answers are kept, whatever becomes of the files made from them."""
        return f"{self.study.results}/judge_answers"

    def scores(self, system: str) -> str:
        """A system's win rate."""
        return f"{self.study.results}/scores/{system}/alpaca_eval.json"

    @property
    def table(self) -> str:
        """The table of all systems."""
        return f"{self.study.results}/tables/alpaca_eval.csv"

    # -- specs --------------------------------------------------------------------------------

    def reference(self) -> str:
        """Whose outputs the systems' are compared with."""
        part = self._settings()
        return part["reference"] or REFERENCE[part["source"]]

    def items_spec(self) -> str:
        """What decides the items."""
        part = neutral(self._settings(), ("alpaca_eval",))
        spec = {key: part[key] for key in ("source", "path", "revision", "limit") if key in part}
        spec["reference"] = self.reference()
        if part["source"] != "hub":
            file = local_file(spec)
            spec["content"] = sha256_file(file) if file.is_file() else "missing"
        return canonical(spec)

    def predict_spec(self, system: str) -> str:
        """What decides a system's outputs, besides its files and the items."""
        return canonical(
            {
                "benchmark": "alpaca_eval",
                "bits": self.study.system(system).bits,
                "max_new_tokens": self._settings()["max_new_tokens"],
            }
        )

    def judge_spec(self) -> str:
        """What decides annotations, besides items and outputs; where the judge is asked does not."""
        judge = self._settings()["judge"]
        return canonical({"annotator": judge["annotator"], "model": judge["model"]})

    def score_spec(self) -> str:
        """What decides a win rate, besides the annotations."""
        self._settings()
        return canonical({"benchmark": "alpaca_eval"})

    def table_spec(self) -> str:
        """What decides the table: the members, their names, the judge and the statistics."""
        part = self._settings()
        return canonical(
            {
                "source": part["source"],
                "reference": self.reference(),
                "model": part["judge"]["model"],
                "annotator": part["judge"]["annotator"],
                "systems": [[system.path, self.study.label(system)] for system in self.study.systems],
            }
        )

    def endpoint(self) -> str:
        """The options that say where the judge is asked, and how fast; they decide no result."""
        judge = self._settings()["judge"] if self.configured else {"base_url": "-", "parallel": 1}
        return f"--base-url {judge['base_url']} --parallel {judge['parallel']}"

    # -- manifests ----------------------------------------------------------------------------

    def manifests(self) -> list[tuple[str, str, str, str, dict]]:
        """Return ``(path, rule, spec, code, inputs)`` of every manifest, makers before users."""
        if not self.configured:
            return []
        code = self.study.code
        found = [(self.items_index, "prepare_alpaca_eval", self.items_spec(), code("prepare_alpaca_eval"), {})]
        for system in self.study.systems:
            found += self._manifests_of(system)
        return found

    def _manifests_of(self, system: System) -> list[tuple[str, str, str, str, dict]]:
        path, code = system.path, self.study.code
        inputs = {"items": self.items_index, "model": self.study.model_manifest(system.model)}
        if not system.is_base:
            inputs["adapter"] = self.study.adapter(path)
        outputs, annotations = self.outputs_index(path), self.annotations_index(path)
        judged = {"items": self.items_index, "predictions": outputs}
        scored = {"annotations": annotations}
        return [
            (outputs, "predict_alpaca_eval", self.predict_spec(path), code("predict_alpaca_eval"), inputs),
            (annotations, "judge", self.judge_spec(), code("judge"), judged),
            (self.scores(path), "score_alpaca_eval", self.score_spec(), code("score_alpaca_eval"), scored),
        ]
