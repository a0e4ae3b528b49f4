"""What learned policies come to: `gp_ucb` behind a one-sided guard that falls back to the single best."""

from .gp_ucb import ContextualGPUCB

DEFAULT = ContextualGPUCB(name="default", guarded=True)
