"""Another Snakemake than those that the patches were written for is refused, and records are read once.

What becomes of a failed job's outputs: tests/dag/test_failures.py, and tests/dag/test_slurm_jobs.py for a cluster's.
"""

import importlib
import os
import sys
import time

import pytest
from snakemake.jobs import Job
from snakemake.persistence import FileBackupMixin, MetadataRecord, PersistenceBase
from snakemake.persistence.file import FilePersistence

from maple import snakemake_patches
from maple.errors import UserError


def restore_elsewhere(self, path):
    return self._get_backup_path(path)


def takes_more(self, path, keep):
    return self._get_backup_path(path)


async def records_no_more(self, error=False):
    await self.cleanup(self.restore_output(self))


@pytest.mark.parametrize(
    ("owner", "name", "other"),
    [
        (FileBackupMixin, "restore_output", takes_more),
        (FileBackupMixin, "_get_backup_path", None),
        (PersistenceBase, "finished", restore_elsewhere),
        (Job, "postprocess", records_no_more),
    ],
)
def test_a_snakemake_that_does_it_otherwise_is_refused(monkeypatch, owner, name, other):
    monkeypatch.setattr(owner, name, other)
    with pytest.raises(UserError) as error:
        snakemake_patches._check()
    text = str(error.value)
    assert f"{owner.__name__}.{name}" in text and snakemake_patches.KNOWN in text and "\n" not in text


def test_a_snakemake_without_its_modules_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "snakemake.persistence.file", None)
    monkeypatch.delitem(sys.modules, "maple.snakemake_patches")
    with pytest.raises(ImportError, match="another snakemake.persistence.file than .* install Snakemake 9.27.0 and"):
        importlib.import_module("maple.snakemake_patches")


def test_the_installed_snakemake_is_a_known_one():
    snakemake_patches._check()
    assert snakemake_patches.__version__ in snakemake_patches.KNOWN


@pytest.fixture
def installed(monkeypatch):
    """The patches, taken back afterwards."""
    for owner, name in [
        (Job, "postprocess"),
        (PersistenceBase, "finished"),
        (FileBackupMixin, "backup_output"),
        (FileBackupMixin, "restore_output"),
        (FilePersistence, "_read_record_cached"),
    ]:
        monkeypatch.setattr(owner, name, getattr(owner, name))
    snakemake_patches.install()


def test_installing_twice_changes_nothing_more(installed):
    once = Job.postprocess
    snakemake_patches.install()
    assert Job.postprocess is once and not hasattr(once.__wrapped__, "__wrapped__")


def test_the_records_of_a_job_with_many_outputs_are_read_once(installed, tmp_path, monkeypatch):
    records = FilePersistence(path=tmp_path)
    names = [f"results/predictions/xnli/x{number}.jsonl" for number in range(205)]
    for name in names:
        records._write_record(name, MetadataRecord(rule=name))
    read = []
    monkeypatch.setattr(records, "_io_read", lambda subject, key: read.append(key) or {"rule": key})
    for _ in range(3):
        assert [records._read_record(name).rule for name in names] == names
    assert read == names
    records._clear_cache()
    records._read_record(names[0])
    assert len(read) == len(names) + 1


def test_what_a_failed_job_did_not_write_stays(installed, tmp_path):
    records = FilePersistence(path=tmp_path / "records")
    earlier, new, refused = tmp_path / "earlier", tmp_path / "new", tmp_path / "refused"
    for path in (earlier, new, refused):
        path.write_text("")
    begun = time.time()
    for path, when in ((earlier, begun - 60), (new, begun + 60), (refused, begun + 60)):
        os.utime(path, (when, when))
    for path in (earlier, new):
        records._mark_incomplete(str(path), "7")
    assert [records.restore_output(path) for path in (earlier, new, refused)] == [True, False, True]
    # The job's own process, on another machine, has put the file back and says that it is done.
    FilePersistence(path=tmp_path / "records")._unmark_incomplete(str(new))
    assert records.restore_output(new)
