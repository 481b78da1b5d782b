"""On a tiny random model: the numbers are those of plain forward passes, and a resumed run is the same run."""

import json
import re

import pytest
import torch
from tiny import ARCHITECTURES, COMMON, CPU, load

from maple import (
    adapters,
    checkpoints,
    device_batch,
    devices,
    examples,
    model_sources,
    models,
    response_loss,
    training,
)
from maple.canonical import canonical
from maple.errors import UserError

METHOD = {
    "alpha": 16,
    "batch_size": 2,
    "dropout": 0.1,
    "epochs": 2,
    "learning_rate": 1e-2,
    "max_grad_norm": 1.0,
    "max_length": 500,
    "schedule": "cosine",
    "target_modules": "all-linear",
}
RECORDS = [
    {
        "id": f"r{n}",
        "language": "en",
        "messages": [
            {"role": "user", "content": f"Say {n}." * (n + 1)},
            {"role": "assistant", "content": "yes " * (n + 1)},
        ],
    }
    for n in range(6)
]


@pytest.fixture(scope="module", params=ARCHITECTURES)
def manifest(request, tmp_path_factory):
    path = tmp_path_factory.mktemp(request.param) / "manifest.json"
    architecture = COMMON | ARCHITECTURES[request.param]
    model_sources.prepare(canonical({"source": "random", "seed": 3, "architecture": architecture}), "code", path)
    return path


def tuned(manifest, folder, seed=0, stop_after=None, monkeypatch=None):
    model, tokenizer = load(manifest, 16)
    spec = {"bits": 16, "rank": 4, "seed": seed, "method": METHOD}
    model = adapters.attach_new(model, spec)
    data = [examples.tokenise(record, tokenizer) for record in RECORDS]
    folder.mkdir(exist_ok=True)
    if stop_after:
        save = checkpoints.save

        def killed(where, step, *rest):
            save(where, step, *rest)
            if step == stop_after:
                raise KeyboardInterrupt

        monkeypatch.setattr(checkpoints, "save", killed)
    parts = models.causal_parts(model)
    journal, _ = training.train(model, parts, data, spec, folder, {"tokens": 64}, CPU, every=0)
    adapters.export(model, folder, "base")
    return (folder / "adapter_model.safetensors").read_bytes(), journal


@pytest.mark.parametrize("step", [1, 4])
def test_a_killed_run_resumes_to_the_same_bytes(manifest, tmp_path, monkeypatch, step):
    whole, journal = tuned(manifest, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt), monkeypatch.context() as patch:
        tuned(manifest, tmp_path / "killed", stop_after=step, monkeypatch=patch)
    resumed, same_journal = tuned(manifest, tmp_path / "killed")
    assert resumed == whole and same_journal == journal


def test_a_damaged_checkpoint_is_passed_over(manifest, tmp_path, monkeypatch):
    whole, _ = tuned(manifest, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt), monkeypatch.context() as patch:
        tuned(manifest, tmp_path / "killed", stop_after=4, monkeypatch=patch)
    newest = sorted((tmp_path / "killed").glob("checkpoint-*.safetensors"))
    assert len(newest) == 2
    newest[-1].write_bytes(newest[-1].read_bytes()[:-3])
    assert tuned(manifest, tmp_path / "killed")[0] == whole


