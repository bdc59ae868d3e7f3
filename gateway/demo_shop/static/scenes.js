// Pictures of goods in use: each hotspot is a link, so that keys and screen readers reach it as well as the mouse.
import { scenes } from "./api.js";
import { h, svg } from "./dom.js";
import { money, productPath } from "./parts.js";
import { t } from "./words.js";

// The row appears when there is something to show; without scenes, or without their service, the page is as it was.
export function sceneShow() {
  const row = h("div", { class: "scene-row" });
  const section = h("section", { class: "scene-show", "aria-label": t("scenes"), hidden: true }, h("header", {}, h("h2", {}, t("scenes"))), row);
  scenes().then(({ scenes: found }) => {
    if (!found.length) { section.remove(); return; }
    row.replaceChildren(...found.map(figure));
    section.hidden = false;
    section.dataset.filled = "true";
  }).catch(() => section.remove());
  return section;
}

function figure(scene) {
  const tall = Math.round((1000 * scene.height) / scene.width);
  const label = h("p", { class: "scene-label", "aria-hidden": "true" });
  const say = (product) => { label.textContent = product ? `${product.title}${product.price ? ` · ${money(product.price)}` : ""}` : ""; };
  const stage = svg("svg", { class: "scene-stage", viewBox: `0 0 1000 ${tall}`, role: "group", "aria-label": scene.alt },
    svg("image", { href: scene.image, width: 1000, height: tall }),
    ...scene.hotspots.map((spot) => hotspot(spot, tall, say)));
  return h("figure", { class: "scene", "data-scene": scene.id, "data-segment": scene.segment }, stage, label,
    h("figcaption", {}, h("h3", {}, scene.title), h("p", {}, scene.benefit)));
}

function hotspot(spot, tall, say) {
  const { product } = spot;
  const name = `${product.title}${product.price ? `, ${money(product.price)}` : ""}`;
  const y = (spot.y * tall) / 1000;
  return svg("a", { class: "spot", href: productPath(product.id, { placement: "scene" }), "data-link": "", "aria-label": name,
    onfocus: () => say(product), onblur: () => say(null), onmouseenter: () => say(product), onmouseleave: () => say(null) },
  svg("title", {}, name), svg("circle", { class: "halo", cx: spot.x, cy: y, r: 34 }), svg("circle", { class: "dot", cx: spot.x, cy: y, r: 15 }));
}
