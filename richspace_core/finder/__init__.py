"""Finders: which point between two prompts to take, and the geometry that they share."""
