// Numbers as the page's own words write them (text.py): 23.4k, 2.4e11, 0.3116, 2.43 ms.
const written = (() => {
  "use strict";

  // Python's "%.{digits}g".
  function general(value, digits) {
    const [mantissa, power] = value.toExponential(digits - 1).split("e").map(Number);
    if (value === 0 || (power >= -4 && power < digits)) return String(+value.toPrecision(digits));
    return `${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }

  function flops(value) {
    const [mantissa, power] = value.toExponential(2).split("e").map(Number);
    return `${mantissa}e${power}`;
  }

  function count(value) {
    if (Math.abs(value) >= 1e15) return flops(value);
    for (const [limit, unit] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]]) {
      if (Math.abs(value) >= limit * 0.9995) return general(value / limit, 3) + unit;
    }
    return general(value, 3);
  }

  function hours(value) {
    if (value >= 1000) return count(value) + " h";
    if (value >= 0.1) return general(value, 3) + " h";
    const seconds = value * 3600;
    for (const [limit, unit] of [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]]) {
      if (seconds >= limit) return `${general(seconds / limit, 3)} ${unit}`;
    }
    return general(seconds, 2) + " s";
  }

  return { count, flops, hours, loss: value => general(value, 4), times: value => general(value, 3) };
})();
