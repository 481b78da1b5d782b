"""Every method trains, is saved, loads, changes the model, and has as many weights as the arithmetic says."""

import json

import pytest
import torch
from tiny import COMMON, CPU

from maple import adapters, examples, manifests, model_sources, models, training
from maple.canonical import canonical
from maple.errors import UserError

# Trainable weights in millions and in percent of the model: q,v | q,k,v,o | all linear layers, computed by hand.
SHAPES = {
    "llama": dict(hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32,
                  num_key_value_heads=32, vocab_size=32000),
    "mistral": dict(hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32,
                    num_key_value_heads=8, vocab_size=32000),
}  # fmt: skip
TARGETS = [["q_proj", "v_proj"], ["q_proj", "k_proj", "v_proj", "o_proj"], "all-linear"]
MILLIONS = {
    ("llama", 8): (4.2, 8.4, 20.0), ("llama", 64): (33.6, 67.1, 159.9), ("llama", 128): (67.1, 134.2, 319.8),
    ("mistral", 8): (3.4, 6.8, 21.0), ("mistral", 64): (27.3, 54.5, 167.8), ("mistral", 128): (54.5, 109.1, 335.5),
}  # fmt: skip
PERCENT = {
    ("llama", 8): (0.06, 0.12, 0.30), ("llama", 64): (0.50, 1.00, 2.37), ("llama", 128): (1.00, 1.99, 4.75),
    ("mistral", 8): (0.05, 0.09, 0.29), ("mistral", 64): (0.38, 0.75, 2.32), ("mistral", 128): (0.75, 1.51, 4.63),
}  # fmt: skip


@pytest.mark.parametrize(("architecture", "rank"), MILLIONS)
def test_trainable_weights_of_7b_shapes(architecture, rank):
    from transformers import AutoConfig, AutoModelForCausalLM

    table = zip(TARGETS, MILLIONS[architecture, rank], PERCENT[architecture, rank], strict=True)
    for targets, expected, percent in table:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(AutoConfig.for_model(architecture, **SHAPES[architecture]))
            model.requires_grad_(False)
            method = {"alpha": 16, "target_modules": targets}
            tuned = adapters.attach_new(model, {"rank": rank, "seed": 0, "method": method})
        assert round(adapters.count(tuned) / 1e6, 1) == expected
        assert round(100 * adapters.share(tuned), 2) == percent


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    path = tmp_path_factory.mktemp("llama") / "manifest.json"
    architecture = COMMON | {"model_type": "llama"}
    model_sources.prepare(canonical({"source": "random", "seed": 3, "architecture": architecture}), "code", path)
    return path


@pytest.mark.parametrize(("kind", "bits"), [(k, b) for k in adapters.METHODS for b in (4, 16) if (k, b) != ("full", 4)])
def test_a_method_learns_and_loads(manifest, tmp_path, kind, bits):
    targets = ["k_proj", "v_proj", "down_proj"] if kind == "ia3" else "all-linear"
    method = {"kind": kind, "alpha": 8, "batch_size": 4, "epochs": 8, "learning_rate": 5e-3, "max_grad_norm": 1.0,
              "schedule": "constant", "target_modules": targets}  # fmt: skip
    spec = {"bits": bits, "rank": 4, "seed": 0, "method": method}
    base, tokenizer = models.load_base(manifest, bits, CPU)
    whole = sum(value.numel() for value in models.load_base(manifest, 16, CPU)[0].parameters())
    tuned = adapters.attach_new(base, spec)
    assert adapters.share(tuned) == adapters.count(tuned) / whole
    messages = [{"role": "user", "content": "Say yes."}, {"role": "assistant", "content": "yes yes yes"}]
    record = {"id": "r", "language": "en", "messages": messages}
    data = [examples.tokenise(record | {"id": str(n)}, tokenizer) for n in range(4)]
    journal, _ = training.train(tuned, models.causal_parts(tuned), data, spec, tmp_path, {"tokens": 256}, CPU, 1e9)
    assert journal[-1]["loss"] < journal[0]["loss"]
    tuned.eval()
    tokens = torch.tensor([data[0].tokens])
    with torch.inference_mode():
        expected = tuned(tokens).logits.float()[:, -tokens.shape[1] :]
    made = tmp_path / "made"
    made.mkdir()
    adapters.export(tuned, made, "base")
    files = {file.name: manifests.describe(file) for file in made.iterdir()}
    manifests.write(made / "adapter.json", spec=canonical(spec), code="c", inputs={}, files=files)
    fresh, _ = models.load_base(manifest, bits, CPU)
    with torch.inference_mode():
        plain = fresh(tokens).logits.float()
        found = models.attach(fresh, made / "adapter.json")(tokens).logits.float()[:, -tokens.shape[1] :]
    # The loaded adapter has bf16 weights: close to what was trained, and far from the base.
    assert (found - expected).norm() < 0.2 * (plain - expected).norm()


def test_ia3_needs_names():
    with pytest.raises(UserError, match="needs names"):
        adapters.METHODS["ia3"](1, {"target_modules": "all-linear"})


def test_a_method_without_rank_stands_once_in_the_grid():
    import copy

    from workspace import TINY

    from maple.config import resolve
    from maple.study import Study

    config = copy.deepcopy(TINY)
    targets = ["k_proj", "v_proj", "down_proj"]
    config["methods"]["ia3"] = {
        "name": "(IA)³", "kind": "ia3", "target_modules": targets, "learning_rate": 1.0e-3, "epochs": 1, "batch_size": 4
    }  # fmt: skip
    config["grid"][0]["methods"] = ["lora", "ia3"]
    study = Study(resolve(config))
    assert [s.path.split("/")[-2] for s in study.adapters] == ["ia3-r1", "lora-r4", "lora-r8"]
    assert study.label(study.adapters[0]) == "Tiny, 16-bit, (IA)³"
    assert "alpha" not in json.loads(study.finetune_spec(study.adapters[0].path))["method"]
