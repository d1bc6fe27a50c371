"""A dense part in int8: made by NNCF, kept in a checkpoint, run by OpenVINO; what is refused."""

import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small_model import (
    save_eager_model,
    small_anchor_config,
    small_config,
    small_point_config,
    small_voxel_config,
)

from pd_ros.commands import quantise
from pd_ros.detection.bev.quantised import (
    KEY,
    QuantisationRecord,
    QuantisedDense,
    dense_sha256,
)
from pd_ros.detection.checkpoint import (
    Checkpoint,
    add_quantised,
    add_to_record,
    load_checkpoint,
)
from pd_ros.detection.families import build_model
from pd_ros.detection.inference.openvino import quantise as with_nncf
from pd_ros.detection.inference.openvino.convert import convert, to_bytes
from pd_ros.detection.inference.openvino.quantise import LEAST_CLOUDS, quantise_dense
from pd_ros.detection.predictor import Predictor

CPU = torch.device("cpu")
NO_OPENVINO = "openvino is optional: requirements/openvino.txt"
NO_NNCF = "nncf is optional: requirements/nncf.txt"


@pytest.fixture
def openvino(tmp_path, monkeypatch):
    """OpenVINO, with a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return pytest.importorskip("openvino", reason=NO_OPENVINO)


@pytest.fixture
def nncf(openvino):
    return pytest.importorskip("nncf", reason=NO_NNCF)


def cloud(seed: int, points: int = 300) -> np.ndarray:
    """Points in the range of the small network."""
    rng = np.random.default_rng(seed)
    return rng.uniform((-8, -8, -3, 0), (8, 8, 1, 1), (points, 4)).astype(np.float32)


def float_part(checkpoint: Checkpoint, **changes) -> QuantisedDense:
    """A part as it would be in int8, but of floats: OpenVINO alone makes it."""
    canvas = torch.zeros(1, *checkpoint.config.canvas_shape)
    network, weights = to_bytes(convert(checkpoint.model.dense, canvas))
    record = {
        "source": "small", "dense_sha256": dense_sha256(checkpoint.model.dense),
        "clouds": "drive", "cloud_count": 12, "openvino": "1.2.3", "nncf": "4.5.6",
    }  # fmt: skip
    return QuantisedDense(network, weights, QuantisationRecord(**record | changes), "small")


@pytest.fixture
def part_file(openvino, tmp_path):
    """A checkpoint with a part beside its weights."""
    source = save_eager_model(tmp_path)
    car = {"threshold": 0.42, "precision": 0.9, "recall": 0.8, "ghosts_per_frame": 0.1}
    point = {"data": "here", "classes": {"car": car}}
    add_to_record(source, {"operating_point": point, "seed": 7})
    out = tmp_path / "with_part.safetensors"
    add_quantised(source, out, float_part(load_checkpoint(source)))
    return source, out


def metadata_of(path):
    with safe_open(path, framework="pt") as file:
        return file.metadata()


def run_on_both(source, out, precision=torch.float32):
    """Scores and boxes of three clouds by the floats and by the part."""
    floats, part = (Predictor(load_checkpoint(path), CPU, precision) for path in (source, out))
    return [(floats(cloud(seed)), part(cloud(seed))) for seed in (100, 101, 102)]


def test_the_part_runs_in_place_of_the_floats_and_all_else_is_kept(part_file) -> None:
    source, out = part_file
    before, after = load_checkpoint(source), load_checkpoint(out)
    assert after.training == before.training and after.training["seed"] == 7
    assert after.config == before.config and after.thresholds() == (0.42, 0.3)
    assert after.int8 is not None and after.int8.record.cloud_count == 12
    for name, values in after.model.state_dict().items():
        assert torch.equal(values, before.model.state_dict()[name]), name
    for expected, found in run_on_both(source, out):
        assert len(expected.boxes)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_it_is_the_part_that_answers(openvino, tmp_path) -> None:
    source, out = save_eager_model(tmp_path), tmp_path / "other.safetensors"
    checkpoint = load_checkpoint(source)
    digest = dense_sha256(checkpoint.model.dense)
    with torch.no_grad():
        checkpoint.model.dense.head.heatmap[-1].bias.sub_(50)  # a network that finds nothing
    add_quantised(source, out, float_part(checkpoint, dense_sha256=digest))
    for expected, found in run_on_both(source, out):
        assert len(expected.boxes) and not len(found.boxes)


def test_reports_name_the_arithmetic(part_file) -> None:
    source, out = part_file
    named = [Predictor(load_checkpoint(path), CPU, torch.bfloat16) for path in (source, out)]
    assert [each.arithmetic for each in named] == ["bfloat16", "int8, else bfloat16"]


def test_a_record_that_is_added_to_leaves_the_part(part_file) -> None:
    _, out = part_file
    before = load_checkpoint(out)
    add_to_record(out, {"seed": 8})
    after = load_checkpoint(out)
    assert after.int8 == before.int8 and after.training["seed"] == 8


def test_older_versions_of_pd_ros_are_told_to_be_updated(part_file) -> None:
    source, out = part_file
    assert [metadata_of(path)["version"] for path in (source, out)] == ["1", "2"]


@given(st.binary(min_size=1, max_size=50), st.binary(min_size=1, max_size=50))
def test_bytes_come_back_from_tensors(network, weights) -> None:
    tensors = QuantisedDense(network, weights, None, "").tensors()  # type: ignore[arg-type]
    assert [values.numpy().tobytes() for values in tensors.values()] == [network, weights]


def rewrite(path, tensors=None, **metadata):
    """The same file with other tensors or metadata."""
    save_file({**load_file(path), **(tensors or {})}, path, {**metadata_of(path), **metadata})


def test_a_part_of_other_weights_is_refused(part_file) -> None:
    _, out = part_file
    bias = load_file(out)["dense.head.heatmap.3.bias"]
    rewrite(out, {"dense.head.heatmap.3.bias": bias + 1})
    with pytest.raises(ValueError, match="int8 was made of other weights than those of the same"):
        load_checkpoint(out)


@pytest.mark.parametrize("text", ["", "{}", '{"source": 1}', "[" * 9999], ids=len)
def test_a_damaged_record_is_refused(part_file, text) -> None:
    _, out = part_file
    rewrite(out, **{KEY: text})
    with pytest.raises(ValueError, match=r"with_part\.safetensors"):
        load_checkpoint(out)


def test_a_part_without_a_record_is_none_of_the_weights(part_file) -> None:
    _, out = part_file
    metadata = {key: text for key, text in metadata_of(out).items() if key != KEY}
    save_file(load_file(out), out, metadata)
    with pytest.raises(ValueError, match=r"unknown \['int8.network', 'int8.weights'\]"):
        load_checkpoint(out)


def test_a_part_that_openvino_cannot_read_names_both_versions(part_file, openvino) -> None:
    _, out = part_file
    rewrite(out, {"int8.network": torch.zeros(30, dtype=torch.uint8)})
    with pytest.raises(ValueError, match=r"written by OpenVINO 1\.2\.3, cannot be read by Open"):
        Predictor(load_checkpoint(out), CPU, torch.float32)


def test_a_part_of_another_canvas_is_refused(openvino, tmp_path) -> None:
    source, out = save_eager_model(tmp_path), tmp_path / "other.safetensors"
    small = load_checkpoint(source)
    grid = {"range_m": [-8, -8, -3, 8, 24, 1], "pillar_size_m": [1, 1]}
    large = Checkpoint(small.model, small_config(grid=grid), {})
    add_quantised(source, out, float_part(large))
    with pytest.raises(ValueError, match=r"canvas \(1, 8, 16, 16\), got one of \(1, 8, 32, 16\)"):
        Predictor(load_checkpoint(out), CPU, torch.float32)


@pytest.mark.parametrize(("device", "backend"), [("cpu", "cuda_graph"), ("cuda:0", "torch")])
def test_the_part_runs_by_openvino_on_a_cpu_alone(part_file, device, backend, monkeypatch) -> None:
    checkpoint = load_checkpoint(part_file[1])
    monkeypatch.setattr(checkpoint.model, "to", lambda *_: checkpoint.model)
    with pytest.raises(ValueError, match=r"runs by OpenVINO on a CPU.*set device to cpu"):
        Predictor(checkpoint, torch.device(device), torch.float32, backend)


# The second of all layers, and of a head of centres five branches, of one of anchors three.
@pytest.mark.parametrize(("make_config", "count"), [(small_config, 6), (small_anchor_config, 4)])
def test_the_layers_that_keep_floats(openvino, make_config, count) -> None:
    config = make_config()
    model = convert(build_model(config).dense.eval(), torch.zeros(1, *config.canvas_shape))
    names = with_nncf._float_layers(model)
    assert len(set(names)) == len(names) == count
    layers = {node.get_friendly_name(): node for node in model.get_ordered_ops()}
    outputs = sum(layers[name].output(0).partial_shape[1].get_length() for name in names)
    maps = sum(output.partial_shape[1].get_length() for output in model.outputs)
    assert outputs == 8 + maps


def test_what_is_not_installed_is_named(openvino, monkeypatch, tmp_path) -> None:
    monkeypatch.setitem(sys.modules, "nncf", None)
    checkpoint = load_checkpoint(save_eager_model(tmp_path))
    with pytest.raises(ValueError, match=r"install packaging/requirements/nncf\.txt"):
        quantise_dense(checkpoint, [], "nothing")


def test_a_network_without_a_dense_part_is_refused() -> None:
    config = small_point_config()
    with pytest.raises(ValueError, match="expected a BEV detector, got a detector on raw points"):
        quantise_dense(Checkpoint(build_model(config), config, {}), [], "nothing")


def test_what_is_quantised_is_not_quantised_again(part_file) -> None:
    with pytest.raises(ValueError, match=r"that it was made of \(small\)"):
        quantise_dense(load_checkpoint(part_file[1]), [], "nothing")


def test_too_few_clouds_are_refused(nncf, tmp_path) -> None:
    checkpoint = load_checkpoint(save_eager_model(tmp_path))
    far = [cloud(seed) + 100 for seed in range(LEAST_CLOUDS)]
    with pytest.raises(ValueError, match=r"drive: expected at least 10 clouds .*, got 9"):
        quantise_dense(checkpoint, [*far, *map(cloud, range(LEAST_CLOUDS - 1))], "drive")


def test_the_command_writes_what_finds_nearly_the_same(nncf, tmp_path, capsys) -> None:
    source, out = save_eager_model(tmp_path), tmp_path / "int8.safetensors"
    folder = tmp_path / "clouds"
    folder.mkdir()
    for seed in range(24):
        cloud(seed).tofile(folder / f"{seed:06}.bin")
    arguments = ["--model", str(source), "--points", str(folder), "--out", str(out)]
    assert quantise.main([*arguments, "--clouds", "12"]) == 0
    assert "calibrated on 12 clouds" in capsys.readouterr().out
    part = load_checkpoint(out).int8
    assert part is not None and b"FakeQuantize" in part.network
    assert part.record.clouds == str(folder) and part.record.nncf == nncf.__version__
    for expected, found in run_on_both(source, out):
        assert len(found.boxes) and len(expected.boxes)
        assert abs(found.scores.max() - expected.scores.max()) < 0.05
        nearest = torch.cdist(found.boxes[:5, :3], expected.boxes[:, :3]).amin(1)
        assert nearest.max() < 0.3


def test_voxels_are_quantised_too(nncf) -> None:
    pytest.importorskip("spconv", reason="spconv is optional: requirements/spconv_cpu.txt")
    config = small_voxel_config(residual=True)
    torch.manual_seed(0)
    checkpoint = Checkpoint(build_model(config).eval(), config, {})
    part = quantise_dense(checkpoint, map(cloud, range(LEAST_CLOUDS)), "drive")
    assert b"FakeQuantize" in part.network and part.record.cloud_count == LEAST_CLOUDS


def test_a_yaml_is_quantised_for_its_speed(nncf, tmp_path) -> None:
    yaml, out = tmp_path / "small.yaml", tmp_path / "small.safetensors"
    yaml.write_text(small_config().model_dump_json())
    folder = tmp_path / "clouds"
    folder.mkdir()
    for seed in range(LEAST_CLOUDS):
        cloud(seed).tofile(folder / f"{seed:06}.bin")
    arguments = ["--model", str(yaml), "--points", str(folder), "--out", str(out)]
    assert quantise.main(arguments) == 0
    assert load_checkpoint(out).int8 is not None and not load_checkpoint(out).training


def test_few_clouds_that_are_asked_for_are_refused(tmp_path, capsys) -> None:
    arguments = ["--model", "sim_student", "--points", str(tmp_path), "--out", "x.safetensors"]
    assert quantise.main([*arguments, "--clouds", "3"]) == 2
    assert "--clouds: expected at least 10, got 3" in capsys.readouterr().err
