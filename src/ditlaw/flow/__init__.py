"""Rectified flow: path, timestep density, objective, sampler."""

from ditlaw.flow.rectified import loss, stratified, timesteps, training_loss
from ditlaw.flow.sampler import euler

__all__ = ["euler", "loss", "stratified", "timesteps", "training_loss"]
