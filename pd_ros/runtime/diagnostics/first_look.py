"""Warn of odd clouds that a command reads, once and by all commands alike."""

from collections.abc import Mapping
from itertools import islice

from pd_ros.pointcloud.decode import DecodeOptions
from pd_ros.pointcloud.z_offset import Z_OFFSET
from pd_ros.recordings.sources import Source
from pd_ros.runtime.diagnostics.cloud_inspection import ModelInput, beams_of, examine_cloud
from pd_ros.runtime.diagnostics.status import Level

_MOST_EMPTY = 50  # clouds without points at the beginning


def remarks_on(
    source: Source,
    model_inputs: Mapping[str, ModelInput],
    z_offsets_m: Mapping[str, float] | None = None,
) -> list[str]:
    """Findings about the first cloud with points, one line each, for each model by its name.

    ``z_offsets_m``: of a command that takes ``--z-offset``, what is added to z for each model.
    They are those of ``inspect_cloud`` and of the node's diagnostics. None where all is well, and
    of clouds that cannot be read, which whoever reads them says. Raises ``ValueError`` where the
    source itself cannot be read.
    """
    clouds = islice(source.raw_clouds(), _MOST_EMPTY)
    name, layout, data = next((cloud for cloud in clouds if cloud[1].points), (None, None, None))
    if name is None or layout is None or data is None:
        return []
    decoding, lines = DecodeOptions(scale=source.intensity_scale), list[str]()
    beams = beams_of(layout, data, decoding)
    offset_name = Z_OFFSET if z_offsets_m is None else "--z-offset"
    for model, model_input in model_inputs.items():
        offset_m = (z_offsets_m or {}).get(model, 0.0)
        for finding in examine_cloud(
            layout, data, model_input, decoding, offset_m, beams=beams, z_offset_name=offset_name
        ):
            if finding.advice and finding.level is not Level.ERROR:
                kind = "warning" if finding.level is Level.WARN else "note"
                lines.append(f"{kind}: {name}, for {model}: {finding.name}: {finding.text}")
    return lines
