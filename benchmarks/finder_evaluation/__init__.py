"""The parts of `evaluate_finder.py`: prompts, worker processes, figures and the report."""
