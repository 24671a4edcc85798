"""Bad graphs over HTTP: some examples, and pages of another origin. `python3 dev.py hostile` runs thousands."""

import json
import urllib.error
import urllib.request

import pytest
from comfyui.prompts import change, node, video_prompt
from comfyui.server import SHORT_PROMPT, PromptError
from small_models.tiny_models import DEMO_MODEL

SEED, COUNT = 1, 25


def test_graphs(server, tmp_path):
    from reliability.hostile.examples import examples
    from reliability.hostile.outcomes import FINDING
    from reliability.hostile.over_http import Graphs

    with Graphs(tmp_path, server) as graphs:
        ends = [(number, graphs.run(graph), graph) for number, graph in examples(graphs.strategy, SEED, COUNT)]
        assert [end for end in ends if end[1].kind == FINDING] == []
        assert graphs.plain_run_is_right()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_a_number_that_the_host_lets_through(server, value):
    """ComfyUI compares a number with its range, and NaN is neither too small nor too large."""
    with pytest.raises(PromptError, match=r"cfg"):
        server.run(change(video_prompt(), "sample", cfg=value))


@pytest.mark.parametrize("origin", ["https://example.com", "null", "http://127.0.0.1.example.com"])
def test_a_page_of_another_origin_queues_nothing(server, origin):
    body = json.dumps({"prompt": {"1": node("PreviewAny", source=f"from {origin}")}}).encode()
    headers = {"Content-Type": "application/json", "Origin": origin, "Sec-Fetch-Site": "cross-site"}
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(server.address + "/prompt", body, headers))
    with caught.value as answer:
        assert answer.code == 403
    server.run(SHORT_PROMPT)  # whatever was queued before is over when this one is
    assert f"from {origin}" not in json.dumps(server.get("/history"))


def test_nothing_of_the_pack_but_its_pages_is_served(server):
    for place in (f"/extensions/{name}" for name in ("ComfyUI-RichSpace/../demo_model/model_index.json",)):
        with pytest.raises(urllib.error.HTTPError) as caught:
            server.request(place)
        caught.value.close()
    assert DEMO_MODEL.is_dir()
