"""Running a model over rows of shared tokens: masks, the cached prefix, sizes that fit the memory."""

import contextlib
from dataclasses import dataclass, field
from functools import cached_property

import torch
from transformers import DynamicCache

from maple import devices
from maple.errors import UserError
from maple.models import Parts
from maple.tries import Row

# With a vocabulary of 262,144 the fp32 logits of one row are a megabyte.
_LOGITS_BYTES = {"cpu": 2**26, "cuda": 2**29}
# Tokens of a padded batch: beyond this nothing gets faster, and rows of one batch differ more in width. On a GPU times
# the width of the model, 8,192 tokens of a 7B model: the narrower it is, the more of them keep the device busy.
_MOST_CPU_TOKENS, _MOST_GPU_VALUES = 1024, 2**25


@contextlib.contextmanager
def within_memory():
    """Let a GPU whose memory runs out in the block end in one line."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise UserError(
            "out of memory: free the device, raise gpu_percent or use fewer bits; finished languages are kept"
        ) from None


@dataclass
class Engine:
    """A model ready to be asked.

    Attributes:
        parts: Its parts.
        config: Its configuration.
        device: Where it is.
        records: Whether a step of generation may be recorded as a CUDA graph.
    """

    parts: Parts
    config: object
    device: torch.device
    records: bool = field(init=False)

    def __post_init__(self):
        """Record where there is a GPU, until it turns out not to work."""
        self.records = self.device.type == "cuda"

    @property
    def longest(self) -> int:
        """Tokens of a sequence that the model can take."""
        return (getattr(self.config, "max_position_embeddings", None) or 4096) - self.parts.lead_length

    @cached_property
    def token_bytes(self) -> int:
        """Bytes of the keys and values that one token leaves in all layers; found by running one."""
        return sum(part.nbytes for layer in self.parts.one_token() for part in layer)

    def budget(self) -> int:
        """Return how many padded tokens a batch may have in the memory that is free now."""
        if self.device.type == "cpu":
            return _MOST_CPU_TOKENS
        most = max(8192, _MOST_GPU_VALUES // self.config.hidden_size)
        free = devices.free_memory(self.device)
        # About sixteen vectors as wide as the widest layer live at once, in fp32 at worst.
        width = max(self.config.hidden_size, getattr(self.config, "intermediate_size", 0))
        return max(256, min(most, int(0.5 * free / (64 * width))))

    def head_rows(self) -> int:
        """Return how many hidden states the output layer takes at a time."""
        return max(16, _LOGITS_BYTES[self.device.type] // (4 * self.config.vocab_size))

    def prefix(self, tokens):
        """Return the keys and values of each layer for virtual tokens and a prefix, or ``None`` without either."""
        with torch.inference_mode():
            lead = self._lead()
            if not tokens:
                return lead
            row = Row()
            row.add(0, tokens, 0)
            _, cache = self.run([row], lead, keep=True)
        # The row was padded at its end.
        length = self.parts.lead_length + len(tokens)
        return [(layer.keys[:, :, :length], layer.values[:, :, :length]) for layer in cache.layers]

    def _lead(self):
        """Return the keys and values of the virtual tokens, or ``None``."""
        if self.parts.lead is None:
            return None
        embedded = self.parts.lead().to(self.parts.head.weight.dtype)[None]
        cache = DynamicCache()
        self.parts.trunk(inputs_embeds=embedded, past_key_values=cache, use_cache=True)
        return [(layer.keys, layer.values) for layer in cache.layers]

    def masks(self, visible, positions, key_positions):
        """Return the mask in the form the architecture takes: limited to the window where attention slides.

        Shapes: visible (rows, 1, queries, keys), boolean; positions (rows, queries) and (rows, keys).
        """
        window = getattr(self.config, "sliding_window", None)
        if not window:
            return visible
        sliding = visible & (positions[:, None, :, None] - key_positions[:, None, None, :] < window)
        kinds = set(getattr(self.config, "layer_types", None) or ["sliding_attention"])
        if kinds == {"full_attention"}:
            return visible
        if kinds == {"sliding_attention"}:
            return sliding
        return {"full_attention": visible, "sliding_attention": sliding}

    def run(self, group, prefix, keep: bool = False):
        """Return hidden states of a batch of rows, and keys and values if they are to be kept.

        Args:
            group: Rows (:class:`maple.tries.Row`), the widest first.
            prefix: What :meth:`prefix` returned.
            keep: Whether the keys and values are wanted.

        Returns:
            Hidden states, shape (rows, width, hidden), and the cache or ``None``.
        """
        before = prefix[0][0].shape[2] if prefix else 0
        # Attention kernels want the number of keys to be a multiple of 8.
        width = len(group[0]) + -(before + len(group[0])) % 8
        tokens = torch.zeros(len(group), width, dtype=torch.long)
        positions = torch.zeros(len(group), width, dtype=torch.long)
        # Padding is its own subtree: a row of the mask with nothing in it would give NaN.
        ends = torch.arange(1, width + 1).repeat(len(group), 1)
        for number, row in enumerate(group):
            tokens[number, : len(row)] = torch.tensor(row.tokens)
            positions[number, : len(row)] = torch.tensor(row.depth) + before
            ends[number, : len(row)] = torch.tensor(row.ends())
        tokens, positions, ends = (part.to(self.device, non_blocking=True) for part in (tokens, positions, ends))
        order = torch.arange(width, device=self.device)
        visible = (order[None, None, :] <= order[None, :, None]) & (order[None, :, None] < ends[:, None, :])
        key_positions = positions
        if before:
            visible = torch.cat([visible.new_ones(len(group), width, before), visible], dim=2)
            earlier = torch.arange(before, device=self.device).expand(len(group), before)
            key_positions = torch.cat([earlier, positions], dim=1)
        cache = None
        if before or keep:
            cache = DynamicCache()
            for number, (keys, values) in enumerate(prefix or []):
                cache.update(keys.expand(len(group), -1, -1, -1), values.expand(len(group), -1, -1, -1), number)
        hidden = self.parts.trunk(
            input_ids=tokens,
            position_ids=positions,
            attention_mask=self.masks(visible[:, None], positions, key_positions),
            past_key_values=cache,
            use_cache=cache is not None,
        ).last_hidden_state
        return hidden, cache
