"""Programs that show how the pack behaves over many runs and with bad input; dev.py runs them."""
