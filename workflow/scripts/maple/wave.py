"""Sequences written together, one token at a time.

Every step reads and writes the same tensors: the token being read has a place of its own behind all others, and is
moved to its place in the row afterwards. So a GPU can record the step once, as a CUDA graph, and repeat it without the
host: a small model's step takes the host some ten times as long as the device.
"""

import torch
from transformers.cache_utils import Cache, DynamicLayer

from maple.logs import log


class _Slots(DynamicLayer):
    """One layer's keys and values; the last place is that of the token being read."""

    def __init__(self, keys, values):
        super().__init__()
        self.all_keys, self.all_values = keys, values
        self.is_initialized = True

    def update(self, key_states, value_states, *args, **kwargs):
        """Take the token's keys and values and return all."""
        self.all_keys[:, :, -1:] = key_states
        self.all_values[:, :, -1:] = value_states
        return self.all_keys, self.all_values

    def get_seq_length(self) -> int:
        """Return how many tokens stand before the one being read."""
        return self.all_keys.shape[2] - 1

    def keep(self, place: int) -> None:
        """Move the token just read to its place."""
        self.all_keys[:, :, place] = self.all_keys[:, :, -1]
        self.all_values[:, :, place] = self.all_values[:, :, -1]

    def select(self, kept) -> None:
        """Keep some of the rows."""
        self.all_keys, self.all_values = self.all_keys[kept], self.all_values[kept]


def following(engine, states):
    """Return the most likely next token of each hidden state."""
    step = engine.head_rows()
    parts = [
        engine.parts.head(states[start : start + step]).float().argmax(-1) for start in range(0, len(states), step)
    ]
    return torch.cat(parts)


class Wave:
    """The state of sequences that are written together."""

    def __init__(self, engine, layers, padding, width: int):
        """Take over contexts that were read.

        Args:
            engine: :class:`maple.engine.Engine`.
            layers: Each layer's keys and values, shape (sequences, heads, width + tokens to come + 1, size).
            padding: Padding places at the left of each sequence, shape (sequences,), on the device.
            width: Places of the contexts, padding included.
        """
        self._engine, self._padding, self._place = engine, padding, width
        self._layers = [_Slots(keys, values) for keys, values in layers]
        self._cache = Cache(layers=self._layers)
        order = torch.arange(layers[0][0].shape[2], device=engine.device)
        self._key_positions = order - padding[:, None]
        self._visible = (order < width) & (self._key_positions >= 0)
        self._visible[:, -1] = True
        self._forget()

    def _forget(self) -> None:
        """Let the next step be the first of its shape."""
        self._read, self._graph, self._found = None, None, None

    @property
    def recorded(self) -> bool:
        """Whether the next step is replayed from a CUDA graph."""
        return self._graph is not None

    def select(self, kept) -> None:
        """Keep some of the sequences, given by their rows, on the device."""
        self._padding, self._visible = self._padding[kept], self._visible[kept]
        self._key_positions = self._key_positions[kept]
        for layer in self._layers:
            layer.select(kept)
        self._forget()

    def step(self, tokens, to_come: int):
        """Read one more token of each sequence and return the most likely next ones.

        Args:
            tokens: Shape (sequences,).
            to_come: How many such steps there may still be, this one included.

        Returns:
            The next tokens, shape (sequences,), overwritten by the next step.
        """
        positions = (self._place - self._padding)[:, None]
        self._key_positions[:, -1:] = positions
        masks = self._engine.masks(self._visible[:, None, None], positions, self._key_positions)
        first = self._read is None
        if first:
            # Copies: a mask may be a view of what changes.
            masks = {kind: mask.clone() for kind, mask in masks.items()} if isinstance(masks, dict) else masks.clone()
            self._read = {"input_ids": tokens[:, None].clone(), "position_ids": positions, "attention_mask": masks}
        else:
            self._read["input_ids"].copy_(tokens[:, None])
            self._read["position_ids"].copy_(positions)
            for mine, new in _pairs(self._read["attention_mask"], masks):
                mine.copy_(new)
        # The first step of a shape also loads kernels and workspaces, which a recording may not.
        if not first and not self.recorded and to_come >= 4 and self._engine.records:
            self._record()
        if self.recorded:
            self._graph.replay()
        else:
            self._found = self._forward()
        for layer in self._layers:
            layer.keep(self._place)
        self._visible[:, self._place] = True
        self._place += 1
        return self._found

    def _forward(self):
        hidden = self._engine.parts.trunk(**self._read, past_key_values=self._cache, use_cache=True).last_hidden_state
        return following(self._engine, hidden[:, -1])

    def _record(self) -> None:
        """Record the step; where something in it needs the host (8-bit layers do), do without from now on."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self._found = self._forward()
            self._graph = graph
        except RuntimeError as error:
            self._engine.records = False
            log.info("steps are not recorded: %s", str(error).splitlines()[0])


def _pairs(mine, new):
    return zip(mine.values(), new.values(), strict=True) if isinstance(mine, dict) else [(mine, new)]
