"""The user's own clouds: evenly over all recordings, and without labels."""

import pytest
from small_recording import drive, write_clouds

from training.adapt.own_clouds import (
    Taken,
    open_recordings,
    refuse_other_sensor,
    write_own,
)
from training.config.run import SourceConfig
from training.datasets.source import open_source
from training.simulate.frames import simulate_frame, write_frame
from training.simulate.lidar.sensor_files import load_rig

AS_THEY_ARE = Taken(None, 1.0)


def test_they_are_read_as_sweeps_that_nobody_labelled(tmp_path) -> None:
    bag = write_clouds(tmp_path / "drive", drive(3))
    sources = open_recordings([bag], AS_THEY_ARE)
    assert write_own(tmp_path / "own", sources) == 3
    assert write_own(tmp_path / "own", sources) == 3
    frames = open_source(SourceConfig(path=str(tmp_path / "own"), labelled=False), ["car"])
    assert not frames[0].labelled and len(frames[0].points) > 0
    plain = open_source(SourceConfig(path=str(tmp_path / "own")), ["car"])
    assert not plain[0].labelled


@pytest.mark.parametrize("name", ["vlp16", "os1_32", "mid360"])
def test_a_recording_of_another_sensor_is_refused(tmp_path, name) -> None:
    """Simulated by an HDL-64E, and said to be of another one."""
    write_frame(tmp_path / "000000.npz", simulate_frame(4, load_rig("hdl64e")))
    sources = open_recordings([tmp_path], AS_THEY_ARE)
    refuse_other_sensor(sources, load_rig("hdl64e"))
    with pytest.raises(ValueError, match=r"found 6\d rings"):
        refuse_other_sensor(sources, load_rig(name))


def test_a_recording_that_is_none_is_refused_at_once(tmp_path) -> None:
    with pytest.raises(ValueError, match="found nothing"):
        open_recordings([tmp_path / "absent.mcap"], AS_THEY_ARE)
