"""Hostile inputs: thousands of generated examples for every node, in this process and over HTTP.

An example is a plain description that hypothesis generates from a seed, so that each one can be repeated alone. It
passes if it ends in a correct result, in a RichSpaceError that names an input, or in ComfyUI's own validation message.
"""
