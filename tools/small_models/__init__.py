"""Models that are small enough for tests: random weights in real classes, in the published file formats."""
