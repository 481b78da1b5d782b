"""The profile of a finetuning step where there is no GPU: its arithmetic, and that its variants compute the same."""

import json
import sys

import finetune_profile
import finetune_variants
import pytest
import torch

from maple import fused_lora

WIDE = 4096


def event(category, name, begin, duration, number, dims=None):
    args = {"External id": number} | ({"Input Dims": dims} if dims else {})
    return {"ph": "X", "cat": category, "name": name, "ts": begin, "dur": duration, "tid": 1, "args": args}


def test_kernels_are_told_apart_and_gaps_found():
    base, adapter = [[16384, WIDE], [WIDE, WIDE]], [[16384, WIDE], [8, WIDE], [16384, 8], [8, WIDE], [], []]
    trace = {
        "traceEvents": [
            event("cpu_op", "aten::mm", 0, 5, 1, base),
            event("cpu_op", "aten::addmm_", 5, 5, 2, [[16384, WIDE], [16384, 8], [8, WIDE]]),
            event("cpu_op", "LigerRMSNormFunction", 10, 5, 3, adapter),
            event("cuda_runtime", "cudaLaunchKernel", 1, 1, 1),
            event("kernel", "nvjet_tst_128x256", 100, 700, 1),
            event("kernel", "nvjet_tst_64x8", 800, 100, 2),
            event("kernel", "splitKreduce_kernel", 900, 20, 2),
            event("kernel", "_rms_norm_forward_kernel", 950, 50, 3),
            event("kernel", "flash_fwd_kernel", 1000, 30, 9),
            event("gpu_user_annotation", "Optimizer.step", 0, 9000, 3),
        ]
    }
    rows = finetune_profile.kernels(trace)
    assert [row["name"] for row in rows][0] == "nvjet_tst_128x256" and len(rows) == 5
    found = finetune_profile.table(rows, 1, 800e12)
    groups = {row["kind"]: row for row in found["groups"]}
    assert groups["products of the base"]["tflops"] == pytest.approx(2 * 16384 * WIDE**2 / 700e-6 / 1e12)
    assert groups["products of the base"]["of_peak"] == pytest.approx(785.3 / 800, rel=1e-3)
    assert groups["products of adapters"]["ms"] == pytest.approx(0.12)
    assert groups["norms, rotary embeddings, gates"]["ms"] == 0.05 and groups["attention"]["ms"] == 0.03
    assert groups["nothing (gaps)"]["ms"] == pytest.approx(0.03) and found["step_ms"] == pytest.approx(0.93)
    narrow = next(row for row in found["products"] if row["kind"] == "products of adapters")
    # Once for two kernels: the sums read and written, and two small matrices.
    assert narrow["gb_s"] == pytest.approx(2 * (2 * 16384 * WIDE + 8 * (16384 + WIDE)) / 120e-6 / 1e9, rel=1e-6)
    assert found["gaps_us"][0] == (30, "splitKreduce_kernel", "_rms_norm_forward_kernel")


@pytest.mark.parametrize("adapter_first", [False, True])
@pytest.mark.parametrize("kept", [False, True])
def test_layers_of_one_operation_have_the_gradients_of_layers_apart(adapter_first, kept):
    torch.manual_seed(0)
    x = torch.randn(2, 10, 24, requires_grad=True)
    weights = [torch.randn(size, 24) for size in (24, 16, 40)]
    matrices = [torch.randn(4, 24) for _ in weights] + [torch.randn(len(weight), 4) for weight in weights]
    matrices = [matrix.requires_grad_() for matrix in matrices]
    direction = [torch.randn(2, 10, len(weight)) for weight in weights]

    def gradients(outputs):
        total = sum((y * d).sum() for y, d in zip(outputs, direction, strict=True))
        return [*outputs, *torch.autograd.grad(total, [x, *matrices])]

    held = [lambda weight=weight: weight for weight in weights]
    together = finetune_variants.Group.apply(x, held, 0.5, adapter_first, kept, *matrices)
    apart = [
        fused_lora._LoraLinear.apply(x, None, weight, down, up, 0.5)
        for weight, down, up in zip(held, matrices[:3], matrices[3:], strict=True)
    ]
    for one, other in zip(gradients(together), gradients(apart), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_the_script_runs(tmp_path, monkeypatch, capsys):
    deterministic = torch.are_deterministic_algorithms_enabled()
    monkeypatch.setattr(sys, "argv", ["finetune_profile.py", "--tiny", "--out", str(tmp_path / "profile.json")])
    finetune_profile.main()
    torch.use_deterministic_algorithms(deterministic)
    found = json.loads((tmp_path / "profile.json").read_text())
    for bits in (16, 4):
        part = found[f"{bits}bit"]
        rows = {row["variant"]: row for row in part["variants"]}
        assert not [row for row in rows.values() if "failed" in row]
        assert rows["as it is, again"]["same_bits"] and not rows["stacked, adapter first"]["same_bits"]
        assert max(row["largest_loss_difference"] for row in rows.values()) < 1e-3
        groups = {row["kind"]: row for row in part["profile"]["groups"]}
        assert groups["products of the base"]["tflops"] > 0 and groups["products of adapters"]["tflops"] > 0
    assert rows["kept"]["same_bits"]
    assert "products of adapters" in capsys.readouterr().out
