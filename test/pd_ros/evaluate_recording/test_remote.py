"""Recordings and results at addresses: in fsspec's memory, and on a local server of S3's."""

import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from small_recording import STAMP, STEP_NS, a_car, drive, write_clouds

from pd_ros.evaluate_recording.__main__ import main
from pd_ros.recordings.remote import local_copy, location, stem

TRUTH = [(STAMP + i * STEP_NS, a_car()) for i in range(3)]


@pytest.fixture
def s3(monkeypatch) -> Iterator[str]:
    """An address of a bucket on moto's server."""
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    running = server.ThreadedMotoServer(port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    filesystem = fsspec.filesystem("s3", skip_instance_cache=True)
    filesystem.mkdir("drives")
    yield "s3://drives"
    running.stop()


@pytest.fixture
def memory() -> Iterator[str]:
    yield "memory://drives"
    fsspec.filesystem("memory").store.clear()


@pytest.mark.parametrize("kind", ["memory", "s3"])
def test_a_recording_is_read_and_the_report_written_elsewhere(
    kind, model_path, tmp_path, request, capsys
) -> None:
    address = request.getfixturevalue(kind)
    folder = write_clouds(tmp_path / "street", drive(), TRUTH)
    filesystem, path = fsspec.url_to_fs(address)
    filesystem.put(str(folder), f"{path}/street", recursive=True)
    arguments = [f"{address}/street", "--model", str(model_path), "--out", f"{address}/out"]
    assert main(arguments) == 0
    assert f"report: {address}/out/report.html" in capsys.readouterr().out
    report = json.loads(filesystem.cat_file(f"{path}/out/report.json"))
    assert report["recordings"] == {
        "street": {"path": f"{address}/street", "frames": 3, "frames_measured": 3}
    }
    assert filesystem.exists(f"{path}/out/views/street.mcap")


def test_what_is_not_there_is_said(memory, model_path, tmp_path, capsys) -> None:
    arguments = ["--model", str(model_path), "--out", str(tmp_path)]
    assert main([f"{memory}/none.mcap", *arguments]) == 2
    assert f"{memory}/none.mcap: expected a recording" in capsys.readouterr().err
    assert main(["nowhere://x/none.mcap", *arguments]) == 2
    assert "expected an address that fsspec can open" in capsys.readouterr().err


def test_results_of_a_cluster_need_a_folder(model_path, capsys) -> None:
    arguments = ["x.mcap", "--model", str(model_path), "--scheduler", "tcp://127.0.0.1:9"]
    assert main([*arguments, "--out", "memory://out"]) == 2
    assert "expected a folder that all workers" in capsys.readouterr().err


def test_paths_are_left_alone(tmp_path) -> None:
    assert location("a/b.mcap") == Path("a/b.mcap")
    assert stem(Path("a/b.mcap")) == "b"
    assert stem("s3://bucket/b.mcap") == stem("s3://bucket/b/") == "b"
    with local_copy(tmp_path) as same:
        assert same == tmp_path
