"""The paper's benchmark as one command, for any CogVideoX and any prompts: ``python -m richspace_core.benchmark``.

`index` runs the finder on each mixture and needs a T5 alone; `videos` also renders each mixture's optimum and its guide
prompt, scores both, and writes the paper's Table 1. Clips are rendered in this process, or on a Ray cluster.
"""
