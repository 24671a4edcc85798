"""Pictures that the pack draws: score plots, metric plots, contact sheets and comparisons."""
