"""One training run: its steps, its epochs, and what it writes down after each."""

import json
import logging
import time
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import AdamW
from torch.optim.lr_scheduler import LRScheduler
from tqdm import tqdm

from pd_ros.detection.checkpoint import read_record, save_checkpoint
from pd_ros.detection.families import AnyModel, AnyModelConfig
from pd_ros.pointcloud.training_statistics import KEY as CLOUD_KEY
from pd_ros.pointcloud.training_statistics import CloudRecord
from training.batches.collate import Batch, move_batch
from training.batches.norm import freeze_statistics
from training.config.area import rebuild
from training.config.run import TrainConfig
from training.distillation.distiller import Distiller
from training.distributed import World, any_over_world, mean_over_world
from training.evaluate.scoring import validate
from training.loop.interrupts import (
    OutOfMemoryError,
    StopRequest,
    clear_out_of_memory,
    has_single_value,
    read_finite,
)
from training.loop.schedule import make_ema
from training.loop.state import Progress, Stateful, load_state, save_state
from training.loop.step_loss import in_half, shares, step_losses
from training.loop.tensorboard import Events

_LOG = logging.getLogger("training.loop.run")
MODEL = "model.safetensors"  # what a run leaves in its folder


def learnt_parameters(model: nn.Module, distiller: Distiller | None) -> list[nn.Parameter]:
    """Everything that learns: the network, and the adapters of distillation."""
    return [*model.parameters(), *(distiller.distillation.parameters() if distiller else ())]


