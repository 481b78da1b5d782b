"""Weights are written a piece at a time: the library's bytes, little memory, complete or not there."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save
from workspace import ROOT

from maple import checkpoints, weight_files
from maple.errors import UserError
from maple.files import sha256_file

TENSORS = {
    "optimiser.step": torch.tensor(3.0),
    "weights.é": torch.arange(2100, dtype=torch.float32).view(30, 70).t() / 7,
    "lora_A": torch.linspace(-1, 1, 35).view(5, 7).bfloat16(),
    "ids": torch.arange(9),
    "none": torch.zeros(0, 3),
}


@pytest.mark.parametrize("piece", [100, 2**26])
@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_the_bytes_are_the_librarys(tmp_path, monkeypatch, piece, dtype, metadata):
    monkeypatch.setattr(weight_files, "_PIECE", piece)
    digest = weight_files.write(tmp_path / "file", TENSORS, dtype, metadata)
    expected = {name: value.to(dtype or value.dtype).contiguous() for name, value in TENSORS.items()}
    assert (tmp_path / "file").read_bytes() == save(expected, metadata)
    assert digest == sha256_file(tmp_path / "file")
    assert all(torch.equal(value, expected[name]) for name, value in load_file(tmp_path / "file").items())


def test_a_checkpoint_takes_little_memory_besides_the_weights(tmp_path):
    # 400 MB in three tensors; the library's save needed 800 more.
    code = """
import resource, sys, torch
from pathlib import Path
from maple import checkpoints
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
tensors = {name: torch.ones(34_000_000) for name in ("weights", "optimiser.exp_avg", "optimiser.exp_avg_sq")}
before = peak()
checkpoints.save(Path(sys.argv[1]), 1, tensors, {"journal": []})
print(peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(ROOT / "workflow/scripts"), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert float(done.stdout) < 100
    facts, tensors = checkpoints.newest(tmp_path)
    assert facts["step"] == 1 and tensors["weights"].sum() == 34_000_000


def test_a_file_that_could_not_be_finished_leaves_the_one_before(tmp_path, monkeypatch):
    checkpoints.save(tmp_path, 1, TENSORS, {"journal": [1]})

    def full(tensor, dtype):
        yield b"begun"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weight_files, "_pieces", full)
    with pytest.raises(UserError, match=r"checkpoint-00000002.safetensors: cannot be written .*: free space"):
        checkpoints.save(tmp_path, 2, TENSORS, {"journal": [1, 2]})
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint-00000001.json",
        "checkpoint-00000001.safetensors",
    ]
    assert checkpoints.newest(tmp_path)[0]["journal"] == [1]
