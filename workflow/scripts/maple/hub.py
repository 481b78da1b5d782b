"""The Hugging Face hub: no other module talks to it.

What was fetched once is found again without the hub, in huggingface_hub's own cache. That library is
imported where it is used: it is slow to import, and reads its environment then.
"""

import os
import time
from functools import partial
from pathlib import Path

from maple.errors import UserError
from maple.logs import log

TRIES = 4
BASE_DELAY = 2.0  # seconds before the second try; twice as long before each one after it


def dataset_file(repository: str, name: str, revision: str) -> Path:
    """Return one file of a dataset repository, from the cache or fetched into it.

    Args:
        repository: ``owner/name``.
        name: The file's path in the repository.
        revision: Branch, tag, commit, or a reference such as ``refs/convert/parquet``.

    Raises:
        UserError: Access is refused; there is no such repository, revision or file; or there is no copy in
            the cache and the hub was not reached or is not to be asked.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    file = {"repo_id": repository, "filename": name, "repo_type": "dataset", "revision": revision}
    return _fetch(
        f"datasets/{repository}",
        f"{revision}/{name}",
        ask=lambda token: get_hf_file_metadata(hf_hub_url(**file), token=token),
        download=partial(hf_hub_download, **file),
    )


def model_folder(repository: str, revision: str, patterns: list[str], local: bool = False) -> Path:
    """Return the snapshot folder of a model repository; its name is the commit.

    Args:
        repository: ``owner/name``.
        revision: Branch, tag, commit or reference.
        patterns: Globs of the files to fetch.
        local: Look in the cache only.

    Raises:
        UserError: As for ``dataset_file``.
    """
    from huggingface_hub import HfApi, snapshot_download

    return _fetch(
        repository,
        revision,
        ask=lambda token: HfApi().model_info(repository, revision=revision, token=token, timeout=10),
        download=partial(snapshot_download, repository, revision=revision, allow_patterns=patterns),
        local=local,
    )


def _fetch(page: str, what: str, ask, download, local: bool = False) -> Path:
    """Return what ``download`` returns, trying again after a fault of the network.

    While the hub is down, a download of what is not cached repeats its own requests, some for minutes and
    some without a timeout. So ``ask``, one request with a timeout, goes before it.
    """
    from huggingface_hub import errors

    token = os.environ.get("HF_TOKEN", "").strip() or False  # False: nor the token of a login
    for wait in [*(BASE_DELAY * 2**number for number in range(TRIES - 1)), None]:
        try:
            if not local and not _is_cached(download):
                ask(token)
            return Path(download(token=token, local_files_only=local))
        # hf_xet raises RuntimeError, after tries of its own.
        except (OSError, ValueError, RuntimeError, errors.HTTPError) as error:
            wrapped = isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__
            cause = error.__cause__ if wrapped else error
            # Nothing of an error's own text is shown: it has many lines and could hold the token.
            status = cause.response.status_code if isinstance(cause, errors.HfHubHTTPError) else None
            reason = f"HTTP {status}" if status else type(cause).__name__
            # Such a request was repeated with growing delays already, half a minute in all.
            repeated = wrapped and status and cause.response.request.method == "HEAD"
            if wait is None or repeated or not _may_pass(cause, status):
                raise UserError(_advice(cause, status, page, what, reason)) from None
            log.warning("%s: %s: trying again in %g s", page, reason, wait)
            time.sleep(wait)


def _is_cached(download) -> bool:
    from huggingface_hub import errors

    try:
        return bool(download(token=False, local_files_only=True))
    except errors.LocalEntryNotFoundError:
        return False


def _may_pass(error: Exception, status: int | None) -> bool:
    """Whether another try may succeed: no connection, no or a broken answer, an overloaded hub."""
    from huggingface_hub import errors

    if status:
        return status in (408, 429) or status >= 500
    if isinstance(error, (errors.HTTPError, ConnectionError, TimeoutError)):
        return not isinstance(error, errors.OfflineModeIsEnabled)
    return type(error) is OSError and error.errno is None  # fewer bytes than announced


def _advice(error: Exception, status: int | None, page: str, what: str, reason: str) -> str:
    """Return one line with what is wrong and what to do."""
    from huggingface_hub import errors

    if isinstance(error, errors.RevisionNotFoundError):
        return f"{page}@{what}: the hub has no such revision: correct it in the config"
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"{page}@{what}: the revision has no such file: correct the revision, the split or the languages"
    if isinstance(error, errors.RepositoryNotFoundError) and not isinstance(error, errors.GatedRepoError):
        return f"{page}: no such repository on the hub, or a private one: correct its id or set HF_TOKEN"
    if isinstance(error, errors.HFValidationError):
        return f"{page}: not the id of a repository: write it as owner/name"
    if status in (401, 403):
        terms = f"accept the terms at https://huggingface.co/{page} and set HF_TOKEN in the environment"
        return f"{page}: the hub refuses access ({reason}): {terms}"
    if isinstance(error, (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError)):
        remedy = "fetch it with `hf download`, or run with network access and without HF_HUB_OFFLINE"
        return f"{page}@{what}: not (wholly) in the local cache, and the hub was not asked: {remedy}"
    if isinstance(error, OSError) and error.errno and not isinstance(error, (ConnectionError, TimeoutError)):
        return f"{page}@{what}: cannot be stored ({error.strerror}): free space, or set HF_HOME to another folder"
    remedy = "check the network and try again later"
    return f"{page}@{what}: not in the local cache, and the hub did not answer properly ({reason}): {remedy}"
