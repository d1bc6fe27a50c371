"""What every command has: help with an example and all defaults, refusals, ends that are told."""

import argparse
import importlib
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import PATIENCE_S, ending, wait_until
from programs import programs
from small_model import save_eager_model
from small_recording import drive, write_clouds

from pd_ros.process.run_command import run_command
from pd_ros.process.stop_signals import Terminated

ROOT = Path(__file__).resolve().parents[2]
NODES = {"pd_ros.node", "pd_ros.comparison_node"}  # which have ROS's options


PROGRAMS = sorted(programs())
COMMANDS = [name for name in PROGRAMS if name not in NODES]
NEED_ROS = {"pd_ros.live_replay", "pd_ros.soak", "pd_ros.benchmark_delivery",
            "pd_ros.benchmark_overhead"}  # fmt: skip


@pytest.fixture(autouse=True)
def untouched_signals() -> Iterator[None]:
    """As a program finds them, and afterwards as they were."""
    untouched = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in untouched.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def main_of(program: str):
    if program in NEED_ROS:
        pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
        pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed")
    folder = ROOT / program.replace(".", "/")
    name = f"{program}.__main__" if (folder / "__main__.py").exists() else program
    return importlib.import_module(name).main


def commands_in(page: Path) -> set[str]:
    named = re.findall(r"-m ((?:pd_ros|training)\.[\w.]+)", page.read_text(encoding="utf-8"))
    return {name.rstrip(".") for name in named if name.islower()}  # not of pd_ros.NAME


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))],
    ids=lambda page: str(page.relative_to(ROOT)),
)  # fmt: skip
def test_what_a_page_runs_is_a_program(page) -> None:
    assert commands_in(page) <= set(PROGRAMS)


def test_the_page_of_commands_has_them_all_and_the_readme_the_most_used() -> None:
    assert commands_in(ROOT / "docs/commands.md") == set(PROGRAMS) - {"pd_ros"}  # which runs them
    assert len(commands_in(ROOT / "README.md")) > 5


@pytest.mark.parametrize("program", COMMANDS)
def test_help_has_an_example_and_every_default(program, capsys, monkeypatch) -> None:
    parsers = []
    original = argparse.ArgumentParser.parse_known_args

    def parse(parser, *arguments, **options):
        parsers.append(parser)
        return original(parser, *arguments, **options)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_known_args", parse)
    main = main_of(program)
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: python -m {program} ")
    assert re.search(rf"examples?:\s+python -m {re.escape(program)} ", text)
    verbs = [a for a in parsers[0]._actions if isinstance(a, argparse._SubParsersAction)]
    for parser in [*parsers, *(p for verb in verbs for p in verb.choices.values())]:
        check_options(parser)


def check_options(parser: argparse.ArgumentParser) -> None:
    assert f"python -m {parser.prog.removeprefix('python -m ')}" in (parser.epilog or "")
    for action in parser._actions:
        if action.help == argparse.SUPPRESS:
            continue
        assert action.help, f"{parser.prog}: {action.dest}"
        formatter = parser._get_formatter()
        formatter.add_argument(action)
        said = " ".join(formatter.format_help().split())
        nothing = action.default is None or action.default is False
        if not nothing and action.default not in ("", [], argparse.SUPPRESS):
            assert "default: " in said, f"{parser.prog}: {action.dest}"
        assert "None" not in said


@pytest.mark.parametrize("program", COMMANDS)
def test_an_unknown_option_is_refused(program, capsys) -> None:
    main = main_of(program)
    with pytest.raises(SystemExit) as end:
        main(["--does-not-exist"])
    assert end.value.code == 2
    assert f"usage: python -m {program} " in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["frames", "drive", "picture"])
