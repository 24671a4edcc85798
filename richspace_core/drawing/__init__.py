"""Drawing of score plots, metric plots, contact sheets and comparisons."""
