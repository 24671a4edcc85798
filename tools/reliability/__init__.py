"""Programs that show that the pack holds: bad inputs, long runs, cancels, kills, full memory, other versions."""