def test_held_out_loss_is_journalled_and_survives_a_kill(manifest, tmp_path, monkeypatch):
    import functools

    model, tokenizer = load(manifest, 16)
    data = [examples.tokenise(record, tokenizer) for record in RECORDS]
    learned, held_out = examples.split(data, 1 / 3)
    assert len(learned) == 4 and len(held_out) == 2 and not set(learned) & set(held_out)
    assert examples.split(data[::-1], 1 / 3)[1] == held_out
    train = training.train
    monkeypatch.setattr(training, "train", functools.partial(train, held_out=held_out))
    whole, journal = tuned(manifest, tmp_path / "whole")
    looks = [entry for entry in journal if "held_out_loss" in entry]
    assert [entry["step"] for entry in looks] == [0, 2, 3, 4, 6]
    base = training.mean_loss(model, models.causal_parts(model), held_out, 64, CPU)
    assert looks[0]["held_out_loss"] == pytest.approx(base, rel=1e-5)
    assert looks[-1]["held_out_loss"] != pytest.approx(base, rel=1e-3)
    with pytest.raises(KeyboardInterrupt), monkeypatch.context() as patch:
        tuned(manifest, tmp_path / "killed", stop_after=3, monkeypatch=patch)
    assert tuned(manifest, tmp_path / "killed") == (whole, journal)


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_looking_at_held_out_examples_changes_nothing(manifest, tmp_path, bits):
    found = []
    for looking in (True, False):
        model, tokenizer = models.load_base(manifest, bits, CPU)
        spec = {"bits": bits, "rank": 4, "seed": 0, "method": METHOD}
        model = adapters.attach_new(model, spec)
        learned, held_out = examples.split([examples.tokenise(record, tokenizer) for record in RECORDS], 1 / 3)
        folder = tmp_path / str(looking)
        folder.mkdir()
        parts = models.causal_parts(model)
        shown = held_out if looking else []
        journal, _ = training.train(model, parts, learned, spec, folder, {"tokens": 64}, CPU, 1e9, shown)
        adapters.export(model, folder, "base")
        steps = [entry for entry in journal if "loss" in entry]
        found.append(((folder / "adapter_model.safetensors").read_bytes(), steps))
    assert found[0] == found[1]


def test_seeds_differ(manifest, tmp_path):
    assert tuned(manifest, tmp_path / "a", 0)[0] != tuned(manifest, tmp_path / "b", 1)[0]


def test_loss_is_the_mean_over_response_tokens(manifest):
    model, tokenizer = load(manifest)
    data = [examples.tokenise(record, tokenizer) for record in RECORDS]
    model.requires_grad_(True)
    parts = models.causal_parts(model)
    groups = [examples.stage(group, CPU) for group in examples.packs(data, 80)]
    ours = sum(float(response_loss.backward(parts, group, 1.0)) for group in groups)
    expected = 0.0
    for example in data:
        pairs = list(zip(example.tokens, example.learned, strict=True))
        labels = torch.tensor([[token if learn else -100 for token, learn in pairs]])
        with torch.inference_mode():
            mean = float(model(torch.tensor([example.tokens]), labels=labels).loss)
        expected += mean * sum(example.learned[1:])
    assert ours == pytest.approx(expected, rel=1e-5)
    words = [token for token, learn in zip(data[0].tokens, data[0].learned, strict=True) if learn]
    assert tokenizer.decode(words) == "yes </s>"


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_an_attached_adapter_changes_the_logits_as_the_arithmetic_says(manifest, tmp_path, bits):
    from safetensors.torch import load_file

    from maple import manifests

    model, tokenizer = models.load_base(manifest, bits, CPU)
    spec = {"bits": bits, "rank": 4, "seed": 0, "method": METHOD}
    fresh = adapters.attach_new(model, spec)
    with torch.no_grad():
        for name, value in fresh.named_parameters():
            if "lora_B" in name:
                value.copy_(torch.randn(value.shape, generator=torch.Generator().manual_seed(1)) * 0.02)
    adapters.export(fresh, tmp_path, "base")
    files = {name: manifests.describe(tmp_path / name) for name in ("adapter_model.safetensors", "adapter_config.json")}
    manifests.write(tmp_path / "adapter.json", spec=canonical(spec), code="c", inputs={}, files=files)

    base, _ = models.load_base(manifest, bits, CPU)
    weights = load_file(tmp_path / "adapter_model.safetensors")
    system = models.attach(base, tmp_path / "adapter.json")
    layer = system.get_base_model().get_decoder().layers[0].self_attn.q_proj
    stem = "base_model.model.model.layers.0.self_attn.q_proj"
    # Adapters that were not trained are in the dtype that the machine computes in.
    delta = weights[f"{stem}.lora_B.weight"].float() @ weights[f"{stem}.lora_A.weight"].float() * (16 / 4)
    x = torch.randn(1, 5, 64, generator=torch.Generator().manual_seed(2)).to(system.dtype)
    with torch.inference_mode():
        difference = layer(x).float() - layer.base_layer(x).float()
    expected = x.float() @ delta.T
    assert (difference - expected).norm() <= 0.05 * expected.norm()


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("bits", [4, 8, 16])
def test_fused_layers_compute_what_peft_does(manifest, bits, dropout):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    from maple import fused_lora

    packed = {4: {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True,
                  "bnb_4bit_compute_dtype": torch.float32}, 8: {"load_in_8bit": True}}  # fmt: skip
    found = []
    for fused in (False, True):
        quantised = BitsAndBytesConfig(**packed[bits]) if bits < 16 else None
        base = AutoModelForCausalLM.from_pretrained(
            manifest.parent, dtype=torch.float32, quantization_config=quantised, device_map={"": CPU}
        )
        torch.manual_seed(1)
        config = LoraConfig(
            r=4, lora_alpha=6, lora_dropout=dropout, target_modules="all-linear", init_lora_weights=False
        )
        model = get_peft_model(base, config).train()
        assert not fused or fused_lora.fuse(model) == 14
        tokens = torch.arange(3, 43).reshape(2, 20)
        torch.manual_seed(2)
        model(tokens, labels=tokens).loss.backward()
        gradients = {name: value.grad for name, value in model.named_parameters() if value.grad is not None}
        # Only dropout is told: 4-bit layers in evaluation mode use a bf16 kernel where the CPU has one.
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.eval()
        with torch.no_grad():
            found.append((model(tokens).logits, gradients))
    (logits, gradients), (same_logits, same_gradients) = found
    assert torch.allclose(logits, same_logits, rtol=1e-3, atol=1e-3)
    assert len(gradients) == 28 and gradients.keys() == same_gradients.keys()
    for name, value in gradients.items():
        assert torch.allclose(value, same_gradients[name], rtol=1e-3, atol=2e-3 * float(value.abs().max())), name


