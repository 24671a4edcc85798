"""The help pages and their pictures as the host serves them."""

import io
import re

import pytest
from environment.checkout import PACK_FOLDER, ROOT
from PIL import Image
from surface import read_surface


@pytest.mark.parametrize("node_id", sorted(read_surface()["nodes"]))
def test_a_help_page_and_its_pictures_are_served(server, node_id):
    # Where the frontend looks; it takes a picture's path as relative to the folder of the pages.
    folder = f"/extensions/{PACK_FOLDER}/docs"
    page = server.request(f"{folder}/{node_id}.md").decode()
    assert page == (ROOT / "web" / "docs" / f"{node_id}.md").read_text(encoding="utf-8")
    for picture in re.findall(r"!\[.+?\]\((.+?)\)", page):
        with Image.open(io.BytesIO(server.request(f"{folder}/{picture}"))) as opened:
            opened.verify()
