// The budget slider: numbers that the page holds at a grid of budgets, interpolated in logarithms.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("slider-data").textContent);
  const input = document.getElementById("slider-input");
  const [first, last] = [data.flops[0], data.flops.at(-1)];
  const steps = Number(input.max);
  const placeOf = flops => Math.round(steps * Math.log(flops / first) / Math.log(last / first));

  // A mark is met exactly where the slider stands nearest to it.
  function budget() {
    const place = Number(input.value);
    const mark = [...data.marks].reverse().find(flops => placeOf(flops) === place);
    return mark ?? first * (last / first) ** (place / steps);
  }

  function between(values, flops) {
    const right = Math.min(Math.max(data.flops.findIndex(c => c >= flops), 1), data.flops.length - 1);
    const [c, d, v, w] = [data.flops[right - 1], data.flops[right], values[right - 1], values[right]];
    if (v === null || w === null) return flops === c ? v : flops === d ? w : null;
    const part = Math.log(flops / c) / Math.log(d / c);
    return v > 0 && w > 0 ? v * (w / v) ** part : v + (w - v) * part;
  }

  function told(row, flops) {
    const form = written[row.form];
    const [value, low, high] = [row.value, row.low, row.high].map(v => between(v, flops));
    const end = bound => (bound === null ? "?" : form(bound));
    return {
      number: value,
      value: value === null ? "–" : form(value),
      interval: low === null && high === null ? "" : `[${end(low)}, ${end(high)}]`,
    };
  }

  // How far the budget is from what was fitted, in words.
  function reach(flops) {
    const times = flops / data.largest;
    if (flops < data.smallest * 0.995) {
      return `less than the smallest fitted budget, ${written.flops(data.smallest)}: an extrapolation.`;
    }
    if (times <= 1.005) return "inside the fitted budgets.";
    return `${written.times(times)}× the largest fitted budget, ${written.flops(data.largest)}: an extrapolation. ${data.tested}`;
  }

  function show() {
    const flops = budget();
    const found = Object.fromEntries(data.rows.map(row => [row.name, told(row, flops)]));
    for (const row of data.rows) {
      const card = document.querySelector(`#slider-values [data-row="${CSS.escape(row.name)}"]`);
      if (!card) continue;
      for (const part of ["value", "interval"]) {
        card.querySelector(`[data-part="${part}"]`).textContent = found[row.name][part];
      }
    }
    const { hours, loss, params } = found;
    const days = hours.number >= 2.4 ? `, ${written.count(hours.number / 24)} GPU-days` : "";
    const time = `${hours.value} ${hours.interval}`.trim() + days + ` of one ${data.gpu}`;
    const amount = found.images ? `${found.images.value} images` : `${found.tokens.value} tokens`;
    document.getElementById("slider-budget").textContent = `${written.flops(flops)} FLOPs`;
    document.getElementById("slider-time").textContent = time;
    input.ariaValueText = `${written.flops(flops)} FLOPs, ${time}`;
    document.getElementById("slider-said").textContent =
      `${written.flops(flops)} FLOPs buy ${params.value} params on ${amount} and a ${data.metric} of ` +
      `${loss.value} ${loss.interval}. That is ${reach(flops)}`;
    document.getElementById("slider").classList.toggle("beyond", flops > data.largest * 1.005);
    for (const button of document.querySelectorAll("button.jump")) {
      button.ariaPressed = String(Number(button.dataset.flops) === flops);
    }
  }

  for (const button of document.querySelectorAll("button.jump")) {
    button.addEventListener("click", () => {
      input.value = placeOf(Number(button.dataset.flops));
      show();
    });
  }
  input.value = placeOf(data.marks.at(-1));
  input.addEventListener("input", show);
  document.getElementById("slider").hidden = false;
  show();
  document.body.dataset.slider = "ready";
})();
