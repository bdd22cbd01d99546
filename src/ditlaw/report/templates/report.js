// Draws the figures in the colours of the light or dark theme; on paper always light.
(() => {
  "use strict";
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 640px)");
  const THEMES = {
    light: {
      ink: "#1c232b", muted: "#65707c", grid: "#e8ebee", line: "#aab2ba", paper: "#ffffff",
      clear: "rgba(0,0,0,0)", veil: "rgba(255,255,255,.75)", law: "#1f5d9c",
      band: "rgba(31,93,156,.24)", wide: "rgba(31,93,156,.11)", shade: "rgba(101,112,124,.07)",
      check: "#b4530f", good: "#17763f", bad: "#b3261e",
    },
    dark: {
      ink: "#e4e8ec", muted: "#98a3ae", grid: "#272e36", line: "#4a545f", paper: "#161b21",
      clear: "rgba(0,0,0,0)", veil: "rgba(22,27,33,.75)", law: "#74aee6",
      band: "rgba(116,174,230,.28)", wide: "rgba(116,174,230,.13)", shade: "rgba(152,163,174,.08)",
      check: "#f0a05a", good: "#55c98a", bad: "#ff8a80",
    },
  };

  function coloured(value, theme, key) {
    if (Array.isArray(value)) return value.map(item => coloured(item, theme, key));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v, theme, k)]));
    }
    const named = typeof value === "string" && value[0] === "@" && /color$/.test(key || "");
    return named ? theme[value.slice(1)] : value;
  }

  // Plotly draws nothing sensible with a side legend on a phone, and dragging must scroll there.
  function fitted(layout) {
    if (!narrow.matches) return layout;
    const thin = axis => axis && axis.tickvals && axis.tickvals.length > 4
      ? { ...axis, tickvals: axis.tickvals.filter((_, i) => i % 2 === 0),
          ticktext: axis.ticktext.filter((_, i) => i % 2 === 0) }
      : axis;
    const found = { ...layout, xaxis: thin(layout.xaxis), dragmode: false,
      margin: { ...layout.margin, l: 48, r: 12 }, font: { ...layout.font, size: 12 } };
    if (layout.xaxis2) found.xaxis2 = thin(layout.xaxis2);
    return found;
  }

  function draw(theme) {
    for (const figure of figures) {
      const element = document.getElementById("fig-" + figure.id);
      const config = {
        responsive: true, displaylogo: false, scrollZoom: false,
        displayModeBar: narrow.matches ? false : "hover",
        modeBarButtons: [["toImage", "resetScale2d"]],
        toImageButtonOptions: { format: "svg", filename: figure.id },
      };
      Plotly.react(element, coloured(figure.data, theme), fitted(coloured(figure.layout, theme)), config);
    }
    document.body.dataset.figures = String(figures.length);
  }

  const redraw = () => draw(dark.matches ? THEMES.dark : THEMES.light);
  redraw();
  dark.addEventListener("change", redraw);
  narrow.addEventListener("change", redraw);
  window.addEventListener("beforeprint", () => draw(THEMES.light));
  window.addEventListener("afterprint", redraw);
})();
