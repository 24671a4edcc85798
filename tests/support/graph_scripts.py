"""Parts of scripts that build a graph in the real page."""

#: Functions of a script: `add` makes a node at a place with values of its widgets, `wire` connects an output and an
#: input by their names.
ADD_AND_WIRE = """
    const add = (type, pos, values = {}) => {
        const node = LiteGraph.createNode(type);
        node.pos = pos;
        app.graph.add(node);
        for (const [name, value] of Object.entries(values)) node.widgets.find(it => it.name === name).value = value;
        return node;
    };
    const wire = (from, output, to, input) => from.connect(
        from.outputs.findIndex(it => it.name === output), to, to.inputs.findIndex(it => it.name === input));
"""
