// Draws the figures in the theme's colours (on paper always the light ones) and in the units that
// are switched on, and saves their data.
(() => {
  "use strict";
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 640px)");
  const PAPER_WIDTH = 680; // of a printed page inside its margins, in CSS pixels
  // Ramps and kinds: 4.5:1 on their page, neighbours apart for colour-blind readers too.
  const THEMES = {
    light: {
      ink: "#1c232b", muted: "#5c6670", grid: "#e8ebee", line: "#aab2ba", paper: "#ffffff",
      clear: "rgba(0,0,0,0)", veil: "rgba(255,255,255,.75)", law: "#1f5d9c",
      band: "rgba(31,93,156,.24)", wide: "rgba(31,93,156,.11)", shade: "rgba(101,112,124,.09)",
      check: "#b4530f", good: "#17763f", bad: "#b3261e",
      ramp: ["#0b1d51", "#2545b0", "#7a3fc0", "#b8338f", "#c8452f", "#a86200"],
      kind: ["#0072b2", "#9a6a00", "#c2185b", "#1b3f8b", "#8a2d00", "#111111"],
    },
    dark: {
      ink: "#e4e8ec", muted: "#a2acb6", grid: "#272e36", line: "#4a545f", paper: "#161b21",
      clear: "rgba(0,0,0,0)", veil: "rgba(22,27,33,.75)", law: "#74aee6",
      band: "rgba(116,174,230,.28)", wide: "rgba(116,174,230,.13)", shade: "rgba(152,163,174,.1)",
      check: "#f0a05a", good: "#55c98a", bad: "#ff8a80",
      ramp: ["#7a7dff", "#c07af0", "#f2789f", "#ff9a4d", "#f7c948", "#fdf6b2"],
      kind: ["#56b4e9", "#f28c4b", "#86e8c8", "#9aa5b1", "#ffb48a", "#ffffff"],
    },
  };
  const on = { hours: false, images: false }; // the page's units other than FLOPs and tokens

  function along(stops, share) {
    const at = share * (stops.length - 1), i = Math.min(Math.floor(at), stops.length - 2);
    const part = (color, k) => parseInt(color.slice(1 + 2 * k, 3 + 2 * k), 16);
    const mixed = k => part(stops[i], k) + (at - i) * (part(stops[i + 1], k) - part(stops[i], k));
    return "#" + [0, 1, 2].map(k => Math.round(mixed(k)).toString(16).padStart(2, "0")).join("");
  }

  // "@law", "@ramp:0.4" or "@kind:2", with "/30" as an alpha after it.
  function color(word, theme) {
    const [, name, place, alpha] = word.match(/^@(\w+)(?::([\d.]+))?(?:\/(\w\w))?$/) || [];
    const found = theme[name];
    if (!found) return word;
    if (typeof found === "string") return found;
    return (name === "ramp" ? along(found, +place) : found[+place % found.length]) + (alpha || "");
  }

  // A part of a figure with its colours, in the units that are switched on.
  function drawn(value, theme, key = "") {
    if (Array.isArray(value)) return value.map(item => drawn(item, theme, key));
    if (value && typeof value === "object") {
      const own = { ...value };
      for (const unit in value.units) if (on[unit]) Object.assign(own, value.units[unit]);
      delete own.units;
      return Object.fromEntries(Object.entries(own).map(([k, v]) => [k, drawn(v, theme, k)]));
    }
    return typeof value === "string" && /color(scale)?$/.test(key) ? color(value, theme) : value;
  }

  // A phone has room for fewer ticks, and dragging must scroll there.
  function fitted(layout) {
    if (!narrow.matches) return layout;
    const thin = axis => axis.tickvals && axis.tickvals.length > 4
      ? { ...axis, tickvals: axis.tickvals.filter((_, i) => i % 2 === 0),
          ticktext: axis.ticktext.filter((_, i) => i % 2 === 0) }
      : axis;
    return { ...layout, xaxis: thin(layout.xaxis), dragmode: false,
      margin: { ...layout.margin, l: 48, r: 12 }, font: { ...layout.font, size: 12 } };
  }

  function draw(theme, width) {
    for (const figure of figures) {
      const element = document.getElementById("fig-" + figure.id);
      const config = {
        responsive: true, displaylogo: false, scrollZoom: false,
        displayModeBar: narrow.matches ? false : "hover",
        modeBarButtons: [["toImage", "resetScale2d"]],
        toImageButtonOptions: { format: "svg", filename: figure.id },
      };
      const layout = fitted(drawn(figure.layout, theme));
      const halved = width && element.closest(".pair") ? (width - 28) / 2 : width;
      Plotly.react(element, drawn(figure.data, theme), { ...layout, width: halved }, config);
    }
    document.body.dataset.figures = String(figures.length);
  }

  const redraw = () => draw(dark.matches ? THEMES.dark : THEMES.light);
  redraw();
  dark.addEventListener("change", redraw);
  narrow.addEventListener("change", redraw);
  window.addEventListener("beforeprint", () => draw(THEMES.light, PAPER_WIDTH));
  window.addEventListener("afterprint", redraw);

  const switches = [...document.querySelectorAll("button[data-unit]")];
  for (const button of switches) {
    button.addEventListener("click", () => {
      on[button.dataset.unit] = button.dataset.on === "true";
      for (const other of switches) {
        other.ariaPressed = String(String(on[other.dataset.unit]) === other.dataset.on);
      }
      redraw();
      document.dispatchEvent(new CustomEvent("units", { detail: { ...on } }));
    });
  }

  for (const button of document.querySelectorAll("button[data-csv]")) {
    button.addEventListener("click", () => {
      const figure = figures.find(one => one.id === button.dataset.csv);
      ditlaw.save(figure.id + ".csv", figure.csv);
    });
  }
})();
