"""Scratch folders: where unfinished work survives a kill, and never two processes at once.

Snakemake deletes or restores a failed job's outputs, so progress lives in ``<results>/.scratch/<digest>``,
named by the digest of everything that decides the result. The kernel's lock on it dies with its holder.
"""

import contextlib
import shutil
from pathlib import Path

from filelock import FileLock, Timeout

from maple.canonical import digest
from maple.errors import UserError
from maple.logs import log


@contextlib.contextmanager
def scratch(root, key):
    """Hold the scratch folder of ``key``; wait while another process (an orphan, say) holds it.

    Args:
        root: Folder of all scratch folders.
        key: Anything JSON can express.

    Yields:
        The folder. It stays when the block fails and is removed when it succeeds.
    """
    folder = Path(root) / digest(key)[:24]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.with_suffix(".lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            log.info("another process is at work on the same result: waiting for it (%s)", lock.lock_file)
            lock.acquire()
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror}): free space or check the permissions"
        ) from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()
