"""What an artist types into the frontend's search, and what the search offers first."""

# Nodes and blueprints that must be among the first five. ComfyUI ranks a name that contains the words before every
# alias, and its own nodes before those of a pack. So "mix" cannot bring up Balance, nor "blend" any node of this pack.
WANTED = {
    "richspace": {"RichSpace Balance", "RichSpace Morph"},
    "mix": {"RichSpace Mix Prompts", "Mix three prompts"},
    "two prompts": {"RichSpace Balance", "RichSpace Mix Prompts"},
    "merge prompts": {"RichSpace Balance", "RichSpace Mix Prompts"},
    "combine prompts": {"RichSpace Balance", "RichSpace Mix Prompts"},
    "hybrid": {"RichSpace Balance", "RichSpace Mix Prompts"},
    "morph": {"RichSpace Morph"},
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
    ours = [name for name in found["blend"] if name.startswith("RichSpace")]
    assert {*ours[: len(BLEND)]} == BLEND
