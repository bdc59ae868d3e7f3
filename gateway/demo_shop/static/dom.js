// Elements without markup strings: text is always text, so nothing that a shop's data holds can become script.
const SVG = "http://www.w3.org/2000/svg";

export function h(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function icon(name) {
  return svg("svg", { class: "icon", "aria-hidden": "true" }, svg("use", { href: `/shop/static/icons.svg#${name}` }));
}

// A product without a photograph gets a quiet tile: its sign on a gradient of its department's hue.
export function picture(card) {
  const sign = card.attributes?.picture_icon?.[0] || "🛒";
  const hue = Number(card.attributes?.picture_hue?.[0] ?? 150);
  const id = `g${Math.abs(hash(card.id))}-${Math.random().toString(36).slice(2, 7)}`;
  const tilt = (Math.abs(hash(card.id)) % 17) - 8;
  return svg("svg", { class: "picture", viewBox: "0 0 120 90", role: "img", "aria-label": card.title },
    svg("defs", {}, svg("linearGradient", { id, x1: 0, y1: 0, x2: 1, y2: 1 },
      svg("stop", { offset: 0, "stop-color": `hsl(${hue} 62% 92%)` }),
      svg("stop", { offset: 1, "stop-color": `hsl(${(hue + 24) % 360} 52% 82%)` }))),
    svg("rect", { width: 120, height: 90, fill: `url(#${id})` }),
    svg("circle", { cx: 92 + tilt, cy: 18, r: 34, fill: "#fff", opacity: 0.28 }),
    svg("text", { x: 60, y: 60, "text-anchor": "middle", "font-size": 40, transform: `rotate(${tilt} 60 45)` }, sign));
}

function hash(text) {
  let value = 0;
  for (const character of text) value = (value * 31 + character.codePointAt(0)) | 0;
  return value;
}