def test_help_of_a_verb_has_an_example_and_the_defaults(verb, capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main_of("training.simulate")([verb, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert f"example: python -m training.simulate {verb} --out" in text
    assert "(default: hdl64e)" in text


# Prints how OpenMP's threads will wait at the moment when torch or ROS is to be imported.
AT_IMPORT = """
import os, runpy, sys
def tell():
    print(os.environ.get("OMP_WAIT_POLICY"), os.environ.get("GOMP_SPINCOUNT"), flush=True)
    os._exit(0)
class Moment:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "rclpy", "multiprocessing.spawn"):
            tell()
sys.meta_path.insert(0, Moment())
try:
    runpy.run_module(sys.argv[1], run_name="__main__", alter_sys=True)
finally:
    tell()
"""


def told(program: str, **given: str) -> str:
    own = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    rest = {key: value for key, value in os.environ.items() if key not in own}
    done = subprocess.run(
        [sys.executable, "-c", AT_IMPORT, program],
        env={**rest, **given}, capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.parametrize("program", PROGRAMS)
def test_waiting_threads_of_every_program_spin_briefly(program) -> None:
    assert told(program) == "None 3000"


@pytest.mark.parametrize("program", ["pd_ros.replay", "training.train", "pd_ros.node"])
def test_unless_the_environment_says_how_they_wait(program) -> None:
    assert told(program, OMP_WAIT_POLICY="ACTIVE") == "ACTIVE None"
    assert told(program, GOMP_SPINCOUNT="7") == "None 7"


def test_errors_of_the_user_are_one_line_and_others_are_not_hidden(capsys, caplog) -> None:
    def fail() -> None:
        raise FileNotFoundError(2, "No such file", "cloud.bin")

    assert run_command("pd_ros.some", fail) == 2
    assert capsys.readouterr().err == "pd_ros.some: [Errno 2] No such file: 'cloud.bin'\n"
    assert run_command("training.some", fail, logging.getLogger("training.some")) == 2
    assert "cloud.bin" in caplog.text
    with pytest.raises(KeyError):
        run_command("pd_ros.some", lambda: {}["bug"])


@pytest.mark.parametrize(
    ("result", "code", "printed"), [(None, 0, ""), ("done", 0, "done\n"), (1, 1, ""), (0, 0, "")]
)
def test_what_a_command_returns(result, code, printed, capsys) -> None:
    assert run_command("pd_ros.some", lambda: result) == code
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)
def test_a_command_that_is_stopped_tidies_up_and_says_so_by_its_code(number, code) -> None:
    tidied = []

    def work() -> None:
        try:
            os.kill(os.getpid(), number)
            raise AssertionError("it goes on")
        except KeyboardInterrupt:
            tidied.append(True)
            raise

    assert run_command("pd_ros.some", work) == code
    assert tidied == [True]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_signal_that_somebody_else_answers_is_left_to_him() -> None:
    seen = []
    signal.signal(signal.SIGTERM, lambda number, _frame: seen.append(number))
    assert run_command("pd_ros.some", lambda: os.kill(os.getpid(), signal.SIGTERM)) == 0
    assert seen == [signal.SIGTERM]
    assert issubclass(Terminated, KeyboardInterrupt)


STOPPED = """
import signal, sys
from pd_ros.process.run_command import run_command
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(run_command("some", lambda: exec("import os; os.kill(os.getpid(), signal.SIGINT)")))
"""


def test_ctrl_c_within_code_given_as_text_has_its_exit_code_too(tmp_path) -> None:
    (tmp_path / "some_program.py").write_text(STOPPED)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    command = [sys.executable, "-m", "some_program"]
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (130, b"")


def test_a_name_that_is_not_text_is_printed_all_the_same() -> None:
    code = (
        "from pd_ros.process.run_command import run_command; import sys;"
        r"sys.exit(run_command('pd_ros.some', lambda: 'a\udcff.bin'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert done.stdout == b"a\\udcff.bin\n"


# A shell's background job would have Ctrl-C ignored.
WITH_CTRL_C = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
program, *sys.argv[1:] = sys.argv[1:]
runpy.run_module(program, run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    ("number", "code", "jobs"),
    [(signal.SIGINT, 130, 2), (signal.SIGTERM, 143, 1), (signal.SIGTERM, 143, 2)],
)
def test_an_evaluation_that_is_stopped_leaves_nothing_behind(number, code, jobs, tmp_path) -> None:
    bags = [write_clouds(tmp_path / name, drive(1500)) for name in ("street", "lane")]
    views = tmp_path / "out/views"
    arguments = [*bags, "--model", save_eager_model(tmp_path), "--out", tmp_path / "out"]
    process = subprocess.Popen(
        [sys.executable, "-c", WITH_CTRL_C, "pd_ros.evaluate_recording", *map(str, arguments),
         "--jobs", str(jobs)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    with ending(process):
        begun = lambda: list(views.glob(".unfinished-*"))  # noqa: E731
        wait_until(begun, "a view that is being written", process)
        process.send_signal(number)
        log, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, log
    assert "Traceback" not in log
    assert list(views.iterdir()) == []
