"""Greedy generation: contexts that begin alike are read once, finished ones leave the batch."""

import torch

from maple import devices, tries
from maple.engine import within_memory
from maple.wave import Wave, following

_WIDEST = {"cpu": 512, "cuda": 2048}
# Sequences written at once. A step of a small model on a GPU takes as long for many as for few; 256 of a 7B model.
_MOST_CPU_ROWS, _MOST_GPU_VALUES = 16, 2**20
# Looking at the tokens makes the host wait for the device, so it is done now and then.
_LOOK_EVERY = 4


def _waves(found, sequences, room: int, most: int, more: int):
    """Group rows so that their sequences, padded to the longest and each with ``more`` tokens, fit the cache."""

    def longest(row):
        return max(len(sequences[number].tokens) for number, _ in row.paths)

    wave, count = [], 0
    for row in sorted(found, key=longest, reverse=True):
        rows = count + len(row.paths)
        if wave and (rows * (longest(wave[0]) + more) > room or rows > most):
            yield wave
            wave, count = [], 0
        wave.append(row)
        count += len(row.paths)
    if wave:
        yield wave


def _cache_tokens(engine) -> int:
    """Return how many tokens' keys and values may be held at once."""
    if engine.device.type == "cpu":
        return 16384
    return int(0.4 * devices.free_memory(engine.device) / engine.token_bytes)


def _read(engine, found, sequences, prefix, new: int):
    """Run contexts, given as rows.

    Returns:
        Sequence numbers, the hidden states that predict their first tokens, shape (sequences, hidden), and the
        :class:`maple.wave.Wave` that holds their keys and values, with room for ``new`` tokens.
    """
    numbers = [number for row in found for number, _ in row.paths]
    lengths = {number: engine.parts.lead_length + len(sequences[number].tokens) for number in numbers}
    width = max(lengths.values())
    slot = {number: place for place, number in enumerate(numbers)}
    before = prefix[0][0].shape[2] if prefix else 0
    layers, states = [], None
    for group in tries.batches(found, engine.budget()):
        hidden, cache = engine.run(group, prefix, keep=True)
        owners = [(row, number, path) for row, trie in enumerate(group) for number, path in trie.paths]
        index = torch.zeros(len(owners), width, dtype=torch.long)
        for place, (_, number, path) in enumerate(owners):
            index[place, width - lengths[number] :] = torch.tensor([*range(before), *(before + p for p in path)])
        index = index.to(engine.device)
        rows = torch.tensor([row for row, *_ in owners], device=engine.device)
        slots = torch.tensor([slot[number] for _, number, _ in owners], device=engine.device)
        last = torch.tensor([path[-1] for *_, path in owners], device=engine.device)
        if states is None:
            states = hidden.new_zeros(len(numbers), hidden.shape[-1])
            for layer in cache.layers:
                parts = (layer.keys, layer.values)
                layers.append([p.new_zeros(len(numbers), p.shape[1], width + new + 1, p.shape[3]) for p in parts])
        states[slots] = hidden[rows, last]
        for (keys, values), layer in zip(layers, cache.layers, strict=True):
            # Indices on both sides of a slice put their own dimensions first: (sequences, width, heads, size).
            keys[slots, :, :width] = layer.keys[rows[:, None], :, index].transpose(1, 2)
            values[slots, :, :width] = layer.values[rows[:, None], :, index].transpose(1, 2)
    padding = torch.tensor([width - lengths[number] for number in numbers], device=engine.device)
    return numbers, states, Wave(engine, layers, padding, width)


def _write(engine, numbers, states, wave, new: int, done) -> dict[int, list[int]]:
    """Continue every sequence of a wave and return its new tokens.

    ``done(tokens)`` says whether a sequence needs no more of them.
    """
    tokens = following(engine, states)
    written = tokens.new_zeros(len(numbers), new)
    finished, over = {}, set()
    for count in range(1, new + 1):
        written[:, count - 1] = tokens
        if count == new or count % _LOOK_EVERY == 0:
            for place, text in enumerate(written[:, :count].tolist()):
                if place not in over and (count == new or done(text)):
                    finished[numbers[place]] = text
                    over.add(place)
            if len(over) == len(numbers):
                break
            # To record the step anew takes as long as many steps of a recorded one.
            if len(over) >= len(numbers) / (2 if wave.recorded else 4):
                left = [place for place in range(len(numbers)) if place not in over]
                kept = torch.tensor(left, device=engine.device)
                numbers, over = [numbers[place] for place in left], set()
                tokens, written = tokens[kept], written[kept]
                wave.select(kept)
        tokens = wave.step(tokens, new - count)
    return finished


@within_memory()
def generate(engine, sequences, tokenizer, new: int, stop, progress=None) -> tuple[list[str], int]:
    """Return the greedy continuation of each sequence, up to a stop string, an end or ``new`` tokens.

    An end is the tokenizer's EOS or what the model's own settings for generation name, as transformers has it.

    Args:
        engine: :class:`maple.engine.Engine`.
        sequences: :class:`maple.requests.Sequence`, one per context.
        tokenizer: The model's.
        new: Tokens at most.
        stop: Strings before which the text ends.
        progress: Called with the number of sequences done.

    Returns:
        Texts, without the stop string, in the order given; and the number of tokens read, those shared
        counted once.

    Raises:
        UserError: The device's memory ran out.
    """
    ends = engine.parts.ends | {tokenizer.eos_token_id}

    def text_of(tokens):
        length = next((place for place, token in enumerate(tokens) if token in ends), len(tokens))
        return tokenizer.decode(tokens[:length], skip_special_tokens=True)

    def done(tokens):
        if not ends.isdisjoint(tokens):
            return True
        text = text_of(tokens)
        return any(string in text for string in stop)

    result = [""] * len(sequences)
    kind = engine.device.type
    skip = tries.shared_prefix(sequences)
    with torch.inference_mode():
        prefix = engine.prefix(sequences[0].tokens[:skip])
        found = tries.rows(sequences, skip, _WIDEST[kind])
        room, more = _cache_tokens(engine), engine.parts.lead_length + new + 1
        most = _MOST_CPU_ROWS if kind == "cpu" else max(256, _MOST_GPU_VALUES // engine.config.hidden_size)
        for wave in _waves(found, sequences, room, most, more):
            for number, tokens in _write(engine, *_read(engine, wave, sequences, prefix, new), new, done).items():
                text = text_of(tokens)
                result[number] = text[
                    : min([text.find(string) for string in stop if string in text], default=len(text))
                ]
            if progress:
                progress(sum(len(row.paths) for row in wave))
    return result, skip + sum(map(len, found))
