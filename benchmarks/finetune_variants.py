"""Other ways to compute a step of finetuning, each put in the place of the product's for as long as a block lasts.

`finetune_profile.py` measures them. They live here and not in the product until a measurement says that they pay.

- `adapter first`: the adapter's product is written first and the base's added to it. Either way one product reads and
  rewrites what the other wrote; the base's is bound by arithmetic and can hide that.
- `stacked`: layers that read the same tensor (q, k, v; gate, up) are one operation. The tensor is read once for all
  their adapters, and their gradients are added up inside the products, where autograd would do so in passes of its own.
- `kept`: 4-bit weights, dequantised in the forward pass, are kept for the backward one.
- `cudnn`: cuDNN's attention. It takes no packed rows; here all examples are equally long.
- `any_order`: operations may add up in any order, which attention's backward pass makes use of.
- `cublaslt`: matrix products through cuBLASLt.
"""

import contextlib
import types

import torch

from maple import fused_lora

SIBLINGS = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))


class Group(torch.autograd.Function):
    """``W x + s B A x`` for several layers that read one ``x``, whose adapters have no dropout and one scaling."""

    @staticmethod
    def forward(ctx, x, weights, scaling, adapter_first, kept, *matrices):
        """Return the layers' outputs; ``matrices`` are all A, then all B."""
        downs, ups = matrices[: len(weights)], matrices[len(weights) :]
        flat, sizes = x.flatten(0, -2), [len(down) for down in downs]
        stacked = torch.cat(downs) if len(downs) > 1 else downs[0]
        inner = flat @ stacked.t() * scaling
        outputs, held = [], []
        for weight, up, part in zip(weights, ups, inner.split(sizes, 1), strict=True):
            frozen = weight()
            y = part @ up.t() if adapter_first else flat @ frozen.t()
            outputs.append(y.addmm_(flat, frozen.t()) if adapter_first else y.addmm_(part, up.t()))
            held += [frozen] if kept else []
        ctx.save_for_backward(x, inner, stacked, *ups, *held)
        ctx.weights, ctx.scaling, ctx.adapter_first, ctx.sizes = weights, scaling, adapter_first, sizes
        return tuple(y.view(*x.shape[:-1], -1) for y in outputs)

    @staticmethod
    def backward(ctx, *gradients):
        """Return the gradients of ``x`` and of the matrices."""
        x, inner, stacked, *rest = ctx.saved_tensors
        ups, held = rest[: len(ctx.weights)], rest[len(ctx.weights) :]
        flats = [gradient.flatten(0, -2) for gradient in gradients]
        inner_gradients = [flat @ up * ctx.scaling for flat, up in zip(flats, ups, strict=True)]
        up_gradients = [flat.t() @ part for flat, part in zip(flats, inner.split(ctx.sizes, 1), strict=True)]
        together = torch.cat(inner_gradients, 1) if len(flats) > 1 else inner_gradients[0]
        down_gradients = (together.t() @ x.flatten(0, -2)).split(ctx.sizes)
        x_gradient = None
        if ctx.needs_input_grad[0]:
            x_gradient = together @ stacked if ctx.adapter_first else None
            for number, flat in enumerate(flats):
                frozen = held[number] if held else ctx.weights[number]()
                x_gradient = flat @ frozen if x_gradient is None else x_gradient.addmm_(flat, frozen)
            if not ctx.adapter_first:
                x_gradient.addmm_(together, stacked)
            x_gradient = x_gradient.view_as(x)
        return x_gradient, None, None, None, None, *down_gradients, *up_gradients


class Siblings:
    """Layers that are called with the same tensor, one after another: the first call computes for all."""

    def __init__(self, layers: list, adapter_first: bool, kept: bool):
        self.layers, self.options = layers, (adapter_first, kept)
        self.seen, self.waiting = None, {}
        for number, layer in enumerate(layers):
            layer.forward = types.MethodType(lambda layer, x, number=number: self.output(number, x), layer)

    def output(self, number: int, x):
        """Return the output of one layer."""
        if self.seen is not x or number not in self.waiting:
            weights = [fused_lora._weight_of(layer.get_base_layer()) for layer in self.layers]
            downs = [layer.lora_A["default"].weight for layer in self.layers]
            ups = [layer.lora_B["default"].weight for layer in self.layers]
            scaling = self.layers[0].scaling["default"]
            found = Group.apply(x, weights, scaling, *self.options, *downs, *ups)
            self.seen, self.waiting = x, dict(enumerate(found))
        y = self.waiting.pop(number)
        if not self.waiting:
            self.seen = None
        return y


@contextlib.contextmanager
def layers(model, stacked: bool = False, adapter_first: bool = False, kept: bool = False):
    """Let a model's LoRA layers compute in another way."""
    from peft.tuners.lora import LoraLayer

    single, before = [], {}
    for module in model.modules():
        children = {name: child for name, child in module.named_children() if isinstance(child, LoraLayer)}
        for names in SIBLINGS if stacked else ():
            if set(names) <= set(children):
                single.append([children.pop(name) for name in names])
        single += [[child] for child in children.values()]
    try:
        for group in single:
            before |= {layer: layer.forward for layer in group}
            Siblings(group, adapter_first, kept)
        yield
    finally:
        for layer, forward in before.items():
            layer.forward = forward


@contextlib.contextmanager
def cudnn(length: int):
    """Let attention be cuDNN's, for packed rows of examples of one length; not deterministic as far as torch knows."""
    from transformers import AttentionInterface

    from maple import packed_attention

    backends = [torch.nn.attention.SDPBackend.CUDNN_ATTENTION]

    def attend(module, query, key, value, mask, scaling=None, **where):
        parts = [part.unflatten(2, (-1, length)).squeeze(0).transpose(0, 1) for part in (query, key, value)]
        with torch.nn.attention.sdpa_kernel(backends):
            out = torch.nn.functional.scaled_dot_product_attention(*parts, is_causal=True, scale=scaling)
        return out.transpose(1, 2).flatten(0, 1)[None], None

    AttentionInterface.register(packed_attention._NAME, attend)
    try:
        with any_order():
            yield
    finally:
        AttentionInterface.register(packed_attention._NAME, packed_attention._attend)


@contextlib.contextmanager
def any_order():
    """Let operations take forms that are not deterministic."""
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(True)


@contextlib.contextmanager
def cublaslt():
    """Let matrix products go through cuBLASLt."""
    before = torch.backends.cuda.preferred_blas_library()
    torch.backends.cuda.preferred_blas_library("cublaslt")
    try:
        yield
    finally:
        torch.backends.cuda.preferred_blas_library(before)
