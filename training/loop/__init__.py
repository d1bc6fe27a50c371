"""Train one network, distilled or not: steps, epochs, and what is written after each.

A ``TrainConfig`` enters ``build_run.py``; a folder with checkpoints, state to resume from and
figures leaves. Read ``run.py`` for the loop, ``step_loss.py`` for one step, ``state.py`` for what
a killed run needs to go on. ``dry_run.py`` shows a run without training.
"""
