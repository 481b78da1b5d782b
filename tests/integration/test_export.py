"""A tiny study exported: PEFT loads the folder, the hub's library reads the card, equal runs give equal bytes."""

import copy

import export_adapter
import pytest
import tiny
import torch
from peft import PeftConfig, PeftModel
from tiny import COMMON
from transformers import AutoModelForCausalLM
from workspace import TINY, Workspace

from maple import adapters, manifests, model_sources, models
from maple.canonical import canonical
from maple.files import read_json

FULL = {"name": "Full", "kind": "full", "learning_rate": 2.0e-2, "epochs": 1, "batch_size": 4, "max_length": 1024}
KINDS = ["lora", "rslora", "dora", "ia3", "prompt", "full"]
ADAPTER, MODEL = "tiny/16bit/sample/lora-r4/seed0", "tiny/16bit/sample/full-r1/seed0"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    config = copy.deepcopy(TINY)
    config["methods"]["full"] = FULL
    config["benchmarks"]["xnli"]["limit"] = 4
    config["benchmarks"]["xquad"] = {"source": "sample", "languages": ["en"], "limit": 2}
    config["grid"][0] |= {"methods": ["lora", "full"], "ranks": [4]}
    workspace = Workspace.create(tmp_path_factory.mktemp("exported") / "maple", config)
    workspace.run("export")
    return workspace


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    path = tmp_path_factory.mktemp("llama") / "manifest.json"
    architecture = COMMON | {"model_type": "llama"}
    model_sources.prepare(canonical({"source": "random", "seed": 3, "architecture": architecture}), "code", path)
    return path


def logits(model):
    model.eval()
    with torch.inference_mode():
        # Prompt tuning's virtual tokens stand before the others.
        return model(torch.tensor([[1, 40, 41, 42, 43]])).logits[:, -5:]


def load_exported(folder, full):
    """Return the model of a folder, loaded as its card says."""
    if full:
        return AutoModelForCausalLM.from_pretrained(folder)
    where = PeftConfig.from_pretrained(folder)
    base = AutoModelForCausalLM.from_pretrained(where.base_model_name_or_path, revision=where.revision)
    return PeftModel.from_pretrained(base.float(), folder)


