"""On a GPU: the kernels over the vocabulary compute what torch does in fp64."""

import pytest
import torch

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


@pytest.fixture(params=[torch.bfloat16, torch.float32])
def logits(request):
    generator = torch.Generator("cuda").manual_seed(0)
    # More words than a block, and not a multiple of it.
    values = 8 * torch.randn(7, 10_001, generator=generator, device="cuda")
    values[3] = 0
    values[4, 17] = 80
    return values.to(request.param)


def test_normalisers(logits):
    from maple import softmax_kernels

    found = softmax_kernels.normalisers(logits)
    torch.testing.assert_close(found.double(), logits.double().logsumexp(-1), atol=1e-5, rtol=1e-6)
    assert torch.equal(found, softmax_kernels.normalisers(logits))


def test_gradient(logits):
    from maple import softmax_kernels

    labels = torch.tensor([0, 10_000, 4095, 4096, 17, 5, 6], device="cuda")
    exact = logits.double().requires_grad_()
    (0.3 * torch.nn.functional.cross_entropy(exact, labels, reduction="sum")).backward()
    normalisers, kind = softmax_kernels.normalisers(logits), logits.dtype
    softmax_kernels.to_gradient(logits, normalisers, labels, 0.3)
    assert logits.dtype == kind
    torch.testing.assert_close(logits.double(), exact.grad, atol=1e-6, rtol=8e-3 if kind == torch.bfloat16 else 1e-4)


def test_rows_that_are_not_there(logits):
    from maple import softmax_kernels

    assert softmax_kernels.normalisers(logits[:0]).shape == (0,)
    softmax_kernels.to_gradient(logits[:0], logits[:0, 0].float(), torch.zeros(0, dtype=torch.long, device="cuda"), 1.0)
