"""Score curves that can be clicked, reports, and errors in the node, in the real frontend."""

from comfyui.frontend import SETTLED_MS
from environment.checkout import ARTIFACTS, PACK_FOLDER, ROOT
from playwright.sync_api import expect

DEMO = ROOT / "tests" / "data" / "workflows" / "finder_two_prompts.json"
FINDER = "Circle + square"
ADD = """([type, inputs]) => {
    const node = LiteGraph.createNode(type);
    node.pos = [850, 620];
    app.graph.add(node);
    for (const title of inputs) {
        const free = node.inputs.findIndex(input => input.link == null && !input.widget);
        app.graph.nodes.find(it => it.title === title).connect(0, node, free);
    }
}"""
IS_UNDONE = """() => {
    const { redoQueue, _restoringState } = app.extensionManager.workflow.activeWorkflow.changeTracker;
    return redoQueue.length && !_restoringState;
}"""
EMPTY_CANVAS = 1300, 850
PROMPTS = ["A: circle", "B: square", "Guide: the mixture in words"]

expect.set_options(timeout=SETTLED_MS)


def shoot(frontend, name):
    frontend.settle()
    frontend.screenshot(ARTIFACTS / "browser" / f"{name}-{'nodes-2' if frontend.nodes_2 else 'classic'}.png")


def run(frontend):
    """Run the workflow and return the panel of its finder."""
    entry = frontend.run()
    assert entry["status"]["completed"]
    ((panel,),) = next(it["richspace"] for it in entry["outputs"].values() if it.keys() >= {"richspace", "images"})
    expect(choice(frontend)).to_have_text(panel["choices"][panel["chosen"] - 1])
    frontend.wait_for_outputs()
    return panel


def choice(frontend):
    return frontend.page.locator(".richspace-choice")


def notes(frontend):
    return frontend.page.locator(".richspace-note").all_inner_texts()


def chart(frontend):
    return frontend.page.locator(".richspace-chart")


def point(frontend, index, steps=30):
    """Return the position of a candidate in the chart on the screen."""
    field = chart(frontend).locator(".field").first.bounding_box()
    across = (index + 0.025 * steps) / (1.05 * steps)
    return field["x"] + across * field["width"], field["y"] + field["height"] / 3


def click(frontend, index):
    frontend.page.mouse.click(*point(frontend, index))


def saved_video(frontend):
    (video,) = frontend.videos()
    return video["query"]


def test_the_curves_are_in_the_node_after_a_run(page):
    expect(page.page.locator(".richspace-hint")).to_have_count(1)
    panel = run(page)
    shoot(page, "scores")
    assert panel["chosen"] == panel["best"]
    for name in ("deciding", "first", "second"):
        points = page.page.locator(f".richspace-chart .curve.{name}").get_attribute("points").split()
        assert len(points) == panel["steps"]
    for mark in ("chosen", "optimum", "guide"):
        assert page.page.locator(f".richspace-chart .{mark}").count() > 0
    assert page.page.get_by_text(f"optimum {panel['optimum']:.1%} A").is_visible()
    assert page.page.locator(".richspace-prompts").inner_text().split("\n") == [
        "B: a large plain blue square moves right",
        "A: a large plain red circle moves right",
    ]
    # The picture of the same curves is hidden.
    hidden = "app.graph.nodes.some(it => it.widgets?.some(w => w.name === '$$canvas-image-preview' && !w.hidden))"
    assert not page.page.evaluate(hidden)
    assert page.page.locator("[data-node-id] img[src*=ComfyUI_temp]").count() == 0


def test_a_click_takes_a_candidate_and_the_next_run_mixes_it(page):
    first = run(page)
    before = saved_video(page)
    click(page, 27)
    assert page.widget(FINDER, "index") == 27
    page.page.mouse.move(5, 500)
    assert notes(page) == [f"picked by hand (the finder says {first['best']})", "run again to mix it"]
    assert choice(page).inner_text() == first["choices"][26]
    shoot(page, "scores-picked")
    second = run(page)
    assert second["chosen"] == 27
    assert second["best"] == first["best"]
    assert notes(page) == [f"picked by hand (the finder says {first['best']})"]
    assert saved_video(page) != before
    click(page, 27)
    assert page.widget(FINDER, "index") == 0
    click(page, 3)
    assert page.widget(FINDER, "index") == 3
    page.page.get_by_role("button", name="automatic").click()
    assert page.widget(FINDER, "index") == 0
    page.page.mouse.move(5, 500)
    assert notes(page) == ["run again to mix it"]


