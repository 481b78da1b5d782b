"""LoRA's layers in fewer passes over memory than PEFT's own.

A LoRA layer is ``y = W x + s B A x``. PEFT writes, scales and adds the second term in three passes as wide as the
output, and autograd adds the two gradients of ``x`` in another. Here both sums are done by the matrix products
themselves (Unsloth, 2023, does so too); the arithmetic is that of the definition, with fewer roundings.
"""

import types

import torch


def fuse(model) -> int:
    """Give plain LoRA layers this forward pass and return their number; DoRA's keep PEFT's."""
    from peft.tuners.lora import Linear

    kinds = [Linear]
    try:
        from peft.tuners.lora.bnb import Linear4bit, Linear8bitLt

        kinds += [Linear4bit, Linear8bitLt]
    except ImportError:
        pass
    layers = [m for m in model.modules() if isinstance(m, tuple(kinds)) and not m.lora_variant]
    for layer in layers:
        layer.forward = types.MethodType(_forward, layer)
    return len(layers)


def _forward(layer, x, *args, **kwargs):
    """The forward pass of a LoRA layer; PEFT's where the adapter is off or of another dtype than ``x``."""
    down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    if layer.disable_adapters or layer.merged or args or kwargs or down.dtype != x.dtype:
        return type(layer).forward(layer, x, *args, **kwargs)
    dropped, scaling = layer.lora_dropout["default"](x), layer.scaling["default"]
    weight = _weight_of(layer.get_base_layer())
    if weight is None or not torch.is_grad_enabled():
        y = layer.get_base_layer()(x)
        return _add(y, dropped, down, up, scaling)
    return _LoraLinear.apply(x, None if dropped is x else dropped, weight, down, up, scaling)


def _weight_of(base):
    """Return a function giving the frozen weight, shape (out, in), or ``None`` if the layer has to run by itself."""
    if base.bias is not None:
        return None
    state = getattr(base.weight, "quant_state", None)
    if state is not None:
        from bitsandbytes.functional import dequantize_4bit

        return lambda: dequantize_4bit(base.weight, state)
    return (lambda: base.weight) if base.weight.is_floating_point() else None


def _add(y, x, down, up, scaling: float):
    """Return ``y + s B A x``; without gradients in place."""
    inner = (x @ down.t()) * scaling
    if torch.is_grad_enabled():
        return torch.addmm(y.flatten(0, -2), inner.flatten(0, -2), up.t()).view_as(y)
    y.view(-1, y.shape[-1]).addmm_(inner.flatten(0, -2), up.t())
    return y


class _LoraLinear(torch.autograd.Function):
    """``W x + s B A x'``, where ``x'`` is ``x`` or ``x`` after dropout and ``W`` is frozen."""

    @staticmethod
    def forward(ctx, x, dropped, weight, down, up, scaling):
        seen = x if dropped is None else dropped
        inner = seen.flatten(0, -2) @ down.t() * scaling
        y = x.flatten(0, -2) @ weight().t()
        y.addmm_(inner, up.t())
        ctx.save_for_backward(seen, inner, down, up)
        ctx.weight, ctx.scaling, ctx.one = weight, scaling, dropped is None
        return y.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx, gradient):
        seen, inner, down, up = ctx.saved_tensors
        flat = gradient.flatten(0, -2)
        inner_gradient = flat @ up * ctx.scaling
        up_gradient = flat.t() @ inner
        down_gradient = inner_gradient.t() @ seen.flatten(0, -2)
        x_gradient = dropped_gradient = None
        if ctx.needs_input_grad[0]:
            x_gradient = flat @ ctx.weight()
            if ctx.one:
                x_gradient.addmm_(inner_gradient, down)
            x_gradient = x_gradient.view_as(seen)
        if not ctx.one and ctx.needs_input_grad[1]:
            dropped_gradient = (inner_gradient @ down).view_as(seen)
        return x_gradient, dropped_gradient, None, down_gradient, up_gradient, None
