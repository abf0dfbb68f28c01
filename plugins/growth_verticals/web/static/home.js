// The panel on Airflow's home: the newest delivery of each source, and what needs a person. Airflow gives it React and
// Chakra UI, and calls the function that it finds under the app's name. React escapes all text.
const { createElement: h, useEffect, useState } = globalThis.React;
const { Badge, Box, Heading, HStack, Link, Text, VStack } = globalThis.ChakraUI;
const { Link: RouterLink } = globalThis.ReactRouterDOM;

const NAME = "DeliveriesPanel";
const SHOWN = 5;
// These pages are at /deliveries, and /plugin/deliveries of Airflow's UI has them in a frame, with the path appended.
const PAGES = new URL("..", import.meta.url).pathname;
const FRAME = `/plugin/deliveries${PAGES}`;
const COLORS = {
  loaded: "green", already_loaded: "green", loaded_with_rejects: "yellow", restated: "teal", undone: "teal", by_hand: "teal",
  running: "blue", waiting: "blue", needs_approval: "purple", late_vendor: "orange",
  late_pipeline: "red", refused: "red", unexplained: "red",
};

const to = (path, text) => h(Link, { asChild: true, color: "fg.info" }, h(RouterLink, { to: `${FRAME}${path}` }, text));

const pathOf = ({ source, period }) => {
  if (source && period) return `sources/${encodeURIComponent(source)}/${encodeURIComponent(period)}`;
  return source ? `sources/${encodeURIComponent(source)}` : "tables";
};

const State = ({ state, sign, word, deliveries }) =>
  h(
    Badge,
    {
      colorPalette: COLORS[state] ?? "gray",
      size: "md",
      title: deliveries.map(({ source, period }) => `${source} ${period}`).join("\n"),
    },
    `${sign} ${deliveries.length} ${word}`,
  );

const Cause = ({ cause }) =>
  h(
    Box,
    { as: "li" },
    h(Badge, { colorPalette: COLORS[cause.state] ?? "gray", me: 2 }, cause.word),
    to(pathOf(cause), [cause.source ?? cause.table, cause.period].filter(Boolean).join(" ")),
    h(Text, { as: "span", ms: 2 }, cause.text),
    cause.next_step && h(Text, { color: "fg.muted" }, `Next: ${cause.next_step.replaceAll("`", "")}`),
  );

const Panel = ({ summary }) => {
  if (summary === "failed") return h(Text, { color: "fg.muted" }, "The state of the deliveries could not be read.");
  if (!summary.sources) return null;
  const { causes, states } = summary;
  const more = causes.length - SHOWN;
  return h(
    Box,
    { as: "section", "aria-labelledby": "deliveries-panel", borderWidth: 1, borderRadius: 8, p: 4 },
    h(
      HStack,
      { justifyContent: "space-between", mb: 2, flexWrap: "wrap" },
      h(Heading, { id: "deliveries-panel", size: "md", as: "h2" }, "Deliveries"),
      to("", "All deliveries"),
    ),
    h(HStack, { flexWrap: "wrap", gap: 2 }, states.map((each) => h(State, { key: each.state, ...each }))),
    causes.length
      ? h(
          VStack,
          { as: "ul", alignItems: "stretch", gap: 1.5, mt: 3, listStyleType: "none" },
          causes.slice(0, SHOWN).map((cause) => h(Cause, { key: cause.key, cause })),
        )
      : h(Text, { mt: 3 }, "Nothing needs a person: no delivery is late, refused or waiting for an answer."),
    more > 0 && h(Box, { mt: 2 }, to("", `${more} more`)),
  );
};

globalThis[NAME] = () => {
  const [summary, setSummary] = useState(null);
  useEffect(() => {
    const stop = new AbortController();
    fetch(`${PAGES}summary.json`, { signal: stop.signal })
      .then((response) => (response.ok ? response.json() : Promise.reject(response.status)))
      .then(setSummary)
      .catch(() => stop.signal.aborted || setSummary("failed"));
    return () => stop.abort();
  }, []);
  return summary && h(Box, { order: 2, fontSize: "sm" }, h(Panel, { summary }));
};
