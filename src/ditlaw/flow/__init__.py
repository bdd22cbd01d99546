"""Rectified flow: path, timestep density, objective, sampler."""

from ditlaw.flow.rectified import loss, shifted, stratified, timesteps, training_loss
from ditlaw.flow.sampler import euler

__all__ = ["euler", "loss", "shifted", "stratified", "timesteps", "training_loss"]
