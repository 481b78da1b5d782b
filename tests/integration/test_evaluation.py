"""Shared tokens change nothing: every number is that of a plain forward pass, in any batch."""

import random

import pytest
import torch
from tiny import ARCHITECTURES, COMMON, CPU, load

from maple import (
    adapters,
    engine,
    generation,
    likelihood,
    model_sources,
    models,
    packed_attention,
    prediction,
    requests,
    tries,
)  # fmt: skip
from maple.canonical import canonical
from maple.errors import UserError
from maple.prompts import PromptSet

PASSAGE = "The ferry leaves the village at nine and comes back before the lamps are lit. "
SHOTS = "Q: one and one? A: two.\n\nQ: two and two? A: four.\n\n"


@pytest.fixture(scope="module", params=ARCHITECTURES)
def system(request, tmp_path_factory):
    path = tmp_path_factory.mktemp(request.param) / "manifest.json"
    architecture = COMMON | ARCHITECTURES[request.param]
    if request.param == "gemma3":
        # With one matrix for words in and out it repeats its last token, whatever it attends to.
        architecture |= {"tie_word_embeddings": False, "query_pre_attn_scalar": 16}
    model_sources.prepare(canonical({"source": "random", "seed": 3, "architecture": architecture}), "code", path)
    model, tokenizer = load(path)
    # Attention of a fresh model is nearly uniform; sharper weights make a wrong mask show.
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "_proj" in name or "embed" in name:
                value.mul_(8)
    return model, tokenizer, engine.Engine(models.causal_parts(model), model.config, CPU)


def sequences(tokenizer, cases):
    found = requests._tokenise(tokenizer, [(n, context, options) for n, (context, options) in enumerate(cases)])
    return [sequence for place in sorted(found) for sequence in found[place]]


LIKELIHOOD_CASES = [
    (PASSAGE + "When does it leave?", [" At nine.", " At noon, as always.", " At nine"]),
    (PASSAGE + "Who rows?", [" Nobody.", " The baker's daughter."]),
    ("", [" It rains, right? Yes, it is wet.", " It rains, right? No, it is wet.", " It rains, right? Yes, so."]),
    ("สวัสดี ", ["ก", "ขค"]),
]


def plain(model, sequence):
    """Log-likelihood of the judged part by one ordinary forward pass."""
    tokens = torch.tensor([sequence.tokens])
    with torch.inference_mode():
        # The logits of virtual tokens, if there are any, come first.
        logits = model(tokens).logits[0, -len(sequence.tokens) :].float().log_softmax(-1)
    found = logits[:-1].gather(1, tokens[0, 1:, None])[:, 0].double()
    return float(found[sequence.start - 1 :].sum())


@pytest.mark.parametrize("shots", ["", SHOTS], ids=["zero-shot", "cached prefix"])
def test_likelihoods_equal_plain_passes_in_any_batch(system, shots, monkeypatch):
    model, tokenizer, ready = system
    cases = [(shots + context, options) for context, options in LIKELIHOOD_CASES if context or not shots]
    whole = sequences(tokenizer, cases)
    expected = [plain(model, sequence) for sequence in whole]
    for budget, widest in ((1024, 512), (70, 60), (1, 1)):
        monkeypatch.setattr(engine.Engine, "budget", lambda self, budget=budget: budget)
        monkeypatch.setitem(likelihood._WIDEST, "cpu", widest)
        mixed = whole[:]
        random.Random(budget).shuffle(mixed)
        found = dict(zip((s.key for s in mixed), likelihood.score(ready, mixed)[0], strict=True))
        assert [found[s.key] for s in whole] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("shots", ["", SHOTS], ids=["zero-shot", "cached prefix"])
def test_virtual_tokens_stand_before_every_sequence(system, shots):
    model, tokenizer, _ = system
    spec = {"rank": 5, "seed": 1, "method": {"kind": "prompt"}}
    try:
        tuned = adapters.attach_new(model, spec).eval()
        with torch.no_grad():
            tuned.prompt_encoder["default"].embedding.weight.mul_(1.5)
        ready = engine.Engine(models.causal_parts(tuned), model.config, CPU)
        whole = sequences(tokenizer, [(shots + context, options) for context, options in LIKELIHOOD_CASES])
        expected = [plain(tuned, sequence) for sequence in whole]
        assert likelihood.score(ready, whole)[0] == pytest.approx(expected, abs=1e-4)
        # Two layers with windows of 8 do not reach back over the demonstrations.
        seen = not (shots and model.config.model_type == "mistral")
        assert (max(abs(plain(model, s) - e) for s, e in zip(whole, expected, strict=True)) > 0.01) == seen
        contexts = sequences(tokenizer, [(shots + PASSAGE + "Who?", []), (shots + "Short.", [])])
        texts = []
        for sequence in contexts:
            tokens = list(sequence.tokens)
            with torch.inference_mode():
                for _ in range(6):
                    tokens.append(int(tuned(torch.tensor([tokens])).logits[0, -1].float().argmax()))
            new = tokens[len(sequence.tokens) :]
            texts.append(tokenizer.decode(new[: new.index(2) if 2 in new else 6], skip_special_tokens=True))
        assert generation.generate(ready, contexts, tokenizer, 6, ())[0] == texts
    finally:
        model.requires_grad_(False).eval()


