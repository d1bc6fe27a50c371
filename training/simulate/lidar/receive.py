"""Model the receiver of a LiDAR: from the surfaces that its pulses meet to returns.

Chosen to look like a Velodyne HDL-64E on a vehicle, from which others differ by how far they see
dark surfaces and by a factor on all intensities: its intensity is corrected for distance and
angle until the pulse is faint, so roads keep their brightness up to some 25 m and then fade to
zero; the paint of cars mirrors most of a pulse away and is reported with intensity zero. Its beams
differ in gain, streets in the brightness of their surfaces (``Look``). Leaves and grass answer at
scattered depths.
"""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.simulate.bodies.mesh import Float64, Material
from training.simulate.lidar.cast import Hits
from training.simulate.lidar.scan import MOST_BEAMS
from training.simulate.lidar.sensor import Sensor

# Intensity that a near surface is reported with: mean, spread. Paint and cloth have their own.
_BRIGHTNESS = {
    Material.ROAD: (0.28, 0.07),
    Material.PAVEMENT: (0.33, 0.08),
    Material.GRASS: (0.36, 0.09),
    Material.MARKING: (0.55, 0.1),
    Material.PAINT: (0.4, 0.08),
    Material.GLASS: (0.0, 0.03),
    Material.RUBBER: (0.05, 0.05),
    Material.PLATE: (0.95, 0.15),
    Material.CLOTH: (0.4, 0.1),
    Material.SKIN: (0.4, 0.1),
    Material.METAL: (0.25, 0.12),
    Material.BRICK: (0.35, 0.07),
    Material.WOOD: (0.32, 0.1),
    Material.LEAF: (0.38, 0.14),
}
_MEAN, _SPREAD = np.array([_BRIGHTNESS[material] for material in Material]).T
_FAINT = 8e-5  # strength at which half of the pulses are reported with intensity zero
_LOST = 1.8e-5  # strength at which half of the pulses are not reported
_DARK_SEEN_M = 50.0  # of an HDL-64E, to which these strengths belong: seen of what reflects 10 %
_BLACK = 0.07  # anything darker is reported with intensity zero
_GLASS_ANSWERS = 0.2
_GLASS_PASSES = 0.16  # the pulse is answered by a seat or the trim behind the glass
_CURVATURE_RAD = 0.22  # of bodywork, within what the mesh takes for flat
_GRASS_M = 0.025
_LEAVES_M = 0.13  # mean depth that a pulse reaches behind the outermost leaves
_DEEPEST_M = 0.6


class Returns(NamedTuple):
    """What the sensor reports, and which triangle answered."""

    ray: NDArray[np.int64]  # [N] index of the direction
    distance_m: Float64  # [N]
    intensity: Float64  # [N] in [0, 1]
    triangle: NDArray[np.int64]  # [N]


class Look(NamedTuple):
    """How one sensor sees one street's surfaces; the plain look changes nothing."""

    beam_gain: Float64 = np.ones(MOST_BEAMS)  # [256] factor on what each beam reports
    surface: Float64 = np.zeros(len(Material))  # [materials] added to their brightness


PLAIN_LOOK = Look()


def draw_look(rng: Generator) -> Look:
    """Beams whose calibration differs by a tenth, surfaces darker or brighter than elsewhere."""
    gain = rng.uniform(0.85, 1.05) * (1 + np.clip(rng.normal(0, 0.12, MOST_BEAMS), -0.3, 0.3))
    surface = rng.normal(0, 0.035, len(Material))
    surface[Material.ROAD] += rng.uniform(-0.11, 0.02)
    return Look(gain, surface)


def receive(
    hits: Hits,
    material: NDArray[np.int64],
    colour: Float64,
    ring: NDArray[np.int64],
    sensor: Sensor,
    rng: Generator,
    look: Look = PLAIN_LOOK,
) -> Returns:
    """Range noise, lost pulses and intensity.

    ``material``, ``colour`` (brightness of paint and cloth, in [0, 1]) and ``ring`` (number of
    the beam, below 256) are given per hit.
    """
    brightness, lost = _brightness(material, colour, hits.cosine, look, rng)
    brightness *= look.beam_gain[ring]
    count = len(hits.ray)
    spread = np.exp(rng.normal(0, 0.5, count))
    # A rough surface spreads a pulse, so the angle takes less of it than Lambert's law would.
    strength = np.maximum(brightness, 0.06) * hits.cosine**0.35 / hits.distance_m**2 * spread
    strength *= (sensor.range_at_10_percent_m / _DARK_SEEN_M) ** 2
    intensity = brightness * np.clip(1.2 * (1 - _FAINT / np.maximum(strength, 1e-12)), 0, 1)
    distance = _distance(hits, material, sensor, rng)
    reported = ~lost & (strength > _LOST) & (rng.random(count) > sensor.dropout)
    shortest, longest = sensor.range_m
    reported &= (distance > shortest) & (distance < longest)
    return Returns(
        hits.ray[reported],
        distance[reported],
        np.clip(intensity * sensor.intensity_scale, 0, 1)[reported],
        hits.triangle[reported],
    )


def _brightness(
    material: NDArray[np.int64], colour: Float64, cosine: Float64, look: Look, rng: Generator
) -> tuple[Float64, NDArray[np.bool_]]:
    """Brightness ``[N]`` as near surfaces are reported, and which pulses are mirrored away."""
    count = len(material)
    mean = (_MEAN + look.surface)[material]
    cloth, paint = material == Material.CLOTH, material == Material.PAINT
    mean[cloth] = 0.08 + 0.58 * colour[cloth]
    angle = np.arccos(np.clip(cosine, 0, 1)) + rng.normal(0, _CURVATURE_RAD, count)
    gloss = np.cos(np.clip(np.abs(angle), 0, np.pi / 2)) ** 3
    mean = np.where(paint, (0.15 + 0.8 * colour) * gloss - 0.07, mean)
    brightness = mean + rng.normal(0, 1, count) * _SPREAD[material]
    brightness[brightness < _BLACK] = 0
    dark = 0.1 + 0.5 * (1 - colour) ** 2
    lost = paint & (rng.random(count) < dark * (1 - gloss))
    lost |= (material == Material.GLASS) & (rng.random(count) > _GLASS_ANSWERS + _GLASS_PASSES)
    return brightness, lost


def _distance(hits: Hits, material: NDArray[np.int64], sensor: Sensor, rng: Generator) -> Float64:
    count = len(hits.ray)
    distance = hits.distance_m + rng.normal(0, sensor.range_noise_m, count)
    grass = rng.exponential(_GRASS_M, count) / np.maximum(hits.cosine, 0.05)
    distance -= np.where(material == Material.GRASS, np.minimum(grass, 1.5), 0)
    leaf = np.minimum(rng.exponential(_LEAVES_M, count), _DEEPEST_M)
    distance += np.where(material == Material.LEAF, leaf, 0)
    share = _GLASS_PASSES / (_GLASS_ANSWERS + _GLASS_PASSES)
    behind = (material == Material.GLASS) & (rng.random(count) < share)
    return distance + np.where(behind, rng.uniform(0.15, 0.8, count), 0)
