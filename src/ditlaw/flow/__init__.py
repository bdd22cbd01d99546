"""Rectified flow: path, timestep density, objective, sampler."""

from ditlaw.flow.rectified import loss, stratified, timesteps, training_loss
from ditlaw.flow.sampler import Sampler, sample

__all__ = ["Sampler", "loss", "sample", "stratified", "timesteps", "training_loss"]
