"""On a GPU: packed examples learn as they would alone, and a resumed run is the same run, bit for bit."""

import copy

import pytest
import torch

from maple import (
    adapters,
    checkpoints,
    device_batch,
    devices,
    examples,
    models,
    packed_attention,
    response_loss,
    training,
)

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
COMMON = dict(
    vocab_size=260, hidden_size=256, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=512, pad_token_id=0, bos_token_id=1, eos_token_id=2,
)  # fmt: skip
CONFIGS = {
    "llama": {"model_type": "llama"},
    "mistral": {"model_type": "mistral", "sliding_window": 16},
    "gemma3": {
        "model_type": "gemma3_text",
        "head_dim": 64,
        "sliding_window": 16,
        "layer_types": ["sliding_attention", "full_attention"],
    },
}
METHOD = {"alpha": 16, "batch_size": 8, "epochs": 2, "learning_rate": 1e-2, "max_grad_norm": 1.0,
          "schedule": "cosine", "target_modules": "all-linear", "dropout": 0.1}  # fmt: skip


@pytest.fixture(params=CONFIGS)
def base(request):
    return made(request.param)


def made(name, **sizes):
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model(**COMMON | sizes, **CONFIGS[name])
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16, attn_implementation="sdpa").cuda().eval()
    return model.requires_grad_(False)


def data(count=24):
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(20, 200, (count,), generator=generator).tolist()
    texts = [torch.randint(3, 250, (size,), generator=generator).tolist() for size in lengths]
    return [examples.Example(f"{n:03d}", tuple(text), (True,) * len(text)) for n, text in enumerate(texts)]


@pytest.mark.parametrize("kind", ["lora", "prompt"])
def test_packed_examples_learn_as_they_would_alone(base, kind):
    device = devices.setup(exact=True)
    method = METHOD | {"kind": kind, "dropout": 0.0}

    def gradients(model, batches):
        parts = models.causal_parts(model)
        total = sum(float(response_loss.backward(parts, b, 1.0)) for b in batches(parts))
        found = {n: p.grad.float() for n, p in model.named_parameters() if p.grad is not None}
        model.zero_grad()
        return total, found

    model = adapters.attach_new(base, {"rank": 4, "seed": 0, "method": method})
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_B" in name:
                value.normal_(0, 0.05)
    alone = gradients(model, lambda parts: [examples.stage([e], device, parts.lead_length) for e in data()])
    packed_attention.prepare(base)
    assert base.config._attn_implementation == "maple_packed"
    packed = gradients(model, lambda parts: [examples.stage(data(), device, parts.lead_length)])
    assert packed[0] == pytest.approx(alone[0], rel=2e-3)
    for name, value in packed[1].items():
        assert (value - alone[1][name]).norm() <= 0.05 * alone[1][name].norm() + 1e-3, name


def test_a_resumed_run_is_the_same_run(base, tmp_path, monkeypatch):
    device = devices.setup(exact=True)
    packed_attention.prepare(base)

    def run(folder, stop_after=None):
        spec = {"rank": 8, "seed": 0, "method": METHOD}
        model = adapters.attach_new(copy.deepcopy(base), spec)
        folder.mkdir(exist_ok=True)
        save = checkpoints.save

        def killed(where, step, *rest):
            save(where, step, *rest)
            if step == stop_after:
                raise KeyboardInterrupt

        monkeypatch.setattr(checkpoints, "save", killed)
        try:
            journal, _ = training.train(
                model, models.causal_parts(model), data(), spec, folder, {"tokens": 1024}, device, 0
            )
        finally:
            monkeypatch.setattr(checkpoints, "save", save)
        adapters.export(model, folder, "base")
        return (folder / "adapter_model.safetensors").read_bytes(), journal

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", stop_after=3)
    assert run(tmp_path / "killed") == whole


@pytest.mark.parametrize("name", CONFIGS)
def test_the_device_batch_fits_a_small_memory(name):
    device = devices.setup(exact=True)
    # Memory is handed out in pieces of 20 MiB, which must be small against what is kept free.
    base = made(name, hidden_size=1024, intermediate_size=2048)
    packed_attention.prepare(base)
    model = adapters.attach_new(base, {"rank": 8, "seed": 0, "method": METHOD})
    parts = models.causal_parts(model)
    torch.cuda.set_per_process_memory_fraction(1.0)
    wide = device_batch.choose(model, parts, data(), adapters.count(model), device)
    assert wide == {"tokens": 16384, "recompute": False}
    longest = max(data(), key=lambda example: len(example.tokens))
    peaks = [device_batch._peak(model, parts, [longest] * count, device) for count in (5, 10)]
    room = 2000 * (peaks[1] - peaks[0]) / (5 * len(longest.tokens))
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + room) / total)
    try:
        small = device_batch.choose(model, parts, data(), adapters.count(model), device)
        assert small["recompute"] and len(longest.tokens) <= small["tokens"] <= 16384
        group = examples.packs(data(), small["tokens"])[0]
        response_loss.backward(parts, examples.stage(group, device), 1.0)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