def test_the_pointer_and_the_keys(page):
    panel = run(page)
    page.page.mouse.move(*point(page, 10))
    expect(choice(page)).to_have_text(f"{panel['choices'][9]} · {panel['curves']['sum'][9]:.4f}")
    page.page.mouse.move(5, 500)
    expect(choice(page)).to_have_text(panel["choices"][panel["best"] - 1])
    chart(page).focus()
    for key, index in [("ArrowRight", panel["best"] + 1), ("ArrowLeft", panel["best"]), ("Home", 1), ("End", 30)]:
        page.page.keyboard.press(key)
        assert page.widget(FINDER, "index") == index
        assert chart(page).get_attribute("aria-valuetext") == panel["choices"][index - 1]
    page.page.keyboard.press("0")
    assert page.widget(FINDER, "index") == 0


def test_other_steps_have_other_candidates(page):
    run(page)
    page.set_widget(FINDER, "steps", 12)
    assert notes(page) == ["steps has changed: run again for its candidates"]
    click(page, 3)
    assert page.widget(FINDER, "index") == 0
    assert run(page)["steps"] == 12
    click(page, 3)
    assert page.widget(FINDER, "index") != 0


def test_it_is_there_again_after_a_reload(page):
    panel = run(page)
    click(page, 25)
    page.reload()
    expect(choice(page)).to_have_text(panel["choices"][24])
    assert page.widget(FINDER, "index") == 25
    shoot(page, "scores-reloaded")
    # A prompt that was not run has no curves yet.
    page.set_widget("B: square", "text", "a large plain green star moves right")
    page.page.mouse.click(*EMPTY_CANVAS)  # a click makes the frontend look for changes to keep
    page.reload()
    assert page.widget("B: square", "text") == "a large plain green star moves right"
    expect(page.page.locator(".richspace-hint")).to_have_count(1)


def test_a_cached_run_keeps_it_and_another_one_replaces_it(page):
    first = run(page)
    assert run(page) == first
    page.set_widget("B: square", "text", "a large plain green star moves right")
    second = run(page)
    assert second["curves"] != first["curves"]
    assert "green star" in page.page.locator(".richspace-prompts").inner_text()
    assert chart(page).count() == 1


def test_it_survives_undo_and_another_tab(page):
    panel = run(page)
    click(page, 25)
    page.page.wait_for_timeout(500)
    page.page.mouse.click(*EMPTY_CANVAS)
    page.page.keyboard.press("Control+z")
    page.page.wait_for_function(IS_UNDONE, timeout=SETTLED_MS)
    assert page.widget(FINDER, "index") == 0
    expect(choice(page)).to_have_text(panel["choices"][panel["best"] - 1])
    click(page, 20)
    assert page.widget(FINDER, "index") == 20
    click(page, 20)
    page.page.mouse.click(*EMPTY_CANVAS)
    expect(choice(page)).to_have_text(panel["choices"][panel["best"] - 1])
    page.open_blank()
    expect(chart(page)).to_have_count(0)
    page.page.get_by_text(DEMO.stem[:12]).first.click()
    expect(choice(page)).to_have_text(panel["choices"][panel["best"] - 1])


def test_the_chained_finder_has_a_curve_for_each_stage(page):
    page.page.evaluate(ADD, ["RichSpaceChainedFinder", [*PROMPTS, "A: circle", "Guide: the mixture in words"]])
    page.page.evaluate(ADD, ["RichSpaceCosineScore", PROMPTS])
    page.page.evaluate("app.graph.nodes.find(it => it.type === 'RichSpaceCosineScore').pos = [1350, 620]")
    entry = page.run()
    assert entry["status"]["completed"]
    expect(page.page.locator(".richspace-panel")).to_have_count(4)  # the demo's, two stages, the scores
    shoot(page, "scores-of-a-chain")
    assert page.page.locator(".richspace-stage").all_inner_texts() == ["", "stage 1", "stage 2", ""]
    assert page.page.locator(".richspace-pickable").count() == 3  # all but the scores, which have no index to set


LISTED = """texts => {
    const list = LiteGraph.createNode("CreateList");
    app.graph.add(list);
    texts.forEach((text, place) => {
        const one = LiteGraph.createNode("PrimitiveString");
        app.graph.add(one);
        one.widgets[0].value = text;
        one.pos = [place * 250, 1000];
        one.connect(0, list, list.inputs.findIndex(input => input.link == null));
    });
    list.pos = [500, 1000];
    const guide = app.graph.nodes.find(node => node.title === "Guide: the mixture in words");
    list.connect(0, guide, guide.inputs.findIndex(input => input.name === "text"));
}"""


