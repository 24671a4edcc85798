"""Programs that show that the pack holds: long runs, cancels, bad inputs, and what they measure."""
