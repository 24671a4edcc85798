"""Notes about a choice, shown on the node before the first run."""

import contextlib

import pytest
from comfyui.frontend import SETTLED_MS
from environment.checkout import ROOT, link_folder
from playwright.sync_api import expect

MISSING = "CogVideoX-5b"  # the server does not have it
TOASTS = ".p-toast-message, [data-testid=toast]"
LOADERS = ("RichSpaceLoadCogVideoX", "RichSpaceLoadCogVideoXNative")
WORDS = ("circle, square, triangle or star", "magenta or pink", "plain, striped, dotted or checked", "up or down")
#: Where the command puts a model, by the name that a workflow asks for.
PLACES = {
    "zai-org/CogVideoX-5b": "diffusers/zai-org/CogVideoX-5b",
    "cogvideox-5b": "diffusers/cogvideox-5b",
    "x;rm -r y/CogVideoX-5b": "diffusers/CogVideoX-5b",  # no part of a command
    "sub/CogVideoX_1_5_5b_T2V_bf16.safetensors": "diffusion_models/sub",
    "CogVideoX_1_5_5b_T2V_bf16.safetensors": "diffusion_models",
    "../CogVideoX-5b": "diffusers/CogVideoX-5b",
}

expect.set_options(timeout=SETTLED_MS)


@pytest.fixture
def workflow_with_a_missing_model(tmp_path):
    file = tmp_path / "with_a_missing_model.json"
    text = (ROOT / "workflows" / "Mix in KSampler (CogVideoX).json").read_text(encoding="utf-8")
    file.write_text(text.replace('"CogVideoX-2b"', f'"{MISSING}"'), encoding="utf-8")
    return file


@pytest.fixture
def installed(server):
    """Return a context manager that gives the server a model under a name of its own."""

    @contextlib.contextmanager
    def install(name):
        folder = server.base / "models" / "diffusers"
        link_folder(folder / name, folder / "CogVideoX-2b")
        try:
            yield
        finally:
            (folder / name).unlink()

    return install


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
def test_a_workflow_that_is_opened_says_it_of_its_own_choice(open_page, workflow_with_a_missing_model, nodes_2):
    with open_page(nodes_2=nodes_2) as frontend:
        frontend.drop(ROOT / "workflows" / "Mix in KSampler (demo).json")
        report = frontend.page.locator(".richspace-report:visible")
        expect(report).to_contain_text(WORDS[0])
        frontend.drop(ROOT / "workflows" / "Mix in KSampler (CogVideoX).json")
        expect(report).to_have_count(0)
        frontend.drop(workflow_with_a_missing_model)
        expect(report).to_contain_text(f"{MISSING} is not installed.")
        expect(report.get_by_role("button")).to_have_text("Copy")


def test_the_command_puts_a_model_where_the_workflow_s_name_finds_it(open_page, server):
    with open_page(nodes_2=False) as frontend:
        frontend.open_blank()
        frontend.add_node("RichSpaceLoadCogVideoXNative", (400, 300))
        report = frontend.page.locator(".richspace-report:visible")
        for name, place in PLACES.items():
            frontend.set_widget(frontend.nodes()[0]["title"], "model", name)
            expect(report).to_contain_text(f"in models/{place} (about")
            assert report.locator("code").inner_text().endswith(f" --local-dir {server.base}/models/{place}")


def test_a_missing_model_says_how_to_get_it(open_page, server, workflow_with_a_missing_model, installed):
    with open_page(nodes_2=True) as frontend:
        frontend.drop(workflow_with_a_missing_model)
        report = frontend.page.locator(".richspace-report:visible")
        expect(report).to_contain_text(f"{MISSING} is not installed.")
        expect(report).to_contain_text("(about 22 GB)")
        command = report.locator("code").inner_text()
        assert command.endswith(f"download zai-org/{MISSING} --local-dir {server.base}/models/diffusers/{MISSING}")
        frontend.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        report.get_by_role("button").dispatch_event("click")
        expect(report.get_by_role("button")).to_have_text("Copied")
        assert frontend.page.evaluate("navigator.clipboard.readText()") == command
        frontend.page.get_by_test_id("queue-button").click()  # ComfyUI refuses the run
        toast = frontend.page.locator(TOASTS).filter(has_text=f"{MISSING} is not installed.")
        expect(toast.filter(has_text=command)).to_have_count(1)
        expect(toast).to_have_count(1)  # in place of the one that appeared when the workflow was opened
        with installed(MISSING):
            frontend.page.evaluate("app.refreshComboInNodes()")
            expect(report).to_have_count(0)
