"""The page of an evaluation in which every name tries to be more than a name."""

import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from patience import PATIENCE_S, wait_until
from rosbags.rosbag2 import StoragePlugin, Writer
from small_model import SMALL_POINTS, small_config
from small_recording import STAMP, STEP_NS, STORE, a_car, drive

from pd_ros.detection.checkpoint import save_checkpoint
from pd_ros.detection.config.base import parse_config
from pd_ros.detection.config.point_rcnn import PointRcnnConfig
from pd_ros.detection.families import build_model
from pd_ros.evaluate_recording.__main__ import main
from pd_ros.process.foreign_load import Load
from pd_ros.recordings.bag import DETECTIONS, POINT_CLOUD
from pd_ros.recordings.detections import detection_array

RUN = "document.title=`ran`"


class Names(NamedTuple):
    """Of all that the page may name."""

    folder: str  # path of folders
    recording: str
    model: str
    classes: tuple[str, str]
    topic: str  # of the labels


HARMLESS = Names("data/old/set", "street", "student", ("car", "pedestrian"), "/boxes")
HOSTILE = Names(
    f"</title><script>{RUN}</script>",
    f"s'onload='{RUN}'--><svg onload={RUN}>{{{{ 7 * 7 }}}}$\\frac$",
    f"_m<img src=x onerror={RUN}>$x_$",
    (f'car"><script>{RUN};</script>', "<style>*{display:none}&lt;b&gt;"),
    f'/"onerror="{RUN}"><iframe srcdoc="<script>parent.{RUN}<!--',
)


def write_model(path: Path, classes: tuple[str, ...]) -> Path:
    config = small_config(classes=list(classes), decode={"score_threshold": 0.0})
    torch.manual_seed(0)
    save_checkpoint(path, build_model(config), config, {})
    return path


def write_recording(path: Path, topic: str, name: str) -> Path:
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        clouds = writer.add_connection("/points", POINT_CLOUD, typestore=STORE)
        boxes = writer.add_connection(topic, DETECTIONS, typestore=STORE)
        for number, message in enumerate(drive(2)):
            stamp = STAMP + number * STEP_NS
            writer.write(clouds, stamp, STORE.serialize_cdr(message, POINT_CLOUD))
            array = detection_array(STORE, stamp, a_car()._replace(names=(name,)), "lidar")
            writer.write(boxes, stamp, STORE.serialize_cdr(array, DETECTIONS))
    return path


def report_of(names: Names, folder: Path) -> Path:
    """The page that the command writes of things with these names, on cores that are idle.

    Elsewhere it has a paragraph more, or not, as the cores were busy just then.
    """
    data = folder / names.folder
    data.mkdir(parents=True)
    bag = write_recording(data / names.recording, names.topic, names.classes[0])
    model = write_model(data / f"{names.model}.safetensors", names.classes)
    out = folder / "out"
    arguments = [str(bag), "--model", str(model), "--out", str(out), "--labels", names.topic]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Load, "remark", lambda _: "")
        assert main([*arguments, "--score-threshold", "0.01"]) == 0
    return out / "report.html"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    return report_of(HOSTILE, tmp_path_factory.mktemp("hostile"))


