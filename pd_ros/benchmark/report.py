"""A benchmark as a table and as JSON."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pd_ros.benchmark.agreement import PathAgreement
from pd_ros.benchmark.inputs import ReceivedCloud
from pd_ros.benchmark.run import NetworkTimes, PathResult
from pd_ros.benchmark.timing import percentiles


def write_json(
    path: Path,
    machine: Mapping[str, object],
    points: str,
    clouds: Sequence[ReceivedCloud],
    results: Sequence[NetworkTimes],
) -> None:
    """Write everything: the machine, the clouds, and of each setting all percentiles."""
    content = {
        "machine": machine,
        "points": points,
        "clouds": [cloud.layout.width for cloud in clouds],
        "results": [_result(result) for result in results],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def format_benchmark(
    machine: Mapping[str, object],
    points: str,
    clouds: Sequence[ReceivedCloud],
    results: Sequence[NetworkTimes],
) -> str:
    """Two blocks of text: the whole of each setting and path, and its median time by stage."""
    sizes = [cloud.layout.width for cloud in clouds]
    sets = " ".join(map(str, machine["instruction_sets"]))  # type: ignore[call-overload]
    title = (
        f"{machine['cpu']}, {machine['cores']} cores ({sets}), torch {machine['torch']};"
        f" load average {machine['load_average']:.1f}; freed memory"
        f" {'kept' if machine['keep_memory'] else 'given back'}\n"
        f"{len(sizes)} clouds of {min(sizes):,} to {max(sizes):,} points: {points}"
    )
    tables = [_whole(results), _by_stage(results), *_beside(results)]
    return "\n\n".join([title, *map(_align, tables), *_notes(results)])


def _whole(results: Sequence[NetworkTimes]) -> list[list[str]]:
    lines = [
        ["model", "device", "threads", "path", "precision", "backend", "p50 ms", "p95 ms",
         "p99 ms", "p99 / p50", "CPU ms", "first ms", "MB", "peak share", "times faster",
         "lost (tied) of boxes", "recorded AP"],
    ]  # fmt: skip
    for result in results:
        for name, path in result.paths.items():
            whole = percentiles(path.times.whole)
            lines.append([
                *_setting(result, name), path.precision, path.backend,
                *(f"{value:.1f}" for value in whole.values()),
                f"{whole['p99'] / whole['p50']:.2f}",
                f"{percentiles(path.times.processor)['p50']:.1f}",
                f"{path.first.load_ms + path.first.first_ms:.0f}",
                "-" if path.first.peak_mb is None else f"{path.first.peak_mb:.0f}",
                "-" if path.dense_share is None else f"{100 * path.dense_share:.0f} %",
                _speedup(result) if name == "fast" else "1",
                _agreement(result.agreement) if name == "fast" else "-",
                _accuracy(result),
            ])  # fmt: skip
    return lines


def _by_stage(results: Sequence[NetworkTimes]) -> list[list[str]]:
    stages = list(
        dict.fromkeys(s for r in results for path in r.paths.values() for s in path.times.stages)
    )
    lines = [["median ms of", "device", "threads", "path", *stages]]
    for result in results:
        for name, path in result.paths.items():
            times = path.times.stages
            lines.append([
                *_setting(result, name),
                *(f"{percentiles(times[s])['p50']:.1f}" if s in times else "-" for s in stages),
            ])  # fmt: skip
    return lines


def _beside(results: Sequence[NetworkTimes]) -> list[list[list[str]]]:
    """A table of what was measured beside busy threads, or none."""
    lines = []
    for result in results:
        for name, times in result.beside.items():
            slower = times.times_slower
            lines.append([
                *_setting(result, name),
                *(f"{percentiles(each)[key]:.1f}" for each in (times.alone, times.busy)
                  for key in ("p50", "p95")),
                f"{slower.median:.2f} ({slower.low:.2f} to {slower.high:.2f})",
            ])  # fmt: skip
    head = ["beside busy threads", "device", "threads", "path", "alone p50 ms", "p95 ms",
            "busy p50 ms", "p95 ms", "times slower"]  # fmt: skip
    return [[head, *lines]] if lines else []


def _setting(result: NetworkTimes, path: str) -> list[str]:
    return [result.model, result.device, str(result.threads), path]


def _speedup(result: NetworkTimes) -> str:
    return f"{result.speedup.median:.2f} ({result.speedup.low:.2f} to {result.speedup.high:.2f})"


def _agreement(found: PathAgreement) -> str:
    return f"{found.lost} ({found.tied}) of {found.boxes}"


def _accuracy(result: NetworkTimes) -> str:
    """The first score that training recorded."""
    return next((f"{value:.1f} {key}" for key, value in result.accuracy.items()), "-")


def _notes(results: Sequence[NetworkTimes]) -> list[str]:
    fresh = dict.fromkeys(result.model for result in results if not result.trained)
    if not fresh:
        return []
    return [f"fresh weights, so there are hardly any boxes to decode: {', '.join(fresh)}"]


def _result(result: NetworkTimes) -> dict[str, Any]:
    return {
        "model": result.model,
        "trained": result.trained,
        "parameters": result.parameters,
        "accuracy": result.accuracy,
        "dense_gflop": result.dense_gflop,
        "device": result.device,
        "threads": result.threads,
        "peak_gflops": result.peak_gflops,
        "speedup": result.speedup._asdict(),
        "compared_boxes": result.agreement.boxes,
        "lost_boxes": result.agreement.lost,
        "tied_boxes": result.agreement.tied,
        "paths": {name: _path(path) for name, path in result.paths.items()},
        "beside_busy_threads": {
            name: {
                "alone_ms": percentiles(times.alone),
                "busy_ms": percentiles(times.busy),
                "times_slower": times.times_slower._asdict(),
            }
            for name, times in result.beside.items()
        },
    }


def _path(path: PathResult) -> dict[str, Any]:
    return {
        "precision": path.precision,
        "backend": path.backend,
        "whole_ms": percentiles(path.times.whole),
        "processor_ms": percentiles(path.times.processor),
        "stages_ms": {name: percentiles(times) for name, times in path.times.stages.items()},
        "runs": len(path.times.whole),
        "dense_share_of_peak": path.dense_share,
        **path.first._asdict(),
    }


def _align(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in lines
    )