def test_a_sequence_alone_scores_the_same(system):
    model, tokenizer, ready = system
    for sequence in sequences(tokenizer, LIKELIHOOD_CASES):
        assert likelihood.score(ready, [sequence])[0] == pytest.approx([plain(model, sequence)], abs=1e-4)


def test_shared_tokens_are_run_once(system):
    _, tokenizer, ready = system
    whole = sequences(tokenizer, [(SHOTS + context, options) for context, options in LIKELIHOOD_CASES[:2]])
    _, run = likelihood.score(ready, whole)
    own = [" At nine.", " At noon, as always.", " At nine", " Nobody.", " The baker's daughter."]
    # One BOS, demonstrations and passage once, each question once, and no more than the options' own words.
    assert run <= 1 + len((SHOTS + PASSAGE + "When does it leave?Who rows?" + "".join(own)).encode())
    assert run < 0.45 * sum(len(sequence.tokens) for sequence in whole)


def greedy(model, tokenizer, sequence, new):
    """Greedy continuation, each token by one ordinary forward pass."""
    tokens = list(sequence.tokens)
    with torch.inference_mode():
        for _ in range(new):
            tokens.append(int(model(torch.tensor([tokens])).logits[0, -1].float().argmax()))
    written = tokens[len(sequence.tokens) :]
    return tokenizer.decode(written[: written.index(2) if 2 in written else new], skip_special_tokens=True)


@pytest.mark.parametrize("shots", ["", SHOTS], ids=["zero-shot", "cached prefix"])
def test_generation_equals_plain_decoding_in_any_batch(system, shots, monkeypatch):
    model, tokenizer, ready = system
    contexts = [shots + text for text in (PASSAGE + "Who?", PASSAGE + "When and where?", "Short.", "สวัสดี")]
    whole = sequences(tokenizer, [(context, []) for context in contexts])
    expected = [greedy(model, tokenizer, sequence, 9) for sequence in whole]
    assert len(set("".join(expected))) > 8, "such texts would hide a wrong step"
    for rows, budget in ((16, 1024), (1, 1), (3, 100)):
        monkeypatch.setattr(generation, "_MOST_CPU_ROWS", rows)
        monkeypatch.setattr(engine.Engine, "budget", lambda self, budget=budget: budget)
        assert generation.generate(ready, whole, tokenizer, 9, ())[0] == expected


def test_a_wave_leaves_room_for_the_tokens_to_come(system):
    _, tokenizer, _ = system
    whole = sequences(tokenizer, [("x" * length, []) for length in (5, 30, 10, 20)])
    found = tries.rows(whole, 0, 64)
    for room, more in ((200, 20), (200, 100), (10, 500)):
        waves = list(generation._waves(found, whole, room, 16, more))
        assert sorted(number for wave in waves for row in wave for number, _ in row.paths) == [0, 1, 2, 3]
        for wave in waves:
            numbers = [number for row in wave for number, _ in row.paths]
            needed = len(numbers) * (max(len(whole[number].tokens) for number in numbers) + more)
            assert needed <= room or len(wave) == 1


def test_generation_ends_with_any_token_that_the_model_names(system, monkeypatch):
    model, tokenizer, ready = system
    whole = sequences(tokenizer, [(PASSAGE, []), ("Short.", []), (PASSAGE + "Why", [])])
    free, _ = generation.generate(ready, whole, tokenizer, 12, ())
    # One that is written is one token if it is ASCII.
    letter = next(character for text in free for character in text[1:] if character.isascii())
    (end,) = tokenizer.encode(letter, add_special_tokens=False)
    monkeypatch.setattr(model.generation_config, "eos_token_id", [2, end])
    instruct = engine.Engine(models.causal_parts(model), model.config, CPU)
    for text, cut in zip(free, generation.generate(instruct, whole, tokenizer, 12, ())[0], strict=True):
        assert cut == text.split(letter)[0]


