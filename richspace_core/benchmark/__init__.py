"""The paper's benchmark as one command, for any CogVideoX and any prompts: ``python -m richspace_core.benchmark``.

The command `index` runs the finder on each mixture and needs only a T5. The command `videos` also renders each
mixture's optimum and its guide prompt, scores both, and writes a table in the form of the paper's Table 1. Clips are
rendered in this process or on a Ray cluster.
"""
