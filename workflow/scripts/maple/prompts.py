"""Prompts are data: YAML with Jinja2 templates, rendered in a sandbox."""

from pathlib import Path

import yaml
from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from maple.canonical import digest
from maple.errors import UserError

_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)


class PromptSet:
    """The prompts of one benchmark: a context and one continuation per option."""

    def __init__(self, path):
        """Read a prompt set.

        Raises:
            UserError: The file is missing, not YAML, or a template cannot be parsed.
        """
        self.path = Path(path)
        try:
            self._data = yaml.safe_load(self.path.read_text(encoding="utf-8"))
            self._context = _ENVIRONMENT.from_string(self._data["context"])
            self._options = {name: _ENVIRONMENT.from_string(text) for name, text in self._data["options"].items()}
        except FileNotFoundError:
            raise UserError(f"{path}: no such prompt set: correct benchmarks.*.prompts") from None
        except (yaml.YAMLError, TemplateError, KeyError, TypeError) as error:
            raise UserError(f"{path}: {type(error).__name__}: {' '.join(str(error).split())}") from None

    def digest(self, language: str) -> str:
        """Return the digest of what a language's prompts are made of; other languages' words do not count."""
        words = {language: self._words(language)}
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
        """Return an item's context and its continuation per option.

        Raises:
            UserError: A template names a missing field, leaves the sandbox, or an option comes out empty.
        """
        values = item["fields"] | {"words": self._words(item["language"])}
        try:
            context = self._context.render(values)
            options = {name: self._options[name].render(values) for name in item["options"]}
        except (TemplateError, KeyError) as error:
            raise UserError(f"{self.path}, item {item['id']} ({item['language']}): {error}") from None
        for name, text in options.items():
            if not text.strip():
                raise UserError(f"{self.path}, item {item['id']} ({item['language']}): option {name!r} is empty")
        return context, options
