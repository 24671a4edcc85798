"""JavaScript functions that run in the frontend's page and return the state of its graph, nodes and pictures.

They are arguments of Playwright's `evaluate` and `wait_for_function`. The graph is read from `window.app`, the object
that extensions use too.
"""

IS_READY = """() => {
    const app = window.app;
    return app?.vueAppReady && app.canvas && !app.extensionManager.spinner
        && app.extensionManager.workflow.activeWorkflow && Object.keys(LiteGraph.registered_node_types).length > 100;
}"""
# Leave nothing open but an empty graph, as on a page on which nothing was done.
START_OVER = """async settings => {
    const {command, setting, sidebarTab, toast, workflow} = app.extensionManager;
    for (const [name, value] of Object.entries(settings)) {
        if (setting.get(name) !== value) await setting.set(name, value);
    }
    await command.execute("Comfy.NewBlankWorkflow");
    for (const open of [...workflow.openWorkflows]) if (!workflow.isActive(open)) await workflow.closeWorkflow(open);
    sidebarTab.activeSidebarTabId = null;
    if (toast.dismiss) toast.dismiss(); // newer frontends
    else toast.removeAll();
    document.activeElement?.blur();
    app.canvas.ds.reset();
}"""
IS_EMPTY = """() => app.extensionManager.workflow.openWorkflows.length === 1 && !app.graph.nodes.length
    && document.getElementById("graph-canvas").checkVisibility({visibilityProperty: true, opacityProperty: true})"""
MAKE_TRANSFER = """([name, text]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], name, {type: "application/json"}));
    return transfer;
}"""
IS_OPEN = "name => app.extensionManager.workflow.activeWorkflow?.path.endsWith(`/${name}`) && app.graph.nodes.length"
NODES = """() => app.graph.nodes.map(node => {
    const bar = LiteGraph.NODE_TITLE_HEIGHT, {scale, offset} = app.canvas.ds;
    const box = [node.pos[0], node.pos[1] - bar, node.size[0], node.size[1] + bar];
    const {left, top} = app.canvas.canvas.getBoundingClientRect();
    return {
        id: String(node.id), type: node.type, title: node.title, red: Boolean(node.has_errors),
        known: node.type in LiteGraph.registered_node_types, box,
        place: [
            left + scale * (box[0] + offset[0]), top + scale * (box[1] + offset[1]), scale * box[2], scale * box[3],
        ],
        inputs: node.inputs.filter(input => !input.widget).map(input => input.name),
        widgets: (node.widgets ?? []).map(widget => widget.name),
    };
})"""
TITLE = """([id]) => {
    const page = document.querySelector(`[data-node-id="${id}"] [data-testid=node-title]`)?.getBoundingClientRect();
    if (page) return [page.left + 20, page.top + page.height / 2];
    const node = app.graph.getNodeById(id), {scale, offset} = app.canvas.ds;
    const {left, top} = app.canvas.canvas.getBoundingClientRect();
    return [left + scale * (node.pos[0] + offset[0] + 60), top + scale * (node.pos[1] + offset[1] - 15)];
}"""
SOCKET = """([id, name]) => {
    const node = app.graph.getNodeById(id), index = node.inputs.findIndex(input => input.name === name);
    const slots = document.querySelectorAll(`[data-node-id="${id}"] .lg-slot--input:not(.lg-slot--dot-only)`);
    if (slots.length) {
        const place = node.inputs.filter(input => !input.widget).findIndex(input => input.name === name);
        const box = slots[place].getBoundingClientRect();
        return [box.left + 20, box.top + box.height / 2];
    }
    const {scale, offset} = app.canvas.ds, [x, y] = node.getInputPos(index);
    const {left, top} = app.canvas.canvas.getBoundingClientRect();
    return [left + scale * (x + offset[0] + 2), top + scale * (y + offset[1])];
}"""
GROUPS = "() => app.graph.groups.map(group => ({title: group.title, box: [...group.boundingRect]}))"
CUT_TEXTS = """() => [...document.querySelectorAll("textarea, .tiptap, .comfy-markdown-content")]
    .filter(box => box.checkVisibility({visibilityProperty: true, opacityProperty: true}))
    .filter(box => box.matches("textarea")
        ? box.scrollHeight > box.clientHeight + 1
        : box.lastElementChild.getBoundingClientRect().bottom > box.getBoundingClientRect().bottom + 1)
    .map(box => (box.value ?? box.innerText).slice(0, 40))"""