class Structure(HTMLParser):
    """Elements with the names of their attributes, in their order, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, ...]] = []
        self.texts: list[str] = []
        self.values: dict[str, set[str | None]] = {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs) -> None:
        self.elements.append((tag, *(name for name, _ in attrs)))
        for name, value in attrs:
            self.values.setdefault(name, set()).add(value)

    def handle_decl(self, decl) -> None:
        self.elements.append(("!", decl))

    def handle_comment(self, data) -> None:
        self.elements.append(("!--", data))

    def handle_data(self, data) -> None:
        self.texts.append(data)


def test_no_name_becomes_an_element_or_an_attribute(hostile, tmp_path) -> None:
    found = Structure(hostile.read_text())
    assert found.elements == Structure(report_of(HARMLESS, tmp_path).read_text()).elements
    assert "script" not in {element[0] for element in found.elements}
    assert not any(name.startswith("on") for element in found.elements for name in element[1:])
    text = "\n".join(found.texts)
    for part in HOSTILE:
        for name in [part] if isinstance(part, str) else part:
            assert name in text  # as it is, to be read


def test_the_policy_lets_no_script_run_and_nothing_be_loaded(hostile) -> None:
    (policy,) = (v for v in Structure(hostile.read_text()).values["content"] if "-src" in v)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert rules.keys() == {"default-src", "img-src", "style-src", "base-uri", "form-action"}
    assert "unsafe" not in policy


BROWSER_PATIENCE_S = 60.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr",
    "--no-default-browser-check", "--disable-breakpad",
    "--disable-dev-shm-usage",  # a container has 64 MB of it
)  # fmt: skip


class Opened(NamedTuple):
    """What a browser made of a page."""

    elements: list[tuple[str, ...]]
    title: str
    complaints: list[str]  # about the page's policy


def dump(browser: str, path: Path, folder: Path, patience_s: float) -> tuple[int, str, str]:
    """Exit code of a browser that opened a page, the page's tree and what the browser logged.

    Not over pipes: its helpers may live on, and hold them.
    """
    command = [browser, *FLAGS, f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    page, log = folder / "dom.html", folder / "browser.log"
    with page.open("w") as out, log.open("w") as err:
        process = subprocess.Popen(
            [*command, path.as_uri()],
            stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
        )  # fmt: skip
        try:
            what = f"{browser} to show {path}"
            wait_until(lambda: process.poll() is not None, what, patience_s=patience_s)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE_S)
    return process.returncode, page.read_text(), log.read_text(errors="replace")


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> str:
    """A browser that shows an empty page here, as in some containers none does."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("chromium is not installed")
    folder = tmp_path_factory.mktemp("browser")
    path = folder / "empty.html"
    path.write_text("<p>seen</p>")
    with suppress(AssertionError):
        if "seen" in dump(found, path, folder, BROWSER_PATIENCE_S)[1]:
            return found
    pytest.skip("chromium is installed and shows no page on this machine")


def open_page(browser: str, path: Path, folder: Path) -> Opened:
    code, dom, said = dump(browser, path, folder, PATIENCE_S)
    assert code == 0, said
    title = unescape(dom.partition("<title>")[2].partition("</title>")[0])
    complaints = [line for line in said.splitlines() if "Content Security Policy" in line]
    return Opened(Structure(dom).elements, title, complaints)


def test_a_browser_runs_nothing_of_the_page_and_finds_nothing_that_it_forbids(
    browser, hostile, tmp_path
) -> None:
    opened = open_page(browser, hostile, tmp_path)
    assert opened.title == f"{HOSTILE.model} on 1 recording"
    assert opened.elements == Structure(hostile.read_text()).elements
    assert opened.complaints == []


@pytest.mark.parametrize("injected", [f"<script>{RUN}</script>", f"<img src=x onerror={RUN}>"])
def test_a_browser_would_not_run_a_script_either_that_came_into_the_page(
    injected, browser, hostile, tmp_path
) -> None:
    page = hostile.read_text().replace("<main>", f"<main>{injected}")
    path = tmp_path / "injected.html"
    path.write_text(page)
    assert open_page(browser, path, tmp_path).title != "ran"
    path.write_text(page.replace("Content-Security-Policy", "nothing"))
    assert open_page(browser, path, tmp_path).title == "ran"  # a browser that runs scripts, it is


def test_a_name_that_is_not_text_is_shown_all_the_same(tmp_path) -> None:
    names = HARMLESS._replace(recording=b"\xff\xfe".decode("utf-8", "surrogateescape"))
    assert r"\udcff\udcfe" in report_of(names, tmp_path).read_text()


@pytest.mark.parametrize("name", ["two\nlines", "bell\a", "", " ", "turned\u202e"])
def test_class_names_that_are_no_word_of_a_line_are_refused(name, tmp_path, capsys) -> None:
    message = "classes.1: a name (of printable characters on one line|has 1 to 100 characters)"
    good = small_config()
    content = {**good.model_dump(mode="json"), "classes": ["car", name]}
    with pytest.raises(ValueError, match=message):
        parse_config(content, type(good), "network.yaml")
    with pytest.raises(ValueError, match=message):
        parse_config({**SMALL_POINTS, "classes": ["car", name]}, PointRcnnConfig, "network.yaml")
    path = tmp_path / "bad.safetensors"
    bad = good.model_copy(update={"classes": ("car", name)})
    save_checkpoint(path, build_model(good), bad, {})
    assert main(["/no/bag", "--model", str(path), "--out", str(tmp_path)]) == 2
    assert re.search(message, capsys.readouterr().err)
