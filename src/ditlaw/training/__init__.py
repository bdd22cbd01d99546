"""Training one run: the trunk, its evaluation, its checkpoints and its folder."""
