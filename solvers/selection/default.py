"""The policy that decides when the user names none: `gp_ucb` behind a one-sided guard that falls back to the single best."""

from .gp_ucb import ContextualGPUCB

DEFAULT = ContextualGPUCB(name="default", guarded=True)
