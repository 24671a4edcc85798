"""Widgets that count only while another input is connected are grayed out until then."""

from comfyui.frontend import SETTLED_MS
from environment.checkout import ARTIFACTS
from playwright.sync_api import expect

SAMPLER = "RichSpaceCogVideoXSample"
CONNECT = """id => {
    const latent = LiteGraph.createNode("EmptyLatentImage"), node = app.graph.getNodeById(id);
    app.graph.add(latent);
    latent.connect(0, node, node.inputs.findIndex(({name}) => name === "start_latent"));
}"""
DISCONNECT = """id => {
    const node = app.graph.getNodeById(id);
    node.disconnectInput(node.inputs.findIndex(({name}) => name === "start_latent"));
}"""
IS_GRAY = "id => app.graph.getNodeById(id).widgets.find(({name}) => name === 'strength').computedDisabled"

expect.set_options(timeout=SETTLED_MS)


def test_strength_is_gray_without_a_start_latent(open_page, renderer):
    with open_page(nodes_2=renderer) as frontend:
        frontend.open_blank()
        node = frontend.add_node(SAMPLER, (700, 250))
        field = frontend.page.locator(f'[data-node-id="{node}"] input:disabled')

        def assert_gray(is_gray):
            if frontend.nodes_2:
                expect(field).to_have_count(int(is_gray))
            else:
                assert bool(frontend.page.evaluate(IS_GRAY, node)) == is_gray

        frontend.settle()
        assert_gray(True)
        name = "nodes-2" if frontend.nodes_2 else "classic"
        frontend.screenshot(ARTIFACTS / "browser" / f"gray-{name}.png")
        frontend.page.evaluate(CONNECT, node)
        frontend.settle()
        assert_gray(False)
        frontend.page.evaluate("async () => app.loadGraphData(JSON.parse(JSON.stringify(app.graph.serialize())))")
        frontend.settle()
        assert_gray(False)
        frontend.page.evaluate(DISCONNECT, node)
        frontend.settle()
        assert_gray(True)
