// The parts that pages are made of: cards, shelves, prices.
import { recommend, tell, write } from "./api.js";
import { h, icon, picture } from "./dom.js";
import { currentLanguage, t } from "./words.js";

export function money(value) {
  const locale = currentLanguage() === "zh" ? "zh-CN" : "en-US";
  return new Intl.NumberFormat(locale, { style: "currency", currency: value.currency, currencyDisplay: "narrowSymbol" }).format(Number(value.amount));
}

export const count = (value) => new Intl.NumberFormat(currentLanguage() === "zh" ? "zh-CN" : "en-US").format(value);

export function price(card) {
  const before = card.original_price && Number(card.original_price.amount) > Number(card.price?.amount ?? 0);
  if (!card.price) return h("span", { class: "price" });
  return h("span", { class: before ? "price less" : "price" }, money(card.price), before && h("s", {}, money(card.original_price)));
}

export const productPath = (id, origin = {}) => {
  const values = new URLSearchParams(Object.entries(origin).filter(([, value]) => value));
  return `/shop/product/${encodeURIComponent(id)}${values.size ? `?${values}` : ""}`;
};

export function highlighted(parts) {
  return parts.map((part) => (part.hit ? h("mark", {}, part.text) : part.text));
}

export function productCard(card, { parts, reason, origin } = {}) {
  const out = card.availability === "out-of-stock";
  return h("article", { class: "product" },
    out && h("span", { class: "badge out" }, t("out-of-stock")),
    !out && card.tags?.includes("made-to-order") && h("span", { class: "badge" }, t("tag.made-to-order")),
    picture(card),
    h("div", {},
      card.brand && !named(card) && h("div", { class: "brand-name" }, card.brand),
      h("a", { class: "title", href: productPath(card.id, origin), "data-link": "" }, parts ? highlighted(parts) : card.title),
      reason && h("div", { class: "why" }, icon("spark"), reason)),
    h("div", { class: "buy" }, price(card),
      h("button", { type: "button", disabled: out, title: t("add"), "aria-label": `${t("add")}: ${card.title}`, onclick: () => addToCart(card, 1, origin) }, "+")));
}

// Many titles begin with the brand's name; then it is not said twice.
const named = (card) => card.brand.split(" ").some((word) => word.length > 1 && card.title.includes(word));

export async function addToCart(card, quantity, origin = {}) {
  await write("add-to-cart", {
    products: [{ id: card.id, quantity, price: card.price }],
    attribution_token: origin.token || undefined, placement: origin.placement || undefined,
  });
  document.dispatchEvent(new CustomEvent("shop:cart", { detail: t("added", { title: card.title }) }));
}

const PERSONAL_ONLY = ["buy-it-again", "recently-viewed"];

// A shelf fills itself; an empty one disappears, a broken one says so and leaves the rest of the page alone.
export function shelf(placement, values = {}, { size = 12 } = {}) {
  const row = h("div", { class: "row" }, ...Array.from({ length: 6 }, () => h("div", { class: "ghost" })));
  const note = h("small", {});
  const section = h("section", { class: "shelf", "data-placement": placement, "aria-label": t(placement) },
    h("header", {}, h("h2", {}, t(placement)), note), row);
  recommend(placement, { page_size: size, ...values }).then((answer) => {
    // Nothing bought or seen yet: the page already shows what is popular once.
    const only = PERSONAL_ONLY.includes(placement) && answer.source === "popular";
    if (!answer.slots.length || only) { section.remove(); return section; }
    const origin = { token: answer.attribution_token, placement };
    const personal = answer.source !== "popular" || !answer.fallback_reason;
    note.textContent = personal ? t(`source.${answer.source}`) : t(`fallback.${answer.fallback_reason}`);
    row.replaceChildren(...answer.slots.map((slot, index) =>
      productCard(slot.product, { reason: slot.reason, origin: { ...origin, position: index + 1 } })));
    section.dataset.filled = "true";
    tell("impression", {
      placement, attribution_token: answer.attribution_token, products: answer.slots.map((slot) => ({ id: slot.product.id })),
    });
    return section;
  }).catch((problem) => row.replaceChildren(problemBox(problem)));
  return section;
}

export function problemBox(problem) {
  return h("div", { class: "problem", role: "alert" }, h("b", {}, t("problem")), " ", problem.message,
    problem.requestId && h("div", {}, h("code", {}, `${problem.reason} ${problem.requestId}`)));
}

export function empty(sign, title, text, ...rest) {
  return h("div", { class: "empty" }, h("div", { class: "big" }, sign), h("h2", {}, title), text && h("p", {}, text), ...rest);
}
