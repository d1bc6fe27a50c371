"""A street that bends and ground that is not flat, in street coordinates.

``s`` runs along the main street, ``t`` to its left. The street bends: a place (s, t) lies at
x = s, y = t + bend(s). From the middle outwards come the lanes, a strip for parking (maybe 0 m
wide), the kerb, the pavement or a verge, and the land beside, which may lie higher or lower behind
a bank. Side streets cross at right angles.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.simulate.bodies.mesh import Float64, Material, Mesh

_KERB_M = 0.12
_VERGE_M = 0.06  # half the width of the kerb's slope
_NEAR_M = 24.0
_FAR_M = 92.0
_MARKING_M = 0.08  # half the width of the line in the middle
BANK_M = (0.5, 3.0)  # where banks begin and end, from the outer edge of the pavement
_BANK_FADES_M = 4.0  # towards side streets


@dataclass(frozen=True)
class Terrain:
    """Where the street runs and how high the ground is; metres."""

    half_width_m: float  # of the lanes
    strip_m: tuple[float, float]  # width of the parking strip on the right, on the left
    pavement_m: float
    crossings_s: tuple[float, ...]  # where side streets cross, at least one
    crossing_half_width_m: float
    bend_m: float
    bend_length_m: float
    waves: Float64  # [K, 4] amplitude, wave numbers along s and t, phase
    slope: float
    land: Material  # beside the pavements: gardens, or yards and squares
    verge: Material = Material.PAVEMENT  # between kerb and land
    bank_m: tuple[float, float] = (0.0, 0.0)  # how much higher the land is, right and left

    def kerb_m(self, side: float) -> float:
        """Distance of the kerb from the middle, on the right (-1) or on the left (1)."""
        return self.half_width_m + self.strip_m[int(side > 0)]

    def bend(self, s: Float64) -> Float64:
        """Sideways shift of the street at ``s``."""
        return self.bend_m * np.sin(2 * np.pi * s / self.bend_length_m)

    def heading(self, s: Float64) -> Float64:
        """Direction of the street at ``s``, radians from +x."""
        wave = 2 * np.pi / self.bend_length_m
        return np.arctan(self.bend_m * wave * np.cos(wave * s))

    def from_side_street(self, s: Float64) -> Float64:
        """Distance along the street from the edge of the nearest side street; negative on it."""
        gaps = [np.abs(s - crossing) for crossing in self.crossings_s]
        nearest: Float64 = np.minimum.reduce(gaps)
        return nearest - self.crossing_half_width_m

    def height(self, s: Float64, t: Float64) -> Float64:
        """Height of the ground: hills, the road's crown, kerbs, banks."""
        hills = self.slope * s
        for amplitude, along, across, phase in self.waves:
            hills = hills + amplitude * np.sin(along * s + across * t + phase)
        crown = -0.02 * np.minimum(np.abs(t), self.half_width_m)
        off_road = np.clip(self._from_road(s, t) / _VERGE_M, -1, 1) / 2 + 0.5
        return hills + crown + _KERB_M * off_road + self._bank(s, t)

    def mesh(self, s: float, t: float) -> Mesh:
        """Ground around a place, finer near it, with grid lines along the kerbs."""
        s_lines, t_lines = _lines(s, self._kerbs_s()), _lines(t, self._lines_t())
        grid_s, grid_t = np.meshgrid(s_lines, t_lines, indexing="ij")
        z = self.height(grid_s, grid_t)
        corners = np.stack((grid_s, grid_t + self.bend(grid_s), z), axis=2)
        a, b = corners[:-1, :-1], corners[1:, :-1]
        c, d = corners[1:, 1:], corners[:-1, 1:]
        cells = np.stack((np.stack((a, b, c), axis=2), np.stack((a, c, d), axis=2)), axis=2)
        middle_s = (grid_s[:-1, :-1] + grid_s[1:, 1:]) / 2
        middle_t = (grid_t[:-1, :-1] + grid_t[1:, 1:]) / 2
        material = self._material(middle_s, middle_t)
        return Mesh(cells.reshape(-1, 3, 3), np.repeat(material.ravel(), 2))

    def _bank(self, s: Float64, t: Float64) -> Float64:
        """How much higher the land is than the road: banks rise evenly, side streets cut them."""
        if self.bank_m == (0.0, 0.0):
            return np.zeros(np.broadcast_shapes(s.shape, t.shape))
        height = np.where(t > 0, self.bank_m[1], self.bank_m[0])
        kerb = np.where(t > 0, self.kerb_m(1), self.kerb_m(-1))
        beyond = np.abs(t) - kerb - self.pavement_m
        rise = np.clip((beyond - BANK_M[0]) / (BANK_M[1] - BANK_M[0]), 0, 1)
        fade = np.clip(self.from_side_street(s) / _BANK_FADES_M - 0.5, 0, 1)
        return height * rise * fade

    def _from_road(self, s: Float64, t: Float64) -> Float64:
        """Distance from the kerb, negative on a roadway."""
        kerb = np.where(t > 0, self.kerb_m(1), self.kerb_m(-1))
        beyond: Float64 = np.minimum(np.abs(t) - kerb, self.from_side_street(s))
        return beyond

    def _kerbs_s(self) -> list[float]:
        edges = [c + k * self.crossing_half_width_m for c in self.crossings_s for k in (-1, 1)]
        return [edge + verge for edge in edges for verge in (-_VERGE_M, _VERGE_M)]

    def _lines_t(self) -> list[float]:
        kerbs = [side * self.kerb_m(side) + v for side in (-1, 1) for v in (-_VERGE_M, _VERGE_M)]
        edges = [self.kerb_m(side) + self.pavement_m for side in (-1, 1)]
        banks = [
            side * (edge + beyond)
            for side, edge in zip((-1, 1), edges, strict=True)
            for beyond in (0.0, *BANK_M)
        ]
        return [*kerbs, -_MARKING_M, _MARKING_M, *banks]

    def _material(self, s: Float64, t: Float64) -> NDArray[np.int64]:
        beside = self._from_road(s, t)
        dashed = (np.abs(t) < _MARKING_M) & (np.mod(s, 9) < 4) & (self.from_side_street(s) > 2)
        return np.select(
            [dashed, beside <= 0, beside < self.pavement_m],
            [Material.MARKING, Material.ROAD, self.verge],
            self.land,
        )


