"""Trained weights in fp32 beside the copies that the model computes with, in bf16 where the model does.

With fp32 adapters every layer casts its input up and its product down again: on an H200 a 7B model then trains
at two thirds of the speed. Optimiser steps on bf16 weights alone would round small changes away, so gradients are
summed, and steps taken, in fp32.
"""

import torch


class MasterWeights:
    """The trained weights of a model.

    All lie in one tensor, so that a step costs a few operations instead of a few for each of some 450 matrices.

    Attributes:
        flat: All values, fp32, shape (weights,), with the summed gradients in ``flat.grad``.
    """

    def __init__(self, model):
        """Take the trained weights of a model."""
        trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
        # Values of one dtype lie together: their gradients are then added in one go.
        order = sorted(trained, key=lambda name: (str(trained[name].dtype), name))
        self._working = [trained[name] for name in order]
        self._sizes = [value.numel() for value in self._working]
        self.flat = torch.cat([value.detach().float().flatten() for value in self._working])
        self.flat.requires_grad_()
        self.flat.grad = torch.zeros_like(self.flat)
        self.publish()

    def take_gradients(self) -> None:
        """Add the gradients of a device batch to the fp32 sums."""
        start = 0
        while start < len(self._working):
            end = start
            while end < len(self._working) and self._working[end].dtype == self._working[start].dtype:
                end += 1
            part = self._working[start:end]
            found = [torch.zeros_like(v) if v.grad is None else v.grad for v in part]
            first, size = sum(self._sizes[:start]), sum(self._sizes[start:end])
            self.flat.grad[first : first + size] += torch.cat([gradient.flatten() for gradient in found])
            start = end
        for value in self._working:
            value.grad = None

    @torch.no_grad()
    def publish(self) -> None:
        """Copy the fp32 values into the model."""
        parts = self.flat.detach().split(self._sizes)
        torch._foreach_copy_(
            [value.data for value in self._working],
            [part.view_as(value) for part, value in zip(parts, self._working, strict=True)],
        )

    def hand_over(self) -> None:
        """Put the fp32 values themselves into the model, to be exported."""
        for part, value in zip(self.flat.detach().split(self._sizes), self._working, strict=True):
            value.data = part.view_as(value).clone()
