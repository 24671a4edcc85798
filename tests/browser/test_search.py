"""What an artist types into the frontend's search, and what the search offers first."""

# Nodes and blueprints that must be among the first five. ComfyUI ranks a name that contains the words before every
# alias, and its own nodes before those of a pack. So "mix" cannot bring up Balance, nor "blend" any node of this pack.
# It does not read the aliases of a pack's blueprints, so words of their names find them, and no others.
WANTED = {
    "richspace": {"RichSpace Balance", "RichSpace Morph"},
    "mix": {"RichSpace Mix Prompts", "Mix two prompts to video", "Mix three prompts"},
    "mix two prompts": {"Mix two prompts to video", "RichSpace Balance", "RichSpace Mix Prompts"},
    "two prompts": {
        "Mix two prompts to video",
        "Balance two prompts",
        "Morph two prompts",
        "Compare two prompts",
        "RichSpace Balance",
    },
    "merge prompts": {"RichSpace Balance", "RichSpace Mix Prompts"},
    "combine prompts": {"RichSpace Balance", "RichSpace Mix Prompts"},
    "hybrid": {"RichSpace Balance", "RichSpace Mix Prompts"},
    "morph": {"RichSpace Morph", "Morph two prompts"},
    "balance": {"RichSpace Balance", "Balance two prompts"},
    "compare": {"RichSpace Compare", "Compare two prompts"},
    "prompt travel": {"RichSpace Morph"},
    "three prompts": {"Mix three prompts", "RichSpace Mix Several Prompts", "RichSpace Chained Balance"},
    "optimal interpolation": {"RichSpace Mix Prompts"},
    "chained finder": {"RichSpace Mix Several Prompts"},
}
FIRST = 5
BLEND = {"RichSpace Balance", "RichSpace Mix Prompts", "RichSpace Mix by Weight"}


def test_the_search_finds_the_nodes_by_an_artist_s_words(open_page):
    with open_page() as frontend:
        found = frontend.search(*WANTED, "blend")
    missing = {words: names - {*found[words][:FIRST]} for words, names in WANTED.items()}
    assert {words: names for words, names in missing.items() if names} == {}
    assert found["two prompts"][FIRST] == "RichSpace Mix Prompts"  # after the blueprints
    ours = [name for name in found["blend"] if name.startswith("RichSpace")]
    assert {*ours[: len(BLEND)]} == BLEND
