"""Measures of trained models beside the loss."""
