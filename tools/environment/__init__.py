"""The checkout and its set-up: folders, child processes, virtual environment, ComfyUI, browser, further packages.

Python's standard library only, because dev.py imports these modules before anything is installed.
"""
