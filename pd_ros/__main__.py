"""One program for all commands: ``python -m pd_ros COMMAND``.

Lists the commands by job, and runs one exactly as ``python -m MODULE`` would. Nothing of a command
is imported before it is called, so that the list and a misspelt name answer at once.
"""

import difflib
import runpy
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import NamedTuple

import pd_ros
from pd_ros.process.run_command import command_parser

_EXAMPLES = """examples:
  python -m pd_ros replay --model sim_student --points drive.mcap --out out
  python -m pd_ros replay --help
"""


class Command(NamedTuple):
    """A program, as ``python -m`` takes it, and what it does."""

    module: str
    does: str
    other_name: str = ""  # where another program's module has the same last part

    @property
    def name(self) -> str:
        """Return the word that follows ``pd_ros``."""
        return self.other_name or self.module.rpartition(".")[2]


class CommandGroup(NamedTuple):
    """Commands that serve one purpose, headed by it."""

    title: str
    commands: tuple[Command, ...]


# fmt: off
GROUPS = (
    CommandGroup("see what is in your data", (
        Command("pd_ros.inspect_cloud", "show a cloud's content, say why it gives no boxes"),
        Command("training.inspect_data", "show what a run trains on, and what is wrong"),
    )),
    CommandGroup("run live", (
        Command("pd_ros.node", "detect in live clouds: the ROS 2 lifecycle node"),
        Command("pd_ros.comparison_node", "compare a teacher with the live detector"),
    )),
    CommandGroup("replay recordings", (
        Command("pd_ros.replay", "detect in recordings or folders, without ROS"),
        Command("pd_ros.live_replay", "replay a recording to a node of its own, and score"),
        Command("pd_ros.live_bag", "play a recording to a detector that runs"),
    )),
    CommandGroup("score", (
        Command("pd_ros.evaluate", "score files by the KITTI, nuScenes or Waymo metric"),
        Command("pd_ros.evaluate_recording", "score detectors on recordings, write an HTML page"),
        Command("training.evaluate", "score a checkpoint on a labelled data set", "evaluate_data"),
    )),
    CommandGroup("train", (
        Command("training.simulate", "write simulated frames, drives and pictures"),
        Command("training.train", "train a detector, or distil it from a teacher"),
        Command("training.adapt", "make a student for your own LiDAR"),
        Command("training.import_checkpoint", "convert a checkpoint of OpenPCDet"),
        Command("pd_ros.quantise", "write a checkpoint in int8 for CPUs, calibrated on clouds"),
        Command("pd_ros.export", "write the dense part of a checkpoint as ONNX"),
    )),
    CommandGroup("compare", (
        Command("pd_ros.benchmark", "time detectors by stage beside published code"),
        Command("pd_ros.benchmark.nms", "time rotated NMS beside published code", "benchmark_nms"),
        Command("training.benchmark", "train and score distillation methods", "benchmark_methods"),
        Command("training.benchmark.jobs.score", "score a job of benchmark_methods", "score_job"),
        Command("pd_ros.jobs.overhead", "time handing jobs to a cluster", "benchmark_jobs"),
        Command("training.profile", "count parameters and operations, time, memory"),
        Command("training.step_benchmark", "time training steps and their data"),
    )),
    CommandGroup("check the node", (
        Command("pd_ros.soak", "soak-test the node with injected faults"),
        Command("pd_ros.benchmark_delivery", "time how clouds and boxes travel over ROS"),
        Command("pd_ros.benchmark_overhead", "time what the node adds to its network"),
    )),
    CommandGroup("check a computer", (
        Command("pd_ros.check_device", "check all that runs on a GPU beside the CPU"),
    )),
)
# fmt: on


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code, unless the command itself ends the program."""
    given = sys.argv[1:] if arguments is None else arguments
    name, *rest = given or ["--help"]
    if name.startswith("-"):
        return _answer(name, rest)
    command = next((each for each in commands() if each.name == name), None)
    if command is None:
        return _refuse(_unknown(name))
    if command.module.startswith("training.") and find_spec("training") is None:
        return _refuse(
            f"{name}: expected the package training, found none: it is not installed, and stays in"
            f" the checkout; run there: .venv/bin/python -m pd_ros {name}"
        )
    sys.argv[1:] = rest
    runpy.run_module(command.module, run_name="__main__", alter_sys=True)
    return 0


def commands() -> Iterator[Command]:
    """All commands, in the order of the list."""
    for group in GROUPS:
        yield from group.commands


def command_list() -> str:
    """All commands by job, a line each."""
    width = max(len(command.name) for command in commands())
    lines: list[str] = []
    for group in GROUPS:
        lines.append(f"{group.title}:")
        lines += [f"  {command.name:{width}}  {command.does}" for command in group.commands]
    return "\n".join(lines)


def _answer(option: str, rest: Sequence[str]) -> int:
    parser = command_parser(
        "pd_ros",
        "Detect 3D boxes in LiDAR clouds: run COMMAND, or show its own help by COMMAND --help.",
        f"{command_list()}\n\n{_EXAMPLES}",
    )
    parser.usage = "python -m pd_ros [-h] [--version] COMMAND [ARGUMENT ...]"
    version = f"pd_ros {pd_ros.__version__}"
    parser.add_argument("--version", action="version", version=version)
    parser.parse_args([option, *rest])
    return 0


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, [command.name for command in commands()], n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"expected a command, got '{name}'; {hint}python -m pd_ros --help lists them"


def _refuse(message: str) -> int:
    sys.stderr.write(f"pd_ros: {message}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