def test_generation_stops_before_the_stop_string(system):
    _, tokenizer, ready = system
    whole = sequences(tokenizer, [(PASSAGE, []), ("Short.", []), (PASSAGE + "Why", [])])
    free, _ = generation.generate(ready, whole, tokenizer, 12, ())
    stop = free[0][5:7]
    assert stop
    for text, cut in zip(free, generation.generate(ready, whole, tokenizer, 12, (stop,))[0], strict=True):
        assert cut == text.split(stop)[0]


PROMPTS = """
context: "{{ premise }} "
options: {a: "yes", b: "no"}
"""


def fit(tmp_path, tokenizer, premises, longest, shots=2):
    (tmp_path / "set.yaml").write_text(PROMPTS)
    item = {"id": "x", "language": "en", "options": ["a", "b"], "gold": "a"}
    items = [item | {"id": str(n), "fields": {"premise": text}} for n, text in enumerate(premises)]
    shown = [item | {"fields": {"premise": "shown" * 4}}] * shots
    return requests.fit(items, shown, PromptSet(tmp_path / "set.yaml"), tokenizer, longest, scored=True)


def test_demonstrations_are_dropped_one_at_a_time(system, tmp_path):
    _, tokenizer, _ = system
    found = fit(tmp_path, tokenizer, ["p" * 5, "p" * 30, "p" * 55], 64)
    assert [part.shots for part in found] == [2, 1, 0]
    assert all(len(sequence.tokens) <= 64 for part in found for sequence in part.sequences)


def test_an_item_that_does_not_fit_alone_is_named(system, tmp_path):
    _, tokenizer, _ = system
    with pytest.raises(UserError, match="item 1 .* more than the 64 tokens"):
        fit(tmp_path, tokenizer, ["p", "p" * 64], 64)


def test_in_bf16_a_token_is_as_likely_as_its_exact_logit_says():
    generator = torch.Generator().manual_seed(0)
    head = torch.nn.Linear(64, 3000, bias=False).bfloat16().requires_grad_(False)
    head.weight.copy_(torch.randn(3000, 64, generator=generator) * 0.5)
    judged = [(n, n * 7) for n in range(200)]
    # From unlikely to nearly certain: the state leans towards its token more and more.
    lean = torch.linspace(0, 2.5, 200)[:, None] * head.weight[[token for _, token in judged]].float()
    states = (torch.randn(200, 64, generator=generator) + lean).bfloat16()
    ready = engine.Engine(models.Parts(None, head), None, CPU)
    found = likelihood._log_likelihoods(ready, states[None], [(0, n) for n in range(200)], judged)
    exact = (states.double() @ head.weight.double().T).log_softmax(-1)[range(200), [token for _, token in judged]]
    assert exact.max() > -1e-3 and exact.min() < -8
    off = (found.double() - exact).abs()
    # What bf16 rounds off the other words' logits stays where they are nearly as likely; a sure token is sure.
    assert found.max() <= 1e-6 and off.max() < 0.06
    assert off[exact > -0.05].max() < 0.002 and off.median() < 0.002


def test_architectures_that_break_what_is_taken_for_granted_are_refused():
    from transformers import AutoConfig, AutoModelForCausalLM

    scaled = AutoConfig.for_model("cohere", **COMMON, logit_scale=0.5)
    with pytest.raises(UserError, match="'cohere' changes its logits"):
        models.check(AutoModelForCausalLM.from_config(scaled).eval())
    # Found in review: caps and factors that move logits by less than a tenth went unnoticed.
    for kind, change in (("gemma4_text", {"final_logit_softcapping": 30.0}), ("granite", {"logits_scaling": 1.02})):
        changed = AutoConfig.for_model(kind, **COMMON | change, initializer_range=0.1)
        with pytest.raises(UserError, match=f"'{kind}' changes its logits"):
            models.check(AutoModelForCausalLM.from_config(changed).eval())
    recurrent = AutoConfig.for_model(
        "lfm2", **COMMON, layer_types=["conv", "full_attention"], block_auto_adjust_ff_dim=False
    )
    with pytest.raises(UserError, match="'lfm2' has layers that are not attention"):
        models.check(AutoModelForCausalLM.from_config(recurrent).eval())


