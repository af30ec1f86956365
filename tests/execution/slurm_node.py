"""A real Slurm of one node for tests: munged, slurmctld and slurmd in the foreground, as the user who runs the tests.

No systemd, no file outside the given folder and no fixed port are needed; a Slurm of the machine's own is left alone.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "sinfo", "squeue", "setpriv")
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])  # daemons are off a user's path
SETTINGS = """
ClusterName=test SlurmctldHost={node}(127.0.0.1) SlurmctldPort={ports[0]} SlurmdPort={ports[1]}
SlurmUser={user} SlurmdUser={user} AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state SlurmctldPidFile={folder}/slurmctld.pid
SlurmdSpoolDir={folder}/spool SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc SelectType=select/cons_tres SelectTypeParameters=CR_CPU_Memory DefMemPerCPU=500
SlurmdParameters=config_overrides SchedulerParameters=batch_sched_delay=0 ReturnToService=2 MessageTimeout=5 KillWait=2
"""  # in its file, one a line
NODES = "NodeName={node} NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000", "PartitionName=main Nodes={node} Default=YES"


def why_not() -> str | None:
    """Why no Slurm can be started here, in one sentence, or None if one can."""
    if not sys.platform.startswith("linux"):
        return "Slurm runs on Linux only."
    if missing := [program for program in PROGRAMS if shutil.which(program, path=PATH) is None]:
        return f"To start a Slurm, install the Debian package slurm-wlm: {', '.join(missing)} not found."
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return f"Slurm works for named users only, and user {os.getuid()} has no name."
    return None


@contextmanager
def slurm_node(folder: Path) -> Iterator[dict[str, str]]:
    """Run a Slurm with one idle node of two processors and 4 GB; at the end, whatever happened, nothing of it is left.

    Enter it in the main thread: the daemons also end when the thread that started them does.

    Args:
        folder: Where its files go; made if need be. A path to a socket must fit into 107 characters.

    Yields:
        The environment variables, on top of the present ones, under which sbatch, squeue and scancel see this Slurm.
    """
    folder, node = folder.resolve(), socket.gethostname().partition(".")[0]
    if len(f"{folder}/spool/{node}_99999.4294967295") > 107:
        raise ValueError(f"the path {folder} is too long for the sockets of a Slurm")
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    key, configuration = folder / "munge.key", folder / "slurm.conf"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
    user, ports = pwd.getpwuid(os.getuid()).pw_name, _free_ports(2)
    lines = [line.format(folder=folder, node=node, user=user, ports=ports) for line in (*SETTINGS.split(), *NODES)]
    configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
    variables = {"SLURM_CONF": str(configuration), "PATH": PATH}

    def said(*command: str) -> str:
        environment = {**os.environ, **variables}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20).stdout.strip()

    # slurmd loads a cgroup plugin even if nothing uses one; before 24.05 the first version's is the idle one
    recent = [int(part) for part in said("slurmd", "-V").split()[-1].split(".")[:2]] >= [24, 5]
    (folder / "cgroup.conf").write_text(f"CgroupPlugin={'disabled' if recent else 'cgroup/v1'}\n", encoding="utf-8")
    files = [f"--{name}-file={folder}/munged.{name}" for name in ("pid", "seed")]
    with ExitStack() as stack:
        stack.callback(_sweep, variables["SLURM_CONF"])
        for daemon, arguments, ready in (
            ("munged", ["-F", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket", *files],
             (folder / "munge.socket").exists),
            ("slurmctld", ["-D"], lambda: bool(said("sinfo", "--noheader"))),
            ("slurmd", ["-D"], lambda: said("sinfo", "--noheader", "--format=%T") == "idle"),
        ):  # fmt: skip
            log = folder / f"{daemon}.log"
            with log.open("w", encoding="utf-8") as output:
                process = subprocess.Popen(
                    ["setpriv", "--pdeathsig", "TERM", daemon, *arguments],
                    cwd=folder, env={**os.environ, **variables}, start_new_session=True,
                    stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                )  # fmt: skip
            stack.callback(_end, process)
            _waited(30, lambda process=process, ready=ready: process.poll() is not None or ready())
            if process.poll() is not None or not ready():
                raise RuntimeError(f"{daemon} did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")
        stack.callback(_waited, 10, lambda: not said("squeue", "--noheader"))
        stack.callback(said, "scancel", f"--user={user}")
        yield variables


def _free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        return [stack.enter_context(socket.create_server(("", 0))).getsockname()[1] for _ in range(number)]


def _waited(seconds: float, ready: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not (done := ready()) and time.monotonic() < end:
        time.sleep(0.05)
    return done


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


def _sweep(configuration: str) -> None:
    """Kill what the daemons and scancel left over."""

    def swept() -> bool:
        left = _processes(configuration)
        for number in left:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        return not left

    if not _waited(10, swept):
        raise RuntimeError(f"processes of a Slurm do not end: {_processes(configuration)}")


def _processes(configuration: str) -> set[int]:
    """The processes whose environment names the configuration, and all in their sessions; never our own session.

    A slurmstepd leaves its parent and overwrites its environment, but shares a session with the processes of its job.
    """
    mark, sessions, marked = f"SLURM_CONF={configuration}".encode(), {}, set()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # ended meanwhile, or somebody else's
            state, _, _, session, *_ = (entry / "stat").read_bytes().rpartition(b")")[2].split()
            if state not in (b"Z", b"X"):
                sessions[int(entry.name)] = int(session)
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    marked.add(int(session))
    return {number for number, session in sessions.items() if session in marked - {0, os.getsid(0)}}
