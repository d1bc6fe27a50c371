"""Animate a drive: one frame for each cloud, seen from above, as an animated WebP.

Frames are drawn as the clouds come and kept compressed in a file, so that memory does not grow
with the drive.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from PIL import Image
from PIL.TiffImagePlugin import AppendingTiffWriter

from pd_ros.evaluation.plots.birdseye import draw_contents, draw_surroundings, legend_handles
from pd_ros.evaluation.plots.displayable import undecorated
from pd_ros.evaluation.plots.figure import new_figure
from pd_ros.evaluation.plots.layers import BirdseyePanel, Layer, box_layers, headline

MOST_FRAMES = 200
MOST_BYTES = 2_000_000
_SIDE_INCHES = 6.4  # of 100 pixels
_SCALE = 0.7
_FRAME_MS = 100
_KEY_FRAMES = 50  # at least so far apart: others hold only what changes
# The second is tried where the first exceeds MOST_BYTES, and so on.
_QUALITIES = (10, 5, 2)


class DriveAnimation:
    """Draws frames into a file beside ``path``, and writes ``path`` from them at the end.

    A context manager: nothing is written where an error leaves it, or where no frame was added.
    ``range_m``: how far to show, ahead, behind and to the sides.
    """

    def __init__(self, path: Path, range_m: float, title: str) -> None:
        """Refuse with ``ValueError`` a name that does not end in ``.webp``."""
        if path.suffix != ".webp":
            raise ValueError(f"{path}: expected a name that ends in .webp for an animation")
        self.path, self._range_m = path, range_m
        self.frames = 0
        self._drawn: list[Any] = []  # of the last frame
        self._names = list[str]()  # in the legend
        self._figure = new_figure(_SIDE_INCHES, _SIDE_INCHES)
        self._figure.set_layout_engine("none")
        self._axes = self._figure.add_axes((0.005, 0.035, 0.99, 0.875))
        draw_surroundings(self._axes, range_m, _SCALE)
        self._axes.set_xlabel(undecorated(title), fontsize=8, color="#4b5563")

    def __enter__(self) -> Self:
        """Open the file of frames."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._folder = TemporaryDirectory(prefix=".frames_", dir=self.path.parent)
        self._kept = Path(self._folder.name) / "frames.tif"
        self._writer = AppendingTiffWriter(self._kept, new=True)
        return self

    def __exit__(
        self,
        error: type[BaseException] | None,
        _value: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Write the animation, and remove the file of frames."""
        with self._folder:
            self._writer.close()
            if error is None and self.frames:
                self._encode()

    def add(self, panel: BirdseyePanel) -> None:
        """Draw one more frame; those after ``MOST_FRAMES`` are left out."""
        if self.frames == MOST_FRAMES:
            return
        for artist in self._drawn:
            artist.remove()
        self._drawn = self._draw(panel)
        canvas: Any = self._figure.canvas
        canvas.draw()
        width, height = canvas.get_width_height()
        picture = Image.frombuffer("RGBA", (width, height), canvas.buffer_rgba())
        picture.convert("RGB").save(self._writer, format="TIFF", compression="tiff_deflate")
        self._writer.newFrame()
        self.frames += 1

    def _draw(self, panel: BirdseyePanel) -> list[Any]:
        layers = box_layers(panel)
        self._draw_legend(layers)
        said = self._figure.text(
            0.5, 0.955, undecorated(headline(layers)), fontsize=15, fontweight="bold", ha="center"
        )
        drawn = draw_contents(self._axes, panel.points, layers, self._range_m, _SCALE)
        return [said, *drawn]

    def _draw_legend(self, layers: Sequence[Layer]) -> None:
        """Draw the names of the groups, unless they stand there."""
        names = [layer.name for layer in layers]
        if names != self._names:
            self._names = names
            for old in self._figure.legends:
                old.remove()
            self._figure.legend(
                handles=legend_handles(layers, counts=False), loc="upper center", fontsize=9,
                bbox_to_anchor=(0.5, 0.955), ncols=len(layers), frameon=False,
            )  # fmt: skip

    def _encode(self) -> None:
        """Write the frames in the best quality that stays below ``MOST_BYTES``."""
        unfinished = self._kept.with_suffix(".webp")
        for quality in _QUALITIES:
            with Image.open(self._kept) as frames:
                frames.save(
                    unfinished, save_all=True, duration=_FRAME_MS, quality=quality, method=2,
                    kmin=_KEY_FRAMES, kmax=2 * _KEY_FRAMES,
                )  # fmt: skip
            if unfinished.stat().st_size <= MOST_BYTES:
                break
        unfinished.replace(self.path)
