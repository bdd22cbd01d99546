"""Simulated studies whose truth is known: truths, designs, scores, and the quickstart's own."""
