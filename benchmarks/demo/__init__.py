"""The parts of `demo_model.py`: what is asked for, how clips are drawn, and what is made of them."""