def test_four_bit_weights_on_a_cpu_are_those_of_bitsandbytes(manifest):
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    packed = AutoModelForCausalLM.from_pretrained(
        manifest.parent, dtype=torch.bfloat16, quantization_config=config, device_map={"": CPU}
    ).train()
    plain, _ = models.load_base(manifest, 4, CPU)
    whole, _ = models.load_base(manifest, 16, CPU)
    tokens = torch.arange(3, 43)[None]
    with torch.no_grad():
        expected, found, other = (model(tokens).logits.float() for model in (packed, plain, whole))
    assert (found - expected).norm() < 0.1 * (other - expected).norm()


def test_nan_stops_with_the_step_the_records_and_the_last_good_checkpoint(manifest, tmp_path):
    model, tokenizer = load(manifest)
    spec = {"bits": 16, "rank": 4, "seed": 0, "method": METHOD | {"learning_rate": 1e30}}
    model = adapters.attach_new(model, spec)
    data = [examples.tokenise(record, tokenizer) for record in RECORDS]
    with pytest.raises(UserError) as stopped:
        training.train(model, models.causal_parts(model), data, spec, tmp_path, {"tokens": 64}, CPU, 0)
    said = re.fullmatch(
        r"the loss is \S+ at step (\d+) \(records (r\d), (r\d)\); the last good checkpoint is of step (\d+): lower "
        r"methods.\*.learning_rate",
        str(stopped.value),
    )
    assert int(said[4]) == int(said[1]) - 1 == checkpoints.newest(tmp_path)[0]["step"]
    batch = examples.Plan(data, METHOD["batch_size"], METHOD["epochs"], 0).batch(int(said[1]) - 1)
    assert [example.identifier for example in batch] == [said[2], said[3]]


