// The search box: suggestions while typing (never during an IME composition), by mouse and by keyboard.
import { suggest } from "./api.js";
import { h } from "./dom.js";
import { t } from "./words.js";

const PAUSE_MS = 90;

export function wireFinder(go) {
  const form = document.querySelector(".find");
  const input = form.querySelector("input");
  const list = document.querySelector("#suggestions");
  let timer = 0, pending = null, chosen = -1, shown = [];

  const close = () => { list.hidden = true; chosen = -1; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); };
  const take = (each) => { close(); input.value = each.kind === "product" ? "" : each.text; go(target(each)); input.blur(); };
  const mark = (index) => {
    chosen = index;
    [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === index)));
    if (index >= 0) input.setAttribute("aria-activedescendant", list.children[index].id);
  };
  const show = (suggestions) => {
    shown = suggestions;
    list.replaceChildren(...suggestions.map((each, index) => h("li", { id: `s${index}`, role: "option", "aria-selected": "false", onmousedown: (event) => { event.preventDefault(); take(each); } },
      h("span", {}, each.text), h("small", {}, t(`kind.${each.kind}`)))));
    list.hidden = !suggestions.length;
    chosen = -1;
    input.setAttribute("aria-expanded", String(suggestions.length > 0));
  };
  const ask = () => {
    pending?.abort();
    const typed = input.value.trim();
    if (!typed) return close();
    pending = new AbortController();
    return suggest(typed.slice(0, 64), pending.signal).then((answer) => { if (document.activeElement === input) show(answer.suggestions); }).catch(() => undefined);
  };

  input.addEventListener("input", (event) => { clearTimeout(timer); if (!event.isComposing) timer = setTimeout(ask, PAUSE_MS); });
  input.addEventListener("compositionend", () => { timer = setTimeout(ask, PAUSE_MS); });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Escape" && !list.hidden) { event.preventDefault(); close(); } // only a second one empties the box
    if (list.hidden || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
    event.preventDefault();
    const next = chosen + (event.key === "ArrowDown" ? 1 : -1); // -1 is the box itself
    mark(next >= shown.length ? -1 : next < -1 ? shown.length - 1 : next);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    pending?.abort();
    if (chosen >= 0 && shown[chosen]) return take(shown[chosen]);
    close();
    go(`/shop/search?q=${encodeURIComponent(input.value.trim())}`);
    input.blur();
  });
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.isComposing && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) { event.preventDefault(); input.focus(); }
  });
}

function target(each) {
  if (each.kind === "product" && each.product_id) return `/shop/product/${encodeURIComponent(each.product_id)}`;
  if (each.kind === "category") return `/shop/search?${new URLSearchParams({ filter: `category:${each.text}` })}`;
  if (each.kind === "brand") return `/shop/search?${new URLSearchParams({ filter: `brand:${each.text}` })}`;
  return `/shop/search?q=${encodeURIComponent(each.text)}`;
}
