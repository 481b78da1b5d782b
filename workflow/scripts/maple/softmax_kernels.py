"""What a softmax over a large vocabulary needs on a GPU, in one pass over bf16 logits (Triton).

Put together from torch's operations it copies the logits to fp32 and reads and writes them ten times. With 262,144
words that took more time than all layers of a model of 270 million weights.
"""

import torch
import triton
import triton.language as tl

_BLOCK = 4096


@triton.jit
def _normaliser(logits, found, words, stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    places = tl.arange(0, BLOCK)
    largest = -float("inf")
    total = tl.zeros((BLOCK,), tl.float32)
    for start in range(0, words, BLOCK):
        inside = start + places < words
        part = tl.load(logits + row * stride + start + places, mask=inside, other=-float("inf")).to(tl.float32)
        larger = tl.maximum(largest, tl.max(part, 0))
        total = total * tl.exp(largest - larger) + tl.exp(part - larger)
        largest = larger
    tl.store(found + row, largest + tl.log(tl.sum(total, 0)))


@triton.jit
def _gradient(logits, normalisers, labels, scale, words, stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    places = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = places < words
    where = logits + row * stride + places
    part = tl.exp(tl.load(where, mask=inside, other=0.0).to(tl.float32) - tl.load(normalisers + row))
    part = tl.where(places == tl.load(labels + row), part - 1, part) * scale
    tl.store(where, part.to(logits.dtype.element_ty), mask=inside)


def normalisers(logits):
    """Return the logarithm of the sum of each row's exponentiated logits, added up in fp32.

    Args:
        logits: Shape (rows, words), each row contiguous.

    Returns:
        fp32, shape (rows,).
    """
    found = torch.empty(len(logits), dtype=torch.float32, device=logits.device)
    if len(logits):
        _normaliser[(len(logits),)](logits, found, logits.shape[1], logits.stride(0), BLOCK=_BLOCK, num_warps=8)
    return found


def to_gradient(logits, normalisers, labels, scale: float) -> None:
    """Overwrite logits with the gradient of their summed cross-entropy, times ``scale``; computed in fp32.

    Args:
        logits: Shape (rows, words), each row contiguous.
        normalisers: What :func:`normalisers` returned for them.
        labels: Token ids, shape (rows,).
        scale: A factor.
    """
    rows, words = logits.shape
    if rows:
        grid = (rows, triton.cdiv(words, _BLOCK))
        _gradient[grid](logits, normalisers, labels, scale, words, logits.stride(0), BLOCK=_BLOCK, num_warps=8)
