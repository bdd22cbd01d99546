"""What to run next, and studies that go on by themselves until they know enough."""
