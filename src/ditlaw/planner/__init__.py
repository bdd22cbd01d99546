"""What to run next: the runs that narrow a forecast most, and studies that go by it."""