@pytest.mark.parametrize("kind", KINDS)
def test_peft_loads_every_method_with_the_workflows_logits(manifest, tmp_path, kind):
    targets = ["k_proj", "v_proj", "down_proj"] if kind == "ia3" else "all-linear"
    spec = {"bits": 16, "rank": 4, "seed": 0, "method": {"kind": kind, "alpha": 8, "target_modules": targets}}
    tuned = adapters.attach_new(tiny.load(manifest)[0], spec)
    torch.manual_seed(1)
    for value in tuned.parameters():
        if value.requires_grad:
            value.data += 0.1 * torch.randn_like(value)
    adapters.export(tuned, tmp_path, "base")
    files = {file.name: manifests.describe(file) for file in tmp_path.iterdir()}
    manifests.write(tmp_path / "adapter.json", spec=canonical(spec), code="c", inputs={}, files=files)
    out = tmp_path / "out"
    out.mkdir()
    if kind == "full":
        export_adapter.write_model(tmp_path / "adapter.json", manifest, read_json(manifest), out)
    else:
        export_adapter.write_peft(tmp_path / "adapter.json", str(manifest.parent), None, out)
    base = tiny.load(manifest)[0]
    plain = logits(base)
    expected = logits(models.attach(base, tmp_path / "adapter.json"))
    found = load_exported(out, kind == "full")
    assert kind != "full" or (found.dtype == torch.bfloat16 and (out / "tokenizer.json").is_file())
    assert (expected - plain).norm() > 0.01 * plain.norm()
    torch.testing.assert_close(logits(found.float()), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("system", [ADAPTER, MODEL])
def test_the_workflows_export_loads(exported, system, monkeypatch):
    # The base of this study lies in the study's folder, as seen from where the workflow runs.
    monkeypatch.chdir(exported.folder)
    base = tiny.load(exported.folder / "results/models/tiny/manifest.json")[0]
    expected = logits(models.attach(base, exported.folder / f"results/adapters/{system}/adapter.json"))
    found = load_exported(exported.folder / f"results/export/{system}", system == MODEL)
    torch.testing.assert_close(logits(found.float()), expected, rtol=1e-4, atol=1e-5)


def test_weights_are_links_and_the_adapter_stays_whole(exported):
    name = "adapter_model.safetensors"
    one, other = (exported.folder / f"results/{part}/{ADAPTER}/{name}" for part in ("export", "adapters"))
    assert one.stat().st_ino == other.stat().st_ino
    assert exported.command("workflow/scripts/verify.py").returncode == 0
    assert exported.pending("export") == {}


@pytest.mark.parametrize("system", [ADAPTER, MODEL])
def test_the_card_is_valid(exported, system):
    from huggingface_hub import ModelCard

    card = ModelCard.load(exported.folder / f"results/export/{system}/README.md", ignore_metadata_errors=False)
    assert card.data.library_name == ("transformers" if system == MODEL else "peft")
    assert card.data.base_model is None and card.data.language == ["en", "sw"]
    results = {(r.dataset_type, r.dataset_config): r for r in card.data.eval_results}
    assert set(results) == {("sample-xnli", "en"), ("sample-xnli", "sw"), ("sample-xquad", "en")}
    scores = read_json(exported.folder / f"results/scores/{system}/xnli.json")["scores"]
    assert results["sample-xnli", "sw"].metric_value == scores["sw"]["score"]
    expected = ["Sample data", "CC0", "unknown to this workflow", "untuned base", "learning_rate | "]
    for words in expected + (["unmerged"] if system == ADAPTER else []):
        assert words in card.text, words
    assert card.text.index("| English |") < card.text.index("| Swahili |")


def test_scores_as_the_harness_writes_them(exported):
    found = read_json(exported.folder / f"results/export/{ADAPTER}/results_maple.json")
    task = found["results"]["maple_xnli_sw"]
    assert set(task) == {"alias", "sample_len", "acc,none", "acc_stderr,none"}
    assert (
        task["acc,none"] == read_json(exported.folder / f"results/scores/{ADAPTER}/xnli.json")["scores"]["sw"]["score"]
    )
    for key in ("configs", "versions", "n-shot", "n-samples"):
        assert set(found[key]) == set(found["results"])
    base = read_json(exported.folder / "results/export/tiny/16bit/base/results_maple.json")
    assert set(base["results"]) == set(found["results"])
    table = pytest.importorskip("lm_eval.utils").make_table(found)
    assert "maple_xnli_sw" in table and f"{task['acc,none']:.4f}" in table


def test_equal_runs_give_equal_bytes(exported, tmp_path):
    again = exported.copy(tmp_path / "again")
    export = again.folder / "results/export"

    def payload():
        # Records of provenance hold times.
        files = [path for path in export.rglob("*") if path.is_file() and "provenance" not in path.name]
        return {path.relative_to(export): path.read_bytes() for path in files}

    before = payload()
    again.run("--forcerun", "export_adapter", "export_model", "export_scores", "--", "export")
    assert before == payload() and len(before) > 8


def test_what_reruns(exported, tmp_path):
    study = exported.copy(tmp_path / "study")
    study.edit("workflow/scripts/maple/model_card.py", '"## Limits', '"## What to mind')
    assert study.pending("export") == {"export_adapter": 1, "export_model": 1, "export": 1}
    study.edit("workflow/scripts/maple/harness_results.py", '"aggregation": "mean"', '"aggregation": "average"')
    assert study.pending("export") == {"export_adapter": 1, "export_model": 1, "export_scores": 3, "export": 1}
    (study.folder / f"results/export/{ADAPTER}/adapter_model.safetensors").unlink()
    assert study.pending(f"results/export/{ADAPTER}/adapter_model.safetensors") == {"export_adapter": 1}
