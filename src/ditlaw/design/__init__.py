"""Designing a study: what to train for a target, and what its fit can be expected to say."""