def test_a_rotation_that_is_wrong_for_a_single_token_is_noticed(monkeypatch):
    """What Liger 0.8.5's kernel does to queries that a norm has laid out anew: every answer of Gemma 3 was garbage."""
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.models.gemma3 import modeling_gemma3

    right = modeling_gemma3.apply_rotary_pos_emb

    def in_place(states, cos, sin):
        rows, heads, _, size = states.shape
        flat = states.reshape(rows * heads, size).clone()
        for row in range(rows):
            part, place = flat[row : row + heads].clone(), row % len(cos)
            half, other = part.chunk(2, -1)
            flat[row : row + heads] = part * cos[place] + torch.cat((-other, half), -1) * sin[place]
        return flat.view(rows, heads, 1, size)

    def rotate(queries, keys, cos, sin):
        if queries.shape[2] > 1:
            return right(queries, keys, cos, sin)
        return in_place(queries, cos, sin), in_place(keys, cos, sin)

    torch.manual_seed(0)
    config = AutoConfig.for_model("gemma3_text", **COMMON, head_dim=16, query_pre_attn_scalar=1, initializer_range=0.3)
    model = AutoModelForCausalLM.from_config(config).eval()
    models.check(model)
    monkeypatch.setattr(modeling_gemma3, "apply_rotary_pos_emb", rotate)
    with pytest.raises(UserError, match="'gemma3_text' reads a token behind a cache otherwise than in one pass"):
        models.check(model)
    monkeypatch.setattr(modeling_gemma3, "apply_rotary_pos_emb", models._unless_single(rotate, right))
    models.check(model)


def test_heads_of_other_sizes(tmp_path):
    """Found in review: values narrower than keys ended generation in a traceback."""
    latent = dict(num_key_value_heads=4, q_lora_rank=16, kv_lora_rank=16, qk_rope_head_dim=8, qk_nope_head_dim=16,
                  v_head_dim=16, n_routed_experts=4, num_experts_per_tok=2, n_group=1, topk_group=1,
                  moe_intermediate_size=32, first_k_dense_replace=1)  # fmt: skip
    mixed = dict(head_dim=16, global_head_dim=512, sliding_window=8, hidden_size_per_layer_input=0,
                 layer_types=["sliding_attention", "full_attention"])  # fmt: skip
    for kind, change, each in (
        ("deepseek_v3", latent, 2 * (16 + 8)),
        ("gemma4_text", mixed, 2 * 2 * 16 + 2 * 2 * 512),
        ("llama", {}, 2 * 2 * (16 + 16)),
    ):
        path = tmp_path / kind / "manifest.json"
        architecture = COMMON | {"model_type": kind, "initializer_range": 0.2} | change
        model_sources.prepare(canonical({"source": "random", "seed": 3, "architecture": architecture}), "code", path)
        model, tokenizer = load(path)
        parts = models.causal_parts(model)
        assert sum(part.numel() for layer in parts.one_token() for part in layer) == each, kind
        assert packed_attention.takes_heads(parts) == (kind == "llama")
        contexts = sequences(tokenizer, [("What is it? " * n, []) for n in range(1, 7)])
        ready = engine.Engine(parts, model.config, CPU)
        texts, _ = generation.generate(ready, contexts, tokenizer, 9, [])
        for text, sequence in zip(texts, contexts, strict=True):
            assert text == greedy(model, tokenizer, sequence, 9), kind


def test_a_likelihood_that_is_not_a_number_is_one_line(system, tmp_path, monkeypatch):
    _, tokenizer, ready = system
    (tmp_path / "set.yaml").write_text("context: ''\noptions: {a: ' yes', b: ' no'}\n")
    item = {"id": "7", "language": "en", "fields": {}, "options": ["a", "b"], "gold": "a"}
    asked = prediction.Questions([item], [], PromptSet(tmp_path / "set.yaml"), "likelihood")
    monkeypatch.setattr(likelihood, "score", lambda *_: ([-1.0, float("nan")], 4))
    with pytest.raises(UserError, match=r"item 7 \(en\) has a likelihood that is not a number"):
        prediction.predict_language(asked, ready, tokenizer, None)


def test_memory_that_runs_out_is_one_line(system, monkeypatch):
    _, tokenizer, ready = system

    def short(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(engine.Engine, "run", short)
    asked = sequences(tokenizer, [("Who?", [" I.", " Me."])])
    for ask in (
        lambda: likelihood.score(ready, asked),
        lambda: generation.generate(ready, asked, tokenizer, 4, ()),
    ):
        with pytest.raises(UserError, match="^out of memory: free the device"):
            ask()
