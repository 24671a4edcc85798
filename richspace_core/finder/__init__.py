"""Finders of the best point between two prompts, and the geometry that they share."""
