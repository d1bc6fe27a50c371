"""``from pd_ros.detection import Predictor``: the short way in; torch comes with it only."""

import subprocess
import sys

import pytest

import pd_ros.detection
from pd_ros.detection.predictor import Predictor


def test_the_predictor_is_there_by_its_short_name() -> None:
    assert pd_ros.detection.Predictor is Predictor
    assert "Predictor" in dir(pd_ros.detection)


def test_a_name_that_is_not_there_is_refused_as_everywhere() -> None:
    with pytest.raises(AttributeError, match=r"'pd_ros.detection' has no attribute 'Predicter'"):
        pd_ros.detection.Predicter  # noqa: B018
    with pytest.raises(ImportError, match="Predicter"):
        exec("from pd_ros.detection import Predicter")


def loaded_by(code: str) -> set[str]:
    text = f"import sys; {code}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_torch_is_imported_with_the_predictor_only() -> None:
    assert not {"torch", "numpy"} & loaded_by("import pd_ros.detection")
    assert "torch" not in loaded_by("import pd_ros.detection; dir(pd_ros.detection)")
    assert "torch" in loaded_by("from pd_ros.detection import Predictor")
