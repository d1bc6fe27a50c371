"""Minutes of clouds of changing size, with faults among them, and what they do to the node.

python -m pd_ros.soak --minutes 20 --rate 20
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import rclpy
from tqdm import tqdm

from pd_ros.process.memory import keep_freed_memory, resident_kb
from pd_ros.process.run_command import command_parser, run_command
from pd_ros.ros.detector_node import DEFAULT_CHECKPOINT
from pd_ros.ros.execution.timers import spinning
from pd_ros.ros.fastdds import free_ports, use_shared_memory_profile
from pd_ros.ros.soak.client import SoakClient
from pd_ros.ros.soak.report import SoakReport, SoakSample, report_soak
from pd_ros.ros.tools.node_process import node_process, wait_until

_START_S, _ANSWER_S = 120.0, 10.0
_SAMPLE_S = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code: 1 where a limit was broken."""
    options = _parse(arguments)
    keep_freed_memory()
    return run_command("pd_ros.soak", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    report = _soak(options)
    broken = report.broken(options.max_growth, options.max_drift)
    if options.json:
        content = {**report._asdict(), "broken": broken}
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(report.text() + "\n")
    sys.stdout.writelines(f"BROKEN: {text}\n" for text in broken)
    return 1 if broken else 0


def _soak(options: argparse.Namespace) -> SoakReport:
    use_shared_memory_profile()
    free_ports("soak")
    namespace = f"/soak_{os.getpid()}"
    rclpy.init(args=[])
    try:
        client = SoakClient(namespace, options.seed, options.points, options.faults)
        arguments = ["-p", f"model.checkpoint:={options.model}", "--log-level", "fatal"]
        with spinning(client), node_process(namespace, arguments) as process:
            wait_until(client.is_heard, process, _START_S)
            samples = _play(client, process, options)
            client.wait_for_counts(_ANSWER_S)
        minutes = options.minutes
        return report_soak(samples, client.result(), 60 * minutes, client.requests())
    finally:
        rclpy.try_shutdown()


def _play(
    client: SoakClient, process: "subprocess.Popen[bytes]", options: argparse.Namespace
) -> list[SoakSample]:
    """Send at the rate that is asked for, and look at the node once a second."""
    samples: list[SoakSample] = []
    began_s, count = time.monotonic(), round(60 * options.minutes * options.rate)
    for number in tqdm(range(count), desc="soak", unit="cloud"):
        time.sleep(max(0.0, began_s + number / options.rate - time.monotonic()))
        if process.poll() is not None:
            raise ValueError(f"node: ended with exit code {process.returncode}; see its log above")
        client.send_next()
        at_s = time.monotonic() - began_s
        if not samples or at_s - samples[-1].at_s >= _SAMPLE_S:
            memory_kb, load = resident_kb(str(process.pid)), os.getloadavg()[0]
            samples.append(SoakSample(at_s, memory_kb, client.take_latencies(), load))
    return samples


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser(
        "pd_ros.soak",
        "Send clouds of changing size with random faults to the real node, and report"
        " memory growth, lost answers and drift of latency; exit code 1 where a limit is broken.",
        "example: python -m pd_ros.soak --minutes 20 --rate 20 --json soak.json",
    )
    add = parser.add_argument
    add("--minutes", type=float, default=20.0, help="how long clouds are sent")
    add("--rate", type=float, default=20.0, help="clouds a second")
    add("--points", type=int, default=120_000, help="most in one cloud")
    add(
        "--faults",
        type=float,
        default=0.1,
        help="share of the clouds that are faulty, or come with a request to be refused",
    )
    add(
        "--model", type=Path, default=DEFAULT_CHECKPOINT,
        help="checkpoint (.safetensors); default: the shipped student",
    )  # fmt: skip
    add("--max-growth", type=float, default=0.01, help="of the node's memory after warm-up")
    add("--max-drift", type=float, default=0.5, help="of the median latency after warm-up")
    add("--seed", type=int, default=0, help="of clouds and faults")
    add("--json", type=Path, metavar="FILE", help="write the report here as well")
    return parser.parse_args(arguments)
