/** The widgets of a subgraph node, which the frontend creates on first use, and again later. */

/** Call `prepare` once with each widget that a subgraph node has or gets. */
export function onSubgraphWidgets(node, prepare) {
  const { get, ...property } = Object.getOwnPropertyDescriptor(node, "widgets");
  const known = new WeakSet();
  const getWidgets = () => {
    const widgets = get.call(node);
    for (const widget of widgets) {
      if (known.has(widget)) continue;
      known.add(widget);
      prepare(widget);
    }
    return widgets;
  };
  Object.defineProperty(node, "widgets", { ...property, get: getWidgets });
}
