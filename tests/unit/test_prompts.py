import pytest
from workspace import ROOT

from maple.errors import UserError
from maple.prompts import PromptSet

ITEM = {
    "id": "1",
    "language": "en",
    "fields": {"premise": "It rains", "hypothesis": "It is wet."},
    "options": ["entailment", "neutral", "contradiction"],
}


def written(tmp_path, option):
    path = tmp_path / "set.yaml"
    path.write_text(f"context: ''\noptions: {{entailment: {option!r}, neutral: b, contradiction: c}}\n")
    return PromptSet(path)


def test_native_english():
    context, options = PromptSet(ROOT / "config/prompts/xnli/native.yaml").render(ITEM)
    assert context == ""
    assert options["entailment"] == " It rains, right? Yes, It is wet."


def test_arabic_no_is_the_corrected_one():
    item = ITEM | {"language": "ar"}
    _, options = PromptSet(ROOT / "config/prompts/xnli/native.yaml").render(item)
    assert "لا" in options["contradiction"] and "رقم" not in options["contradiction"]


def test_missing_field(tmp_path):
    with pytest.raises(UserError, match="item 1 .*nothing"):
        written(tmp_path, "{{ nothing }}").render(ITEM)


def test_empty_option(tmp_path):
    with pytest.raises(UserError, match="option 'entailment' is empty"):
        written(tmp_path, " ").render(ITEM)


@pytest.mark.parametrize("escape", ["{{ ''.__class__.__mro__ }}", "{{ words.__init__.__globals__ }}"])
def test_sandbox(tmp_path, escape):
    with pytest.raises(UserError):
        written(tmp_path, escape).render(ITEM)


def test_a_language_without_words():
    with pytest.raises(UserError, match="no words for language 'ja'"):
        PromptSet(ROOT / "config/prompts/xnli/native.yaml").render(ITEM | {"language": "ja"})


def test_digest_is_a_languages_own(tmp_path):
    text = (ROOT / "config/prompts/xnli/native.yaml").read_text()
    (tmp_path / "a.yaml").write_text(text.replace("sahihi", "kweli"))
    old, new = PromptSet(ROOT / "config/prompts/xnli/native.yaml"), PromptSet(tmp_path / "a.yaml")
    assert old.digest("en") == new.digest("en") and old.digest("sw") != new.digest("sw")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # Found in review: an answer ended before the first of these letters.
        ("stop: 'END'", "stop is 'END': it has to be a list"),
        ("stop: ['']", "stop is"),
        ("stop: [3]", "stop is"),
        ("max_new_tokens: '20'", "max_new_tokens is '20': it has to be a whole number"),
        ("max_new_tokens: 0", "max_new_tokens is 0"),
        ("separator: 3", "separator is 3: it has to be text"),
        ("words: [de]", "words is"),
        ("words: {de: null}", "words is"),
    ],
)
def test_a_value_of_another_kind(tmp_path, line, expected):
    (tmp_path / "set.yaml").write_text(f"context: ''\n{line}\n")
    with pytest.raises(UserError, match=f"set.yaml: {expected}"):
        PromptSet(tmp_path / "set.yaml")


def test_a_set_that_is_not_text(tmp_path):
    (tmp_path / "set.yaml").write_bytes(b"\xff\xfe\xe9")
    with pytest.raises(UserError, match="set.yaml: UnicodeDecodeError"):
        PromptSet(tmp_path / "set.yaml")
