"""The tables of nuScenes (its schema, v1.0), and where the vehicle was at each sample."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
Place = tuple[float, float, float]  # metres in the map's frame
_CHANNEL = "LIDAR_TOP"


class Tables:
    """Tables of one version, read when asked for and not kept: the largest have gigabytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rows(self, name: str) -> list[Row]:
        """All rows of a table; ``ValueError`` that names its file if there is none."""
        path = self.folder / f"{name}.json"
        try:
            rows: list[Row] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise ValueError(f"{path}: expected a table of nuScenes, got {error}; download it"
                             " again") from None  # fmt: skip
        return rows

    def find(self, rows: Mapping[str, Any], row: Row, key: str, table: str) -> Any:
        """Return what a row of a table refers to by one of its keys."""
        if row[key] not in rows:
            raise ValueError(
                f"{self.folder / table}.json: {key}: expected rows that are there, got"
                f" {row[key]!r} in row {row['token']}; download all tables of one version"
            )
        return rows[row[key]]

    def lidar_mounts(self) -> dict[str, Row]:
        """Rows of ``calibrated_sensor`` of the LiDAR by their tokens."""
        channels = {row["token"]: row["channel"] for row in self.rows("sensor")}
        return {
            row["token"]: row for row in self.rows("calibrated_sensor")
            if self.find(channels, row, "sensor_token", "calibrated_sensor") == _CHANNEL
        }  # fmt: skip


def vehicle_places(folder: Path) -> dict[str, Place]:
    """Where the vehicle was when the LiDAR took the cloud of each sample, by the sample's token.

    ``folder``: one version's tables, or the data set's folder with one version (v1.0-...) in it.
    Raises ``ValueError`` that names the table for what is missing or does not fit together.
    """
    tables = Tables(_version_folder(folder))
    try:
        mounts = tables.lidar_mounts()
        rows = [
            row for row in tables.rows("sample_data")
            if row["is_key_frame"] and row["calibrated_sensor_token"] in mounts
        ]  # fmt: skip
        poses = {row["token"]: row["translation"] for row in tables.rows("ego_pose")}
        return {
            row["sample_token"]: tables.find(poses, row, "ego_pose_token", "sample_data")
            for row in rows
        }
    except (KeyError, TypeError) as error:
        raise ValueError(f"{tables.folder}: expected tables of nuScenes' schema v1.0, one of them"
                         f" has other rows: {error}; download them again") from None  # fmt: skip


def _version_folder(path: Path) -> Path:
    folders = [path] if (path / "sample_data.json").is_file() else sorted(path.glob("v1.0-*/"))
    if len(folders) != 1:
        raise ValueError(
            f"{path}: expected a folder of nuScenes' tables (sample_data.json, ...), found"
            f" {', '.join(folder.name for folder in folders) or 'none'}; give that of one version"
        )
    return folders[0]
