"""A one-node Slurm with two GPU slots, run by the user who runs the tests: no database, no cgroups, no systemd.

The slots are two character devices; Slurm hands them out as it would GPUs.
"""

import contextlib
import getpass
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue")
# Where commands look that were told nothing: the executor's inner srun gets no SLURM_CONF.
_SYSTEM = Path("/etc/slurm")
_LINKS = [_SYSTEM / name for name in ("slurm.conf", "gres.conf")]
_CONF = """\
ClusterName=ci
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.sock
CryptoType=crypto/munge
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
MpiDefault=none
SwitchType=switch/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,sched_min_interval=0,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
DefMemPerCPU=200
ReturnToService=2
KillWait=10
InactiveLimit=0
MinJobAge=3600
PropagateResourceLimits=NONE
NodeName={host} NodeAddr=127.0.0.1 Port=16818 CPUs=32 Boards=1 SocketsPerBoard=1 CoresPerSocket=32 ThreadsPerCore=1 \\
 RealMemory={memory} Gres=gpu:a100:2 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def unavailable() -> str | None:
    """Why Slurm cannot run here, or ``None``."""
    lacking = [name for name in PROGRAMS if not _which(name)]
    if lacking:
        return f"Slurm is not installed ({', '.join(lacking)}): .ci/slurm installs it"
    if not os.access(_SYSTEM, os.W_OK):
        return f"{_SYSTEM} cannot be written"
    _remove_left_behind()
    if any(os.path.lexists(link) for link in _LINKS):
        return f"{_SYSTEM} has a slurm.conf of its own, or that of tests that are running"
    return None


def _remove_left_behind() -> None:
    """Remove the links to a server that is gone, its tests having been killed: they would have these tests skipped."""
    for link in _LINKS:
        # A cluster's own file is no link to a folder with a server's state.
        if link.is_symlink() and link.readlink().parent.name.startswith("server"):
            try:
                os.kill(int((link.readlink().parent / "run/slurmctld.pid").read_text()), 0)
            except (OSError, ValueError):
                link.unlink()


def _which(name: str) -> str | None:
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


@contextlib.contextmanager
def running(folder: Path):
    """Run Slurm while the block lasts, from an empty state."""
    for name in ("run", "state", "spool", "log"):
        (folder / name).mkdir(parents=True)
    host = socket.gethostname().split(".")[0]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    conf = _CONF.format(host=host, user=getpass.getuser(), folder=folder, memory=memory)
    (folder / "slurm.conf").write_text(conf)
    devices = "/dev/tty[0-1]"
    (folder / "gres.conf").write_text(f"AutoDetect=off\nNodeName={host} Name=gpu Type=a100 File={devices}\n")
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    try:
        for link in _LINKS:
            link.unlink(missing_ok=True)
            link.symlink_to(folder / link.name)
        _call(
            *(_which("munged"), "--force", f"--key-file={key}", f"--socket={folder}/run/munge.sock"),
            *(f"--pid-file={folder}/run/munged.pid", f"--log-file={folder}/log/munged.log"),
            f"--seed-file={folder}/run/munge.seed",
        )
        _call(_which("slurmctld"), "-f", str(folder / "slurm.conf"))
        _call(_which("slurmd"), "-f", str(folder / "slurm.conf"), "-N", host)
        _wait_until_ready(folder)
        yield
    finally:
        subprocess.run(["scancel", f"--user={getpass.getuser()}"], capture_output=True)
        for name in ("slurmd", "slurmctld", "munged"):
            _stop(folder / f"run/{name}.pid")
        for link in _LINKS:
            link.unlink(missing_ok=True)


def _call(*command) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def _wait_until_ready(folder: Path) -> None:
    for _ in range(30):
        tried = subprocess.run(["srun", "--immediate=5", "-n1", "--mem=10", "true"], capture_output=True, text=True)
        if tried.returncode == 0:
            return
        time.sleep(1)
    logs = "".join(path.read_text()[-2000:] for path in sorted((folder / "log").glob("*.log")))
    raise AssertionError(f"Slurm does not answer: {tried.stderr}\n{logs}")


def _stop(pidfile: Path) -> None:
    """End a daemon and wait for it."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
        pid = int(pidfile.read_text())
        os.kill(pid, signal.SIGTERM)
        for _ in range(100):
            os.kill(pid, 0)
            time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)


def jobs() -> list[dict[str, str]]:
    """All jobs Slurm remembers, as ``scontrol`` tells them, in the order of submission."""
    done = subprocess.run(["scontrol", "show", "job", "--details", "--oneliner"], capture_output=True, text=True)
    found = [dict(re.findall(r"(\w+)=(\S*)", line)) for line in done.stdout.splitlines() if "JobId=" in line]
    return sorted(found, key=lambda job: int(job["JobId"]))
