"""The blueprints in subgraphs/: subgraphs that users add as a single node.

Their recipes are data, in one file for each kind. The frontend makes the files from them.
"""

from blueprints.building import make_blueprint, write_blueprints
from blueprints.comparing import COMPARE_TWO
from blueprints.conditioning import BALANCE_TWO, MORPH_TWO
from blueprints.mixing import MIX_TO_VIDEO
from blueprints.recipe import Inner, Input, Output, Recipe
from blueprints.three_prompts import MIX_THREE

RECIPES = (MIX_TO_VIDEO, MIX_THREE, BALANCE_TWO, MORPH_TWO, COMPARE_TWO)

__all__ = [
    "BALANCE_TWO",
    "COMPARE_TWO",
    "MIX_THREE",
    "MIX_TO_VIDEO",
    "MORPH_TWO",
    "RECIPES",
    "Inner",
    "Input",
    "Output",
    "Recipe",
    "make_blueprint",
    "write_blueprints",
]
