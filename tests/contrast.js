// Texts whose colour has less contrast (WCAG) to what is behind them than `least`; large text may
// have 3. Text on pictures and hidden text are left out.
least => {
  const numbers = color => {
    const found = color.match(/[\d.]+/g).map(Number);
    return [...found.slice(0, 3), found.length > 3 ? found[3] : 1];
  };
  const over = (top, below) => [0, 1, 2].map(k => top[3] * top[k] + (1 - top[3]) * below[k]);
  const light = color => {
    const [r, g, b] = color.map(c => c / 255).map(
      c => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const color = numbers(getComputedStyle(at).backgroundColor);
      if (color[3] > 0) layers.push(color);
    }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    if (!text || /^(SCRIPT|STYLE|NOSCRIPT|TITLE|OPTION)$/i.test(element.tagName)) continue;
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    const style = getComputedStyle(element);
    const svg = element instanceof SVGElement;
    const ink = numbers(svg ? style.fill : style.color);
    if (svg) ink[3] *= Number(style.fillOpacity);
    for (let at = element; at; at = at.parentElement) {
      ink[3] *= Number(getComputedStyle(at).opacity);
    }
    if (ink[3] === 0) continue;
    const back = behind(element);
    const pair = [light(over(ink, back)), light(back)].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
    const large = size >= 24 || (bold && size >= 18.66);
    if (ratio < (large ? 3 : least)) poor.push(ratio.toFixed(2) + ": " + text.slice(0, 60));
  }
  return poor;
}
