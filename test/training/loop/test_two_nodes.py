"""Training over two machines: two network namespaces that see each other by a cable alone."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import PATIENCE_S
from small_run import read_log, write_run

from pd_ros.detection.checkpoint import load_checkpoint

ADDRESSES = ("10.231.7.1", "10.231.7.2")


def ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


@pytest.fixture
def machines() -> Iterator[list[str]]:
    """Names of two namespaces with an interface ``cable`` each."""
    if shutil.which("ip") is None:
        pytest.skip("iproute2 is not installed")
    names = [f"pdros{os.getpid()}{letter}" for letter in "ab"]
    ends = [f"pd{os.getpid() % 100_000}{letter}" for letter in "ab"]
    try:
        for name in names:
            ip("netns", "add", name)
        ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for name, end, address in zip(names, ends, ADDRESSES, strict=True):
            ip("link", "set", end, "netns", name, "name", "cable")
            ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")
            for interface in ("lo", "cable"):
                ip("-n", name, "link", "set", interface, "up")
    except OSError as error:
        remove(names)
        pytest.skip(f"this machine makes no network namespaces: {error}")
    yield names
    remove(names)


def remove(names: list[str]) -> None:
    for name in names:
        subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


def test_two_processes_of_two_machines_train_one_network(machines, tmp_path) -> None:
    schedule = {"epochs": 1, "frames_per_epoch": 8, "batch_size": 2}
    config = write_run(tmp_path, schedule=schedule)
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "cable", "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            ["ip", "netns", "exec", name, sys.executable, "-m", "torch.distributed.run",
             "--nnodes", "2", "--node-rank", str(rank), "--nproc-per-node", "1",
             "--master-addr", ADDRESSES[0], "--master-port", "29511",
             "-m", "training.train", "--config", str(config)],
            cwd=Path(__file__).parents[3], env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        for rank, name in enumerate(machines)
    ]  # fmt: skip
    try:
        said = [process.communicate(timeout=PATIENCE_S)[0] for process in processes]
    finally:
        for process in processes:
            process.terminate()
            process.wait(PATIENCE_S)
    assert [process.returncode for process in processes] == [0, 0], said
    assert len(read_log(tmp_path)) == 1
    assert load_checkpoint(tmp_path / "out/model.safetensors").training["run"]