def test_pickles_are_not_loaded(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(UserError, match="no .safetensors file"):
        model_sources.prepare(canonical({"source": "path", "path": str(tmp_path)}), "c", tmp_path / "out/manifest.json")


def test_a_damaged_model_is_found_at_the_door(manifest):
    weights = manifest.parent / "model.safetensors"
    before = weights.read_bytes()
    weights.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    try:
        with pytest.raises(UserError, match="model.safetensors: wrong sha256"):
            models.load_base(manifest, 16, CPU)
    finally:
        weights.write_bytes(before)
    assert json.loads(manifest.read_text())["files"]["model.safetensors"]["size"] == len(before)


@pytest.mark.parametrize("kind", ["lora", "prompt"])
def test_a_packed_example_learns_as_it_would_alone(manifest, kind):
    model, tokenizer = load(manifest)
    data = [examples.tokenise(record, tokenizer) for record in RECORDS]
    # Longer than the sliding windows of 8, or the mask within an example would not be tried.
    assert min(len(example.tokens) for example in data) > 8
    method = METHOD | {"kind": kind, "dropout": 0.0}
    model = adapters.attach_new(model, {"bits": 16, "rank": 4, "seed": 0, "method": method})
    parts = models.causal_parts(model)

    def gradients(groups):
        losses = [
            float(response_loss.backward(parts, examples.stage(group, CPU, parts.lead_length), 1.0)) for group in groups
        ]
        found = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        model.zero_grad()
        return losses, found

    together, packed = gradients([data])
    apart, alone = gradients([[example] for example in data])
    assert together == [pytest.approx(sum(apart), rel=1e-5)]
    assert packed.keys() == alone.keys()
    # Two layers with windows of 8 do not reach from the answers back to the virtual tokens.
    beyond = kind == "prompt" and model.config.model_type == "mistral"
    assert any(value.abs().max() > 0 for value in packed.values()) != beyond
    for name, value in packed.items():
        assert torch.allclose(value, alone[name], rtol=1e-3, atol=1e-5), name


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_a_cpu_without_bf16_computes_the_same_weights_in_fp32(manifest, bits, monkeypatch):
    found = {}
    for able in (True, False):
        monkeypatch.setattr(devices, "multiplies_bf16", lambda device, able=able: able)
        model, _ = models.load_base(manifest, bits, CPU)
        assert model.dtype == (torch.bfloat16 if able else torch.float32)
        with torch.no_grad():
            found[able] = model(torch.arange(3, 43)[None]).logits.float(), dict(model.named_parameters())
    (narrow, weights), (wide, same) = found[True], found[False]
    for name, value in weights.items():
        assert torch.equal(value.float(), same[name].float()), name
    assert 0 < (narrow - wide).norm() <= 0.05 * wide.norm()


def test_activations_computed_again_give_the_same_gradients(manifest):
    model, tokenizer = load(manifest)
    method = METHOD | {"dropout": 0.0}
    model = adapters.attach_new(model, {"bits": 16, "rank": 4, "seed": 0, "method": method})
    parts = models.causal_parts(model)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_B" in name:
                value.normal_(0, 0.05)
    batch = examples.stage([examples.tokenise(record, tokenizer) for record in RECORDS], CPU)

    def gradients():
        loss = float(response_loss.backward(parts, batch, 1.0))
        found = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        model.zero_grad()
        return loss, found

    loss, kept = gradients()
    calls, layer = [], parts.trunk.layers[0].mlp
    layer.register_forward_pre_hook(lambda *_: calls.append(1))
    device_batch.recompute(model)
    again, found = gradients()
    assert len(calls) == 2 and again == loss and found.keys() == kept.keys()
    for name, value in found.items():
        assert torch.allclose(value, kept[name], rtol=1e-5, atol=1e-7), name


def test_packs_are_even_and_within_the_budget():
    data = [examples.Example(str(n), (5,) * n, (True,) * n) for n in (3, 40, 7, 12, 30, 9, 21, 2, 33, 18)]
    groups = examples.packs(data, 60)
    sizes = [sum(len(example.tokens) for example in group) for group in groups]
    assert sum(sizes) == sum(len(e.tokens) for e in data) and max(sizes) <= 60
    assert sorted(e.identifier for group in groups for e in group) == sorted(e.identifier for e in data)
    assert [len(group) for group in examples.packs(data, 10)] == [2, 1, 1, 1, 1, 1, 1, 1, 1]
