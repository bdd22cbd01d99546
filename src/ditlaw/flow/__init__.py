"""Rectified flow: path, timestep density, objective, sampler."""

from ditlaw.flow.rectified import loss, shifted, stratified, timesteps, training_loss
from ditlaw.flow.sampler import Sampler, sample

__all__ = ["Sampler", "loss", "sample", "shifted", "stratified", "timesteps", "training_loss"]