IS_SHOWN = """() => app.graph.nodes.every(node => {
    const output = app.nodeOutputs[node.id];
    if (!output?.images) return Boolean(output) || !node.constructor.nodeData?.output_node;
    // The pack's script draws it.
    if (node.hideOutputImages) return document.querySelector(".richspace-chart svg, .richspace-sheet-picture img");
    const names = output.images.map(({filename}) => new URLSearchParams({filename}).toString());
    const isOne = address => names.some(name => address.includes(name));
    const page = document.querySelector(`[data-node-id="${node.id}"]`);
    if (output.animated?.[0]) {
        return [...document.querySelectorAll("video")].some(it => isOne(it.currentSrc) && it.readyState >= 2);
    }
    const pictures = page ? [...page.querySelectorAll("img")] : node.imgs ?? [];
    return pictures.some(picture => isOne(picture.src) && picture.complete && picture.naturalWidth);
})"""
# The page knows every file. It learns of them some time after they are in the history.
IS_TOLD = """files => {
    const told = Object.values(app.nodeOutputs).flatMap(output => output?.images ?? []);
    return files.every(file => told.some(({filename}) => filename === file));
}"""
VIDEOS = """() => [...document.querySelectorAll("video")].filter(video => video.checkVisibility()).map(video => ({
    query: new URL(video.currentSrc).search, size: [video.videoWidth, video.videoHeight], ready: video.readyState >= 2,
}))"""
_CARDS = (
    "[...document.querySelectorAll('[data-testid=template-workflows-content] > [data-testid^=template-workflow-]')]"
)
# Each card's name and the width of its picture, once all are loaded. The frontend loads a picture when its card comes
# into view, and may redraw a card at any time, so all are checked and read at once.
TEMPLATES = f"""() => {_CARDS}.length && {_CARDS}.every(card =>
    card.querySelector("img")?.complete || void card.scrollIntoView()) && {_CARDS}.map(card =>
    [card.dataset.testid.replace("template-workflow-", ""), card.querySelector("img").naturalWidth])"""
# A workflow is open, and all of its nodes are in the window: the view has been fitted to it.
IS_FITTED = """name => {
    const {visible_area: [x, y, width, height]} = app.canvas.ds;
    return app.extensionManager.workflow.activeWorkflow?.filename === name && app.graph.nodes.length
        && app.graph.nodes.every(({pos: [left, top], size: [wide, high]}) =>
            x < left && y < top && left + wide < x + width && top + high < y + height);
}"""
# The browser's storage has the current values of all widgets, also in subgraphs.
IS_KEPT = """() => {
    const values = ({nodes}) => nodes.map(node => [node.id, node.widgets_values]).sort((a, b) => a[0] - b[0]);
    const all = graph => JSON.stringify([graph, ...graph.definitions?.subgraphs ?? []].map(values));
    const now = all(app.graph.serialize());
    return Object.entries(localStorage).some(([key, text]) =>
        key.startsWith("Comfy.Workflow.Draft.v2:") && all(JSON.parse(JSON.parse(text).data)) === now);
}"""
# Hold back the frames that the page asks for, until `wakeUp` is called.
REST = """() => {
    const {requestAnimationFrame} = window;
    const waiting = [];
    window.requestAnimationFrame = callback => waiting.push(callback);
    window.wakeUp = () => {
        Object.assign(window, {requestAnimationFrame});
        waiting.forEach(callback => requestAnimationFrame(callback));
    };
}"""