def test_a_node_that_runs_twice_in_one_go_has_the_curves_of_both(page):
    guides = ["a large plain red and blue square moves right", "a large plain blue and red circle moves right"]
    page.page.evaluate(LISTED, guides)
    entry = page.run()
    assert entry["status"]["completed"]
    expect(page.page.locator(".richspace-panel")).to_have_count(2)
    page.wait_for_outputs()
    shoot(page, "scores-of-two-runs")
    runs = next(it["richspace"] for it in entry["outputs"].values() if it.keys() >= {"richspace", "images"})
    assert page.page.locator(".richspace-stage").all_inner_texts() == ["run 1", "run 2"]
    assert choice(page).all_inner_texts() == [panel["choices"][panel["chosen"] - 1] for (panel,) in runs]
    assert runs[0][0]["guide"] != runs[1][0]["guide"]
    assert report(page, PROMPTS[2]) == ["10 of 64 tokens\n10 of 64 tokens", ""]


def report(frontend, title):
    """Return the report of the node with this title, and the warning in it."""
    return frontend.page.evaluate(
        """title => {
            const { widgets } = app.graph.nodes.find(node => node.title === title);
            const shown = widgets.find(widget => widget.name === "richspace-report")?.element;
            if (!shown?.checkVisibility()) return null;
            return [shown.innerText, shown.querySelector(".richspace-warning")?.innerText ?? ""];
        }""",
        title,
    )


def test_a_prompt_s_count_and_its_lost_words_are_on_its_node(page):
    lost = "and a large plain yellow star moves right"
    text = f"{' and '.join(['a large plain red circle moves right'] * 8)} {lost}"
    page.set_widget("A: circle", "text", text)
    page.page.mouse.click(*EMPTY_CANVAS)
    run(page)
    said, warning = report(page, "A: circle")
    shoot(page, "prompt-cut")
    assert said.startswith("72 of 64 tokens\n")
    assert warning == f'Too long. Lost: "{lost}"'
    expected = {title: report(page, title) for title in [*PROMPTS, "Load the model"]}
    assert expected["B: square"] == ["8 of 64 tokens", ""]
    assert expected["Load the model"][0].startswith("A tiny model for trying things out.")
    run(page)  # from the cache
    assert {title: report(page, title) for title in expected} == expected
    page.reload()
    page.page.wait_for_function("() => document.querySelectorAll('.richspace-report').length >= 4")
    assert {title: report(page, title) for title in expected} == expected


def test_without_the_script_the_picture_remains(open_page, renderer):
    with open_page(nodes_2=renderer, new=True) as frontend:
        frontend.page.route(f"**/extensions/{PACK_FOLDER}/*.js", lambda route: route.abort())
        frontend.reload()
        frontend.drop(DEMO)
        frontend.set_widget("Sample the video", "steps", 2)
        assert frontend.run()["status"]["completed"]
        frontend.wait_for_outputs()
        shoot(frontend, "scores-without-script")
        assert chart(frontend).count() == 0
        find = "app.graph.nodes.find(it => it.type === 'RichSpaceOptimalInterpolate')"
        if renderer:
            finder = frontend.page.evaluate(f"{find}.id")
            assert frontend.page.locator(f'[data-node-id="{finder}"] img').first.is_visible()
        else:
            assert frontend.page.evaluate(f"{find}.imgs[0].naturalWidth") == 768


def test_an_error_is_read_in_the_node_until_the_next_run(page):
    run(page)
    page.set_widget("B: square", "text", "")
    assert page.run()["status"]["status_str"] == "error"
    said = page.page.locator(".richspace-error")
    expect(said).to_have_text("B: expected a prompt with words, got an empty one. Describe what the video should show.")
    page.page.get_by_test_id("error-overlay-see-errors").click()
    panel = page.page.get_by_test_id("runtime-error-panel")
    expect(panel).to_contain_text("PromptError: B: expected a prompt with words")
    shoot(page, "error-in-the-node")
    before_the_message = panel.inner_text().partition("B: expected")[0]
    assert "richspace_core" not in before_the_message
    assert "Traceback" not in before_the_message
    assert "File " not in before_the_message
    assert chart(page).count() == 0  # the curves were those of another prompt
    page.set_widget("B: square", "text", "a large plain blue square moves right")
    run(page)
    expect(said).to_have_count(0)
