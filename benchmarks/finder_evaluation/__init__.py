"""The parts of `evaluate_finder.py`: what is asked for, how clips are drawn, and what is made of them."""
