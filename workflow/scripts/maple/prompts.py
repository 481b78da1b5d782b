"""Prompts are data: YAML with Jinja2 templates, rendered in a sandbox."""

from pathlib import Path

import yaml
from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from maple.canonical import digest
from maple.errors import UserError

_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
_KEYS = {"context", "options", "answer", "separator", "stop", "max_new_tokens", "words"}
# What a value has to be, where a template would not tell.
_VALUES = {
    "separator": (lambda value: isinstance(value, str), "text"),
    # Text alone would be taken for a list of its letters.
    "stop": (
        lambda value: isinstance(value, list) and all(part and isinstance(part, str) for part in value),
        "a list of texts, none of them empty",
    ),
    "max_new_tokens": (lambda value: type(value) is int and value > 0, "a whole number from 1"),
    "words": (
        lambda value: (
            value is None or (isinstance(value, dict) and all(isinstance(words, dict) for words in value.values()))
        ),
        "a table of words for each language",
    ),
}


class PromptSet:
    """The prompts of one benchmark: a context, and what may follow it.

    Attributes:
        separator: Text between demonstrations.
        stop: Generated text ends before the first of these.
        max_new_tokens: Generated tokens at most.
    """

    def __init__(self, path):
        """Read a prompt set.

        Raises:
            UserError: The file is missing, not YAML, has an unknown key or a value of another kind, or a template
                cannot be parsed.
        """
        self.path = Path(path)
        try:
            self._data = yaml.safe_load(self.path.read_text(encoding="utf-8"))
            unknown = set(self._data) - _KEYS
            if unknown:
                raise UserError(f"{path}: unknown key {min(unknown)!r}: allowed are {', '.join(sorted(_KEYS))}")
            self._context = _ENVIRONMENT.from_string(self._data["context"])
            options = self._data.get("options", {})
            self._options = {name: _ENVIRONMENT.from_string(text) for name, text in options.items()}
            self._answer = _ENVIRONMENT.from_string(self._data.get("answer", " {{ answers[0] }}"))
        except FileNotFoundError:
            raise UserError(f"{path}: no such prompt set: correct benchmarks.*.prompts") from None
        except (yaml.YAMLError, TemplateError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: {type(error).__name__}: {' '.join(str(error).split())}") from None
        self._check_values()
        self.separator = self._data.get("separator", "\n\n")
        self.stop = tuple(self._data.get("stop", ["\n"]))
        self.max_new_tokens = self._data.get("max_new_tokens", 20)

    def _check_values(self) -> None:
        """Raise ``UserError`` where a value is of another kind than its key takes."""
        for key, (right, kind) in _VALUES.items():
            if key in self._data and not right(self._data[key]):
                raise UserError(f"{self.path}: {key} is {self._data[key]!r}: it has to be {kind}")

    def digest(self, *languages: str) -> str:
        """Return the digest of what prompts in some languages are made of; other languages' words do not count."""
        words = {code: self._words(code) for code in languages}
        return digest({**self._data, "words": words})

    def has(self, language: str) -> bool:
        """Whether the set has what a language needs."""
        return self._data.get("words") is None or language in self._data["words"]

    def _words(self, language: str) -> dict:
        words = self._data.get("words")
        if words is None:
            return {}
        if language not in words:
            raise UserError(f"{self.path}: no words for language {language!r}: add them or choose another prompt set")
        return words[language]

    def render(self, item: dict) -> tuple[str, dict[str, str]]:
        """Return an item's context and its continuation per option (none for answers in words).

        Raises:
            UserError: A template names a missing field, leaves the sandbox, or an option comes out empty.
        """
        where = f"{self.path}, item {item['id']} ({item['language']})"
        values = item["fields"] | {"words": self._words(item["language"])}
        try:
            context = self._context.render(values)
            options = {name: self._options[name].render(values) for name in item.get("options", [])}
        # The sandbox answers a loop that is too long with OverflowError, and what an object lacks with the others.
        except (TemplateError, LookupError, TypeError, ValueError, OverflowError, ArithmeticError) as error:
            raise UserError(f"{where}: {' '.join(str(error).split())}") from None
        for name, text in options.items():
            if not text.strip():
                raise UserError(f"{where}: option {name!r} is empty")
        if not context.strip() and not options:
            raise UserError(f"{where}: the context is empty")
        return context, options

    def demonstration(self, item: dict) -> str:
        """Return an item with its right answer, as shown before the evaluated one."""
        context, options = self.render(item)
        if "gold" in item:
            return context + options[item["gold"]] + self.separator
        try:
            answer = self._answer.render(item["fields"] | {"answers": item["answers"]})
        except (TemplateError, LookupError, TypeError, ValueError, ArithmeticError) as error:
            raise UserError(f"{self.path}, item {item['id']}, answer: {' '.join(str(error).split())}") from None
        return context + answer + self.separator
