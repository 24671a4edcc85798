"""Mixtures that change over a video: the curve of shares over time, its text form, and its weights per latent frame."""