class Run:
    """The parts of a run that every step needs."""

    def __init__(
        self,
        config: TrainConfig,
        model_config: AnyModelConfig,
        model: AnyModel,
        distiller: Distiller | None,
        optimizer: AdamW,
        scheduler: LRScheduler,
        world: World,
        origin: dict[str, object],
        kept: dict[str, object],
        clouds: CloudRecord | None,
    ) -> None:
        """Make the folder of the run.

        ``origin``: how the weights that it starts from were trained; ``kept``: entries of the
        checkpoint's record that validation does not write; ``clouds``: what the training sweeps
        are like.
        """
        self.config = config
        self.model_config = model_config
        self.model = model
        self.distiller = distiller
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.world = world
        self.half = in_half(config, world.device)
        self.network: nn.Module = model
        if world.processes > 1:
            self.network = DistributedDataParallel(model)
        self.ema = make_ema(model, config.schedule.ema_decay)
        self.origin = origin
        self.kept = kept
        self.clouds = clouds
        self.stop = StopRequest()
        self.out = Path(config.out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.events = Events(self.out / "tensorboard") if world.is_first else None

    def close(self) -> None:
        """End what goes on beside the steps; the run itself is saved by ``save``."""
        if self.events is not None:
            self.events.close()

    def resume(self) -> Progress:
        """Progress of the run that stopped in this folder, or a fresh one."""
        path = self.out / "state.pt"
        if not path.exists():
            return Progress()
        progress = load_state(path, self.config, self.world.processes, self._parts())
        _LOG.info("going on from epoch %d, step %d of %s", progress.epoch, progress.step, path)
        return progress

    def epoch(self, loader: list[Batch], progress: Progress, steps: int) -> dict[str, object]:
        """Train one epoch, score it, write everything down."""
        self.network.train()
        frozen_from = self.config.schedule.norm_frozen_from * self.config.schedule.epochs * steps
        began, waited = time.monotonic(), 0.0
        title = f"epoch {progress.epoch + 1}/{self.config.schedule.epochs}"
        bar = tqdm(total=steps, initial=progress.step, desc=title, disable=not self.world.is_first)
        batches = iter(loader)
        while True:
            before = time.monotonic()
            batch = next(batches, None)
            waited += time.monotonic() - before
            if batch is None:
                break
            if progress.epoch * steps + progress.step >= frozen_from:
                freeze_statistics(self.model)
            terms = self._guarded_step(batch, progress)
            progress.step += 1
            bar.update()
            if terms is not None:
                progress.add(terms)
                bar.set_postfix(loss=f"{terms['total']:.2f}", refresh=False)
            stopping = any_over_world(self.stop.asked, self.world)
            if stopping or progress.step % self.config.save_every_steps == 0:
                self.save(progress)
            if stopping:
                raise self.stop.interrupt
        bar.close()
        seconds = time.monotonic() - began
        own = progress.means()
        mean = mean_over_world(torch.tensor(list(own.values())), self.world)
        losses = dict(zip(own, mean.tolist(), strict=True))
        return self.finish_epoch(progress, losses, seconds, waited / max(seconds, 1e-9))

    def _guarded_step(self, batch: Batch, progress: Progress) -> dict[str, Tensor] | None:
        try:
            with clear_out_of_memory(self.config.schedule.batch_size):
                return self.step(batch, progress.epoch)
        except OutOfMemoryError:
            self.save(progress)
            raise

    def step(self, batch: Batch, epoch: int) -> dict[str, Tensor] | None:
        """One optimiser step; returns what ``training.loop.step_loss`` gives, on the CPU.

        None where any process has a batch too empty for batch norm: it is left out everywhere,
        and only the schedule goes on.
        """
        terms = self._losses(batch, epoch)
        if any_over_world(terms is None, self.world) or terms is None:
            self.optimizer.zero_grad(set_to_none=True)
            self.optimizer.step()  # without gradients nothing changes, but the schedule wants one
            self.scheduler.step()
            return None
        read = read_finite(terms, batch, self.out)
        self.optimizer.zero_grad(set_to_none=True)
        terms["total"].backward()  # type: ignore[no-untyped-call]
        learnt = learnt_parameters(self.model, self.distiller)
        nn.utils.clip_grad_norm_(learnt, self.config.schedule.clip_norm)
        self.optimizer.step()
        self.scheduler.step()
        if self.ema is not None:
            self.ema.update_parameters(self.model)
        return read

    def _losses(self, batch: Batch, epoch: int) -> dict[str, Tensor] | None:
        on_device = move_batch(batch, self.world.device)
        try:
            return step_losses(
                self.network,
                self.distiller,
                on_device,
                self.config,
                self.model_config,
                epoch,
                self.half,
            )
        except ValueError as error:
            if not has_single_value(error):
                raise
            _LOG.warning(
                "%s: one pillar, voxel or point within range in all, batch norm needs two; the"
                " batch is left out", ", ".join(batch.names)
            )  # fmt: skip
            return None

    def save(self, progress: Progress) -> None:
        """Write the state of the run, from the first process."""
        if self.world.is_first:
            path = self.out / "state.pt"
            content = self.config.model_dump_json()
            save_state(path, progress, content, self.world.processes, self._parts())

    def _parts(self) -> dict[str, Stateful]:
        """Everything whose state makes the run, by the name it has in the file."""
        parts: dict[str, Stateful] = {
            "model": self.model,
            "optimizer": self.optimizer,
            "scheduler": self.scheduler,
        }
        if self.distiller is not None and self.distiller.distillation.state_dict():
            parts["adapters"] = self.distiller.distillation
        return parts | ({"average": self.ema} if self.ema is not None else {})

    def finish_epoch(
        self, progress: Progress, losses: dict[str, float], seconds: float, waiting: float
    ) -> dict[str, object]:
        """Score the epoch, write its JSON line, events, checkpoint and state."""
        figures: dict[str, object] = {
            "epoch": progress.epoch + 1,
            **losses,
            "shares": shares(losses, self.config, self.model_config),
            "learning_rate": self.scheduler.get_last_lr()[0],
            "seconds": round(seconds, 1),
            "waiting_share": round(waiting, 3),
        }
        if self.events is None:  # not the first process
            return figures
        learnt = self.model if self.ema is None else cast("AnyModel", self.ema.module)
        whole = rebuild(learnt, self.model_config).to(self.world.device)
        whole.arrange(torch.channels_last)
        scored = validate(whole, self.model_config, self.config, self.world.device)
        figures.update(scored.figures)
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(figures) + "\n")
        _LOG.info("%s", json.dumps(figures))
        self.events.write(progress.epoch + 1, figures)
        record = {"run": self.config.model_dump(), "licence": self.config.licence, **figures}
        record.update(self.kept | scored.kept)
        if self.origin:
            record["started_from"] = self.origin
        if self.clouds is not None:
            record[CLOUD_KEY] = self.clouds.model_dump()
        if self._is_kept(figures):
            store = torch.float16 if self.config.store == "fp16" else torch.float32
            save_checkpoint(self.out / MODEL, whole, self.model_config, record, store)
        self.save(Progress(progress.epoch + 1, 0))
        return figures

    def _is_kept(self, figures: dict[str, object]) -> bool:
        """Whether the epoch just scored is what ``model.safetensors`` is to hold."""
        path = self.out / MODEL
        if self.config.keep == "last" or figures["epoch"] == 1 or not path.exists():
            return True
        before = read_record(path)
        if cast("float", figures["f1"]) >= cast("float", before["f1"]):
            return True
        _LOG.info("%s stays that of epoch %s (f1 %s)", path, before["epoch"], before["f1"])
        return False
