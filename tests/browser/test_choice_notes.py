"""Notes about a choice, shown on the node before the first run."""

import pytest
from comfyui.frontend import SETTLED_MS
from environment.checkout import ROOT
from playwright.sync_api import expect

LOADERS = ("RichSpaceLoadCogVideoX", "RichSpaceLoadCogVideoXNative")
WORDS = ("circle, square, triangle or star", "magenta or pink", "plain, striped, dotted or checked", "up or down")

expect.set_options(timeout=SETTLED_MS)


@pytest.mark.parametrize("nodes_2", [False, True], ids=["classic", "nodes-2"])
def test_the_demo_s_words_are_there_while_it_is_chosen(open_page, nodes_2):
    with open_page(nodes_2=nodes_2) as frontend:
        frontend.open_blank()
        for loader in LOADERS:
            frontend.open_blank()
            frontend.add_node(loader, (400, 300))
            title = frontend.nodes()[0]["title"]
            report = frontend.page.locator(".richspace-report:visible")
            for word in WORDS:
                expect(report).to_contain_text(word)
            frontend.set_widget(title, "model", "CogVideoX-2b")
            expect(report).to_have_count(0)
            frontend.set_widget(title, "model", "bundled demo")
            expect(report).to_have_count(1)


@pytest.mark.parametrize("nodes_2", [False, True], ids=["classic", "nodes-2"])
def test_a_workflow_that_is_opened_says_it_of_its_own_choice(open_page, nodes_2):
    with open_page(nodes_2=nodes_2) as frontend:
        frontend.drop(ROOT / "workflows" / "demo_native_mix.json")
        report = frontend.page.locator(".richspace-report:visible")
        expect(report).to_contain_text(WORDS[0])
        frontend.drop(ROOT / "workflows" / "native_two_prompt_mix.json")
        expect(report).to_have_count(0)
