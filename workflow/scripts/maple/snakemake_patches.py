"""What this workflow changes in Snakemake; :func:`install` does it in every process that parses the rules.

After a job fails, what an earlier run made stands as before. Snakemake puts outputs marked ``update`` back, but

1. with a new time stamp, so that files older than their inputs look current;
2. with the failed job's params in their records, so that files made with other params look current;
3. not where a scheduler refused the job, or where the job ran on another machine and has put them back already: there
   it finds no copy and deletes them.

And a job's records are read once. Snakemake looks at them several times and keeps 128, so that those of a benchmark in
more languages came from disk each time: a fifth of a dry run with 202 languages that finds nothing to do.
"""

import inspect
import shutil
from contextvars import ContextVar
from functools import lru_cache, wraps
from pathlib import Path

from snakemake import __version__

from maple.errors import UserError

KNOWN = "9.27.0 and 9.27.1"
_REFUSAL = (
    f"Snakemake {__version__} has another {{}} than this workflow builds on to keep earlier results when a job fails: "
    f"install Snakemake {KNOWN}, which are known to work"
)
_KEPT_RECORDS = 512

try:
    from snakemake.jobs import Job
    from snakemake.persistence import FileBackupMixin, PersistenceBase
    from snakemake.persistence.file import FilePersistence
except ImportError as error:
    raise ImportError(_REFUSAL.format(error.name)) from error

# What is replaced, what calls that, and what the replacements call: arguments without a default, and names that its
# code must use.
_BUILT_ON = [
    (Job, "prepare", "self", {"backup_output"}),
    (Job, "postprocess", "self", {"restore_output", "finished", "cleanup"}),
    (PersistenceBase, "finished", "self job", {"_write_record", "_unmark_incomplete"}),
    (PersistenceBase, "_clear_cache", "self", set()),
    (PersistenceBase, "_get_key", "self f", set()),
    (PersistenceBase, "_unmark_incomplete", "self key", set()),
    (PersistenceBase, "_filter_incomplete_keys", "self keys", set()),
    (PersistenceBase, "_get_recorded_starttime", "self key", set()),
    (FileBackupMixin, "backup_output", "self path", {"_get_backup_path"}),
    (FileBackupMixin, "restore_output", "self path", {"_get_backup_path"}),
    (FileBackupMixin, "_get_backup_path", "self path", set()),
    (FilePersistence, "_read_record", "self key", {"_read_record_cached"}),
    (FilePersistence, "_read_record_cached", "self key", set()),
]

_failed: ContextVar[bool] = ContextVar("failed", default=False)


def _check() -> None:
    """Refuse a Snakemake that no longer has what is replaced here, or no longer uses it.

    Raises:
        UserError: It names the difference and the versions that are known to work.
    """
    for owner, name, arguments, used in _BUILT_ON:
        found = inspect.unwrap(getattr(owner, name, None))
        code, defaults = getattr(found, "__code__", None), getattr(found, "__defaults__", None) or ()
        needed = " ".join(code.co_varnames[: code.co_argcount - len(defaults)]) if code else None
        if needed != arguments or not used <= set(code.co_names):
            raise UserError(_REFUSAL.format(f"{owner.__name__}.{name}"))


def install() -> None:
    """Change what the module says, once a process."""
    if hasattr(Job.postprocess, "__wrapped__"):
        return
    _check()
    _mend_failures()
    FilePersistence._read_record_cached = lru_cache(_KEPT_RECORDS)(FilePersistence._read_record_cached.__wrapped__)


def _mend_failures() -> None:
    postprocess, finished = Job.postprocess, PersistenceBase.finished
    backup, restore = FileBackupMixin.backup_output, FileBackupMixin.restore_output

    @wraps(postprocess)
    async def postprocess_knowing_the_outcome(job, *arguments, error=False, **options):
        token = _failed.set(error)
        try:
            await postprocess(job, *arguments, error=error, **options)
        finally:
            _failed.reset(token)

    @wraps(finished)
    async def record_unless_failed(records, job):
        if not _failed.get():
            await finished(records, job)
            return
        records._clear_cache()
        for file in job.output:
            records._unmark_incomplete(records._get_key(file))

    @wraps(backup)
    def backup_with_time_stamp(records, path):
        backup(records, path)
        shutil.copystat(path, records._get_backup_path(path))

    @wraps(restore)
    def restore_as_it_was(records, path):
        copy = records._get_backup_path(path)
        if copy.is_file():
            shutil.move(copy, path)
            return True
        return (path.is_file() and not _written_by_job(records, path)) or restore(records, path)

    Job.postprocess, PersistenceBase.finished = postprocess_knowing_the_outcome, record_unless_failed
    FileBackupMixin.backup_output, FileBackupMixin.restore_output = backup_with_time_stamp, restore_as_it_was


def _written_by_job(records: PersistenceBase, path: Path) -> bool:
    """Whether a job that failed wrote a file which was not there before, by the mark of a job that has begun.

    Without a mark no scheduler took the job, or it has ended in order where it ran and left nothing of its own. Marks
    are files: their time is that of the file system that the outputs lie on.
    """
    # The mark may have been taken away by another machine.
    records._clear_cache()
    if not records._filter_incomplete_keys([str(path)]):
        return False
    return path.stat().st_mtime >= records._get_recorded_starttime(str(path))
