"""On a GPU: what a job does before it has one leaves open which it will be."""

import subprocess
import sys

import pytest
import torch
from workspace import ROOT

from maple import leases, model_sources
from maple.canonical import canonical

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
OPEN = """
import os, sys
from maple import devices, models
base = models.open_base(sys.argv[1])
assert "transformers.models.gemma3.modeling_gemma3" in sys.modules
# Had CUDA been started, it would go on seeing what it saw then.
os.environ["CUDA_VISIBLE_DEVICES"] = sys.argv[2]
device = devices.setup(1)
model = models.load(base, 16, device)
print(device, model.device)
"""


@pytest.fixture
def manifest(tmp_path):
    architecture = dict(
        model_type="gemma3_text", vocab_size=260, hidden_size=64, intermediate_size=128, num_hidden_layers=1,
        num_attention_heads=4, num_key_value_heads=2, head_dim=16, max_position_embeddings=512,
        pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    spec = canonical({"source": "random", "seed": 3, "architecture": architecture})
    model_sources.prepare(spec, "code", tmp_path / "manifest.json")
    return tmp_path / "manifest.json"


@pytest.mark.parametrize("visible", ["none", "by number", "by id"])
def test_cuda_is_not_started_before_a_gpu_is_leased(manifest, monkeypatch, visible):
    given = {"none": "", "by number": "0", "by id": leases.visible()[0]}[visible]
    device = "cuda:0" if given else "cpu"
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "workflow/scripts"), prepend=":")
    run = [sys.executable, "-c", OPEN, manifest, given]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120)
    assert done.stdout.split("\n")[-2:] == [f"{device} {device}", ""], done.stderr


def test_memory_is_free_for_the_next_when_a_lease_ends(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    before = torch.cuda.memory_reserved()
    with leases.lease(1, 100, ["0"], tmp_path):
        torch.zeros(2**28, device="cuda")
        assert torch.cuda.memory_reserved() >= before + 2**30
    assert torch.cuda.memory_reserved() <= before
