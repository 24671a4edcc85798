"""The blueprints in subgraphs/: subgraphs that users add as a single node.

Their recipes are data, in one file for each kind. The frontend makes the files from them.
"""

from blueprint_recipes.building import make_blueprint, write_blueprints
from blueprint_recipes.comparing import COMPARE_TWO
from blueprint_recipes.conditioning import BALANCE_TWO, MORPH_TWO
from blueprint_recipes.mixing import MIX_TO_VIDEO
from blueprint_recipes.recipe import Inner, Input, Output, Recipe
from blueprint_recipes.three_prompts import MIX_THREE

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
