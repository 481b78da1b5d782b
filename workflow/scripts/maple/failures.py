"""After a job fails, what an earlier run made stands as before: content, time stamps, and Snakemake's records of it.

Snakemake 9 puts outputs marked ``update`` back, but with a new time stamp, and notes the failed job's params as theirs,
so that the next run would call old results current. Where a scheduler refuses a job, or a job on another machine has
put the files back already, it finds no copy and deletes them. :func:`install` mends both, in every process that parses
the rules.
"""

import shutil
from contextvars import ContextVar
from functools import wraps
from pathlib import Path

from snakemake.jobs import Job
from snakemake.persistence import FileBackupMixin, PersistenceBase

_failed: ContextVar[bool] = ContextVar("failed", default=False)


def install() -> None:
    """Change how Snakemake treats the outputs of a failed job, once a process."""
    if getattr(Job.postprocess, "mended", False):
        return
    postprocess, started, finished = Job.postprocess, PersistenceBase.started, PersistenceBase.finished
    restore = FileBackupMixin.restore_output

    @wraps(postprocess)
    async def mended_postprocess(job, *arguments, error=False, **options):
        token = _failed.set(error)
        try:
            await postprocess(job, *arguments, error=error, **options)
        finally:
            _failed.reset(token)

    @wraps(started)
    def mended_started(records, job, *arguments, **options):
        started(records, job, *arguments, **options)
        # Marks are files: their time is that of the file system that the outputs lie on.
        begun = {str(file): records._get_recorded_starttime(records._get_key(file)) for file in job.output}
        records.__dict__.setdefault("begun", {}).update(begun)

    @wraps(finished)
    async def mended_finished(records, job):
        if not _failed.get():
            await finished(records, job)
            return
        records._clear_cache()
        for file in job.output:
            records._unmark_incomplete(records._get_key(file))

    @wraps(FileBackupMixin.backup_output)
    def mended_backup(records, path):
        copy = records._get_backup_path(path)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)

    @wraps(restore)
    def mended_restore(records, path):
        copy = records._get_backup_path(path)
        if copy.is_file():
            shutil.copy2(copy, path)
            copy.unlink()
            return True
        begun = records.__dict__.get("begun", {}).get(str(path))
        if Path(path).is_file() and (begun is None or Path(path).stat().st_mtime < begun):
            # No scheduler took the job, or it never came to this file, or the file was put back where the job ran.
            return True
        return restore(records, path)

    mended_postprocess.mended = True
    Job.postprocess = mended_postprocess
    PersistenceBase.started, PersistenceBase.finished = mended_started, mended_finished
    FileBackupMixin.backup_output, FileBackupMixin.restore_output = mended_backup, mended_restore
