"""One logger, and one way for a command to fail."""

import errno
import logging
import os
import sys
from pathlib import Path

from maple import sidecars
from maple.errors import Preempted, UserError

log = logging.getLogger("maple")

# What a full, read-only or misused place answers.
_PLACE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EEXIST, errno.ENOTDIR}


def add_log_argument(parser) -> None:
    """Add ``--log`` to a command's parser."""
    parser.add_argument("--log", help="file that gets a copy of the messages")


def setup_logging(path=None, mode: str = "w") -> None:
    """Send messages to standard error and, if given, to a file."""
    handlers = [logging.StreamHandler()]
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(path, mode=mode, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    log.handlers[:] = handlers
    log.setLevel(logging.INFO)
    log.propagate = False


def run(main) -> None:
    """Run a command's ``main`` and exit with its status.

    An error the user can put right is one line; so is a missing package. Anything else is a defect and
    keeps its traceback.
    """
    # Model files come from manifests; a run must never depend on what the hub answers today.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    status = 1
    try:
        with sidecars.kept(sys.argv):
            status = main()
    except UserError as error:
        (log.error if log.handlers else print)(f"error: {error}")
    except OSError as error:
        if error.errno not in _PLACE or not error.filename:
            log.exception("unexpected error")
        else:
            (log.error if log.handlers else print)(
                f"error: {error.filename}: cannot be read or written ({error.strerror}): "
                "free space or check the permissions"
            )
    except Preempted as stopped:
        log.warning("%s", stopped)
        status = os.EX_TEMPFAIL
    except ModuleNotFoundError as error:
        message = (
            f"error: the package {error.name!r} is not installed in {sys.prefix}: "
            "run `make install` and activate .venv, or use --sdm conda"
        )
        (log.error if log.handlers else print)(message)
    except Exception:
        log.exception("unexpected error")
    # At once: taking torch down lasts seconds, and a job killed in them loses outputs that were finished.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