def make_terrain(rng: Generator, start_m: float, end_m: float) -> Terrain:
    """A street at random: lanes, parking strips, side streets, bend, hills."""
    crossings = [float(start_m + rng.uniform(0, 110))]
    while crossings[-1] < end_m:
        crossings.append(crossings[-1] + float(rng.uniform(70, 160)))
    bends = rng.random() < 0.5
    return Terrain(
        half_width_m=float(rng.choice([2.5, 2.9, 3.3, 3.8, 5.0, 7.0])),
        strip_m=(_strip(rng), _strip(rng)),
        pavement_m=float(rng.uniform(0.4, 1.5) if rng.random() < 0.2 else rng.uniform(1.5, 4.0)),
        crossings_s=tuple(crossings),
        crossing_half_width_m=float(rng.choice([2.8, 3.3, 5.0])),
        bend_m=float(rng.uniform(2, 11)) if bends else 0.0,
        bend_length_m=float(rng.uniform(190, 330)),
        waves=_hills(rng),
        slope=float(rng.normal(0, 0.008)),
        land=Material.GRASS if rng.random() < 0.65 else Material.PAVEMENT,
        verge=Material.GRASS if rng.random() < 0.25 else Material.PAVEMENT,
        bank_m=(_bank(rng), _bank(rng)),
    )


def _strip(rng: Generator) -> float:
    """No parking, parallel to the kerb, or across."""
    return float(rng.choice([0.0, 2.2, 5.2], p=[0.5, 0.35, 0.15]))


def _bank(rng: Generator) -> float:
    """Level land for most, else an embankment up or a slope down."""
    return float(rng.uniform(-1.5, 2.5)) if rng.random() < 0.35 else 0.0


def _hills(rng: Generator) -> Float64:
    length = rng.uniform([60, 60, 25, 9], [160, 160, 60, 20])
    amplitude = rng.uniform(0, [0.5, 0.5, 0.12, 0.035])
    direction = rng.uniform(0, 2 * np.pi, 4)
    phase = rng.uniform(0, 2 * np.pi, 4)
    wave = 2 * np.pi / length
    return np.stack((amplitude, wave * np.cos(direction), wave * np.sin(direction), phase), axis=1)


def _lines(centre: float, extra: list[float]) -> Float64:
    near = np.arange(-_NEAR_M, _NEAR_M, 1.5)
    far = np.arange(_NEAR_M, _FAR_M + 4, 4.0)
    # On a fixed raster, so that the ground does not change shape as the vehicle rolls over it.
    raster = np.round(centre / 12) * 12
    lines = raster + np.concatenate((-far[::-1], near, far))
    inside = [line for line in extra if abs(line - centre) < _FAR_M]
    return np.unique(np.concatenate((lines, inside)))
