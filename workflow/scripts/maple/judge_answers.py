"""A judge's answers: kept one by one as they come, and asked of an OpenAI-compatible endpoint.

Nothing of an endpoint's own error text is shown or kept: it may repeat the key.
"""

import os
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from maple.canonical import digest
from maple.errors import UserError
from maple.files import read_json, write_json

KEY = "OPENAI_API_KEY"
# With openai's delays, which double up to 8 s unless the endpoint names its own, more than a minute.
TRIES = 14
_SECONDS = 180  # for one answer


def kept_at(folder: Path, request: dict) -> Path:
    """Return where the answer to a request is kept: named by all that decides it."""
    name = digest(request)
    return Path(folder) / name[:2] / f"{name}.json"


def collect(requests: list[dict], folder: Path, connect, parallel: int) -> tuple[list[dict], int]:
    """Return the answer to each request, and how many had to be asked for.

    A worker writes an answer down before it asks for the next, so what a killed job loses was under way.

    Args:
        requests: Bodies of requests: model, messages, parameters.
        folder: Where answers are kept.
        connect: Called if anything is to be asked; returns what answers one request, from several threads.
        parallel: Requests under way at once.
    """
    wanted = {kept_at(folder, request): request for request in requests}
    missing = [path for path in wanted if not path.is_file()]
    if missing:
        _ask_for(missing, wanted, connect(), parallel)
    return [read_json(kept_at(folder, request)) for request in requests], len(missing)


def _ask_for(missing: list[Path], wanted: dict[Path, dict], ask, parallel: int) -> None:
    from tqdm import tqdm

    stopped = threading.Event()

    def answer(path):
        if not stopped.is_set():
            try:
                write_json(path, ask(wanted[path]))
            except BaseException:
                stopped.set()
                raise

    with ThreadPoolExecutor(parallel) as pool:
        waiting = [pool.submit(answer, path) for path in missing]
        try:
            for done in tqdm(as_completed(waiting), total=len(waiting), unit="answer", mininterval=2.0, disable=False):
                done.result()
        except BaseException:
            # What is under way has been paid for and is waited for; nothing more is asked.
            stopped.set()
            raise


def key_from_environment() -> str:
    """Return the endpoint's key.

    Raises:
        UserError: There is none, or it cannot be sent as a header.
    """
    key = os.environ.get(KEY, "").strip()
    if not key:
        raise UserError(f"{KEY} is not set: export the endpoint's key, or any word if it asks for none")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise UserError(f"{KEY} has characters that no key has: export it again")
    return key


class Endpoint:
    """Chat completions of one endpoint; rate limits and passing faults are tried again with growing delays."""

    def __init__(self, base_url: str, key: str):
        """Take the address, ending in ``/v1`` as a rule, and the key."""
        import openai

        self._client = openai.OpenAI(api_key=key, base_url=base_url, max_retries=TRIES - 1, timeout=_SECONDS)
        self._url = base_url

    def ask(self, request: dict) -> dict:
        """Return the first choice of a completion as a dictionary, with its ``text`` and who ``answered``.

        Raises:
            UserError: The endpoint refuses the key or the request, or does not answer properly.
        """
        import openai

        try:
            completion = self._client.chat.completions.create(**request)
        except openai.APIStatusError as error:
            raise UserError(f"{self._url}: {_advice(error.status_code)} (HTTP {error.status_code})") from None
        except openai.OpenAIError as error:
            reason = type(error).__name__
            raise UserError(f"{self._url}: no proper answer ({reason}): check the address and the network") from None
        try:
            choice = completion.choices[0].model_dump()
            return choice | {"text": _text(choice["message"]), "answered": completion.model}
        except (AttributeError, IndexError, KeyError, TypeError):
            raise UserError(
                f"{self._url}: answers, but not as OpenAI's API does: correct alpaca_eval.judge.base_url"
            ) from None


def _text(message: dict) -> str | None:
    """Return what a message says: its content, or the arguments of the function it calls."""
    calls = [call["function"] for call in message.get("tool_calls") or []]
    calls += [message["function_call"]] if message.get("function_call") else []
    return calls[0]["arguments"] if calls else message["content"]


def _advice(status: int) -> str:
    """Return what an HTTP status means here, and what to do."""
    if status in (401, 403):
        return f"the endpoint refuses the key in {KEY}: correct it and run again, answers so far are kept"
    if status == 404:
        return "no such model or address: correct alpaca_eval.judge.model or base_url"
    if status == 429:
        return "at its rate limit or out of credit: run again later, answers so far are kept, or lower judge.parallel"
    if status in (400, 413, 422):
        return (
            "the endpoint refuses a request: the model may not take the annotator's parameters, or so long a text "
            "(alpaca_eval.judge.annotator, alpaca_eval.max_new_tokens)"
        )
    return "the endpoint is in trouble: run again later, answers so far are kept"
