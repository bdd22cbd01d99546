"""A real Slurm cluster for the tests: a controller and two nodes, all on this machine.

Debian's slurm-wlm and munge, started by root; no accounts, no cgroups, no systemd. The daemons
listen on 127.0.0.1 alone, on ports that are free.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "munged", "runuser")

CONF = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A requeued job waits for as long as a credential lasts; five seconds is the least.
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerParameters=sched_min_interval=0,bf_interval=1
ReturnToService=2
KillWait=2
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1 State=UNKNOWN
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def unavailable(why: str) -> None:
    """Skip, but in CI, which installs what is needed: there a skip is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{why}: .ci/run installs it")
    pytest.skip(why)


@contextlib.contextmanager
def slurm_cluster() -> Iterator[None]:
    """A cluster that Slurm's commands find through ``SLURM_CONF`` while it runs."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        unavailable(f"no {missing[0]} here (Debian: slurm-wlm and munge)")
    if os.geteuid() != 0:
        unavailable("Slurm's daemons are started by root")
    with pytest.MonkeyPatch.context() as patch, _folder() as folder:
        host = socket.gethostname().partition(".")[0]
        conf = folder / "slurm.conf"
        conf.write_text(CONF.format(folder=folder, host=host, ports=_free_ports(3)))
        patch.setenv("SLURM_CONF", str(conf))
        patch.setenv("SLURM_TIME_FORMAT", "standard")
        try:
            _start(folder)
            yield
        finally:
            _stop(folder)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    # Not pytest's own: munge's user must reach it, and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)
    for name in ("state", "spool-n1", "spool-n2", "munge"):
        (folder / name).mkdir(mode=0o755)
    os.chown(folder / "munge", pwd.getpwnam("munge").pw_uid, -1)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _start(folder: Path) -> None:
    munge = folder / "munge"
    files = {"socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    options = [f"--{option}={munge / name}" for option, name in files.items()]
    ask("runuser", "-u", "munge", "--", "munged", "--force", *options)
    ask("slurmctld")
    for node in ("n1", "n2"):
        ask("slurmd", "-N", node)
    wait(lambda: ask("sinfo", "-h", "-o", "%T %D") == "idle 2\n", "both nodes are idle")


def _stop(folder: Path) -> None:
    with contextlib.suppress(subprocess.SubprocessError):
        ask("scancel", "--signal=KILL", "--user=root")
        ask("scancel", "--user=root")
        wait(lambda: not ask("squeue", "-h"), "the queue is empty")
    pids = []
    for name in ("n1.pid", "n2.pid", "slurmctld.pid", "munge/pid"):
        with contextlib.suppress(OSError, ValueError):
            pids.append(int((folder / name).read_text()))
            os.kill(pids[-1], signal.SIGTERM)
    wait(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "the daemons are gone")


def ask(*command: str) -> str:
    """What one of Slurm's commands prints."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def wait(true, what: str, seconds: float = 60) -> None:
    """Until it is true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not in {seconds:g} s: {what}"
        time.sleep(0.1)
