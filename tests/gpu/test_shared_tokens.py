"""On a GPU, fused kernels included: the numbers are those of plain passes on the CPU."""

import dataclasses
import random

import pytest
import torch

from maple import engine, generation, likelihood, models
from maple.requests import Sequence

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
COMMON = dict(
    vocab_size=260, hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=512, pad_token_id=0, bos_token_id=1, eos_token_id=2,
)  # fmt: skip
ARCHITECTURES = {
    "llama": {},
    "mistral": {"sliding_window": 8},
    # Its own output layer and the scale of its heads: else it repeats its last token whatever it attends to.
    "gemma3_text": {
        "head_dim": 32, "query_pre_attn_scalar": 32, "tie_word_embeddings": False,
        "sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"],
    },
}  # fmt: skip


class Bytes:
    """A tokenizer as far as generation needs one."""

    eos_token_id = 2

    def decode(self, tokens, skip_special_tokens):
        return " ".join(map(str, tokens))


@pytest.fixture(scope="module", params=ARCHITECTURES)
def case(request):
    """An engine with fused kernels, and what plain passes of the same weights say on the CPU."""
    from transformers import AutoConfig, AutoModelForCausalLM

    pytest.importorskip("liger_kernel")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.manual_seed(0)
    config = AutoConfig.for_model(request.param, **COMMON, **ARCHITECTURES[request.param])
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "_proj" in name or "embed" in name:
                value.mul_(8)
    # First, because fusing replaces functions of the whole architecture.
    scores = [plain_score(model, sequence) for sequence in sequences()]
    texts = [plain_text(model, sequence) for sequence in contexts()]
    assert all(len(set(text.split())) > 4 for text in texts), "such texts would hide a wrong step"
    model = model.to("cuda:0")
    assert models.fuse(model)
    models.check(model)
    return engine.Engine(models.causal_parts(model), config, torch.device("cuda:0")), scores, texts


def plain_score(model, sequence):
    tokens = torch.tensor([sequence.tokens])
    with torch.inference_mode():
        logits = model(tokens).logits[0].log_softmax(-1)
    return float(logits[:-1].gather(1, tokens[0, 1:, None])[sequence.start - 1 :, 0].double().sum())


def plain_text(model, sequence):
    tokens = list(sequence.tokens)
    with torch.inference_mode():
        for _ in range(9):
            tokens.append(int(model(torch.tensor([tokens])).logits[0, -1].argmax()))
    new = tokens[len(sequence.tokens) :]
    return Bytes().decode(new[: new.index(2)] if 2 in new else new, True)


def sequences():
    draw = random.Random(1)

    def words(count):
        return tuple(draw.randrange(3, 260) for _ in range(count))

    prefix, found = (1, *words(40)), []
    for passage in (words(30), words(3), words(70)):
        for question in (words(5), words(20)):
            for option in range(3):
                context = prefix + passage + question
                found.append(Sequence((len(found), option), context + words(1 + 4 * option), len(context)))
    return found


def contexts():
    return [Sequence((n, 0), s.tokens[: s.start], s.start) for n, s in enumerate(sequences()[::3])]


def test_likelihoods(case):
    ready, scores, _ = case
    assert likelihood.score(ready, sequences())[0] == pytest.approx(scores, abs=1e-3)


def test_generation(case):
    ready, _, texts = case
    assert generation.generate(ready, contexts(), Bytes(), 9, ())[0] == texts


def test_generation_when_some_end_early(case):
    ready, _, texts = case
    stop = " " + texts[0].split()[3] + " "
    assert any(stop in text for text in texts)
    expected = [text.split(stop)[0] for text in texts]
    assert generation.generate(ready, contexts(), Bytes(), 9, (stop,))[0] == expected


def test_a_step_that_needs_the_host_is_not_recorded(case):
    ready, _, texts = case

    def asking(**given):
        assert given["input_ids"].max().item() < 260
        return ready.parts.trunk(**given)

    parts = dataclasses.replace(ready.parts, trunk=asking)
    other = engine.Engine(parts, ready.config, ready.device)
    assert generation.generate(other, contexts(), Bytes(), 9, ())[0] == texts
    assert ready.records and not other.records
    # Nothing of the attempt is left behind.
    assert generation.generate(ready, contexts(), Bytes(), 9, ())[0] == texts
    assert ready.records
