// The four pages: start, results, product, cart. Each returns what belongs into <main>.
import { buy, cart, guest, product, search, tell, write } from "./api.js";
import { h, picture } from "./dom.js";
import { sceneShow } from "./scenes.js";
import { addToCart, count, empty, money, price, problemBox, productCard, productPath, shelf } from "./parts.js";
import { destination, destinationChoice, promiseBox } from "./promise.js";
import { currentLanguage, t } from "./words.js";

const FACETS = ["category", "brand", "tag"];
const SORTS = ["relevance", "popularity", "price", "-price"];
const SHOWN_VALUES = 10;
const POPULAR_WORDS = { en: ["cheese", "chocolate", "coffee", "birthday cake", "pizza"], zh: ["牛奶", "奶酪", "巧克力", "咖啡", "生日蛋糕"] };

export function startPage() {
  tell("home-page-view");
  const persona = guest().persona;
  const name = persona?.name?.[currentLanguage()];
  return [
    h("section", { class: "hero" },
      h("h1", {}, name ? t("hello.known", { name }) : t("hello")),
      h("p", {}, persona ? t("hello.same") : t("hello.text")),
      h("div", { class: "chips" }, persona
        ? persona.identifiers.map((each) => h("span", { class: "chip" }, each))
        : POPULAR_WORDS[currentLanguage()].map((word) => h("a", { class: "chip", href: `/shop/search?q=${encodeURIComponent(word)}`, "data-link": "" }, word)))),
    sceneShow(), shelf("recommended-for-you"), shelf("buy-it-again"), shelf("recently-viewed"), shelf("popular"),
  ];
}

export async function resultsPage(url) {
  const state = { q: url.searchParams.get("q") || "", filter: url.searchParams.getAll("filter"), order_by: url.searchParams.get("order_by") || "", exact: url.searchParams.get("exact") || "" };
  const ask = (page_token) => search({
    q: state.q, filter: state.filter, order_by: state.order_by, facets: FACETS.join(","), page_size: 24, page_token,
    exact_spelling: state.exact ? "true" : "",
  });
  const answer = await ask("");
  if (answer.redirect_url && !url.searchParams.has("stay")) {
    if (answer.redirect_url.startsWith("/")) {
      location.replace(answer.redirect_url); // a page of ours: the search stays out of the way of "back"
      return [];
    }
    return [h("p", { class: "note" }, t("redirect"), " ", h("a", { href: answer.redirect_url, rel: "noopener" }, answer.redirect_url)),
      h("p", {}, h("a", { class: "chip", href: changed(url, (values) => values.set("stay", "1")), "data-link": "" }, t("redirect.stay")))];
  }
  if (!answer.results.length) {
    return [empty("🔍", t("results.none", { query: state.q }), t("results.none.text"), h("div", { class: "chips" },
      POPULAR_WORDS[currentLanguage()].map((word) => h("a", { class: "chip", href: `/shop/search?q=${encodeURIComponent(word)}`, "data-link": "" }, word)))),
    shelf("popular")];
  }
  const grid = h("div", { class: "grid" });
  const more = h("button", { type: "button", class: "more" }, t("more"));
  const show = (page) => {
    const origin = { token: page.attribution_token };
    grid.append(...page.results.map((hit) => productCard(hit.product, { parts: hit.highlight, origin: { ...origin, position: hit.position } })));
    more.hidden = !page.next_page_token;
    more.onclick = () => { more.disabled = true; ask(page.next_page_token).then(show).finally(() => { more.disabled = false; }); };
  };
  show(answer);
  return [h("div", { class: "results" }, facetColumn(answer, url),
    h("div", {}, spellingNote(answer, state), resultBar(answer, state, url), grid, more))];
}

function spellingNote(answer, state) {
  if (answer.corrected_query) {
    return h("p", { class: "note" }, t("corrected", { query: answer.corrected_query }), " ",
      h("a", { href: `/shop/search?q=${encodeURIComponent(state.q)}&exact=1`, "data-link": "" }, t("corrected.not", { query: state.q })));
  }
  return answer.matched_terms === "any" && h("p", { class: "note" }, t("any"));
}

function resultBar(answer, state, url) {
  const sort = h("select", { "aria-label": t("sort"), onchange: () => go(changed(url, (values) => values.set("order_by", sort.value))) },
    SORTS.map((name) => h("option", { value: name, selected: (state.order_by || "relevance") === name }, t(`sort.${name}`))));
  const words = state.q ? t("results", { count: count(answer.total_size), query: answer.corrected_query || state.q }) : t("results.all", { count: count(answer.total_size) });
  return h("div", { class: "bar" }, h("h1", { class: "found" }, words), sort);
}

function facetColumn(answer, url) {
  const chosen = url.searchParams.getAll("filter");
  const groups = answer.facets.filter((facet) => facet.values.length).map((facet) => h("section", {},
    h("h3", {}, t(`facet.${facet.field}`)),
    facet.values.slice(0, SHOWN_VALUES).map((each) => {
      const filter = `${facet.field}:${each.value}`;
      const box = h("input", { type: "checkbox", checked: chosen.includes(filter), onchange: () => go(changed(url, (values) => {
        const rest = values.getAll("filter").filter((one) => one !== filter);
        values.delete("filter");
        for (const one of box.checked ? [...rest, filter] : rest) values.append("filter", one);
      })) });
      return h("label", {}, box, h("span", {}, t(`tag.${each.value}`) || each.label), h("small", {}, count(each.count)));
    })));
  return h("details", { class: "facets", open: innerWidth > 860 }, h("summary", {}, t("facets")),
    chosen.length > 0 && h("a", { class: "chip", "data-link": "", href: changed(url, (values) => values.delete("filter")) }, "✕ ", t("clear")), groups);
}

function changed(url, change) {
  const next = new URL(url);
  change(next.searchParams);
  return next.pathname + next.search;
}

function go(path) {
  document.dispatchEvent(new CustomEvent("shop:go", { detail: path }));
}

export async function productPage(url) {
  const id = decodeURIComponent(url.pathname.split("/").pop());
  const origin = { token: url.searchParams.get("token") || "", placement: url.searchParams.get("placement") || "" };
  const whole = await product(id);
  const position = Number(url.searchParams.get("position") || 0);
  tell("detail-page-view", {
    products: [{ id }], attribution_token: origin.token || undefined, placement: origin.placement || undefined, position: position || undefined,
  });
  const language = currentLanguage();
  const other = language === "zh" ? "en" : "zh";
  const card = { ...whole, title: whole.title[language] || whole.title[other], brand: whole.brands?.[0] };
  const promise = promiseBox(id);
  return [
    h("div", { class: "detail" }, picture(card), h("div", {},
      crumbs(whole.categories, language),
      h("h1", {}, card.title),
      whole.title[other] && whole.title[other] !== card.title && h("p", { class: "other-language", lang: other }, whole.title[other]),
      price(card), stock(whole), promise.box, buyBox(card, origin, promise.ask), facts(whole, card, language))),
    shelf("frequently-bought-together", { product_id: id }), shelf("similar-items", { product_id: id }), shelf("recently-viewed"),
  ];
}

function crumbs(categories, language) {
  const path = categories?.[0]?.[language] || categories?.[0]?.en || "";
  const levels = path.split(" > ").filter(Boolean);
  return h("p", { class: "crumbs" }, levels.flatMap((level, index) => {
    const value = levels.slice(0, index + 1).join(" > ");
    const link = h("a", { href: `/shop/search?${new URLSearchParams({ filter: `category:${value}` })}`, "data-link": "" }, level);
    return index ? [" › ", link] : [link];
  }));
}

function stock(whole) {
  if (whole.availability === "out-of-stock") return h("span", { class: "stock out" }, t("out-of-stock"));
  if (whole.availability === "backorder" || whole.tags?.includes("made-to-order")) return h("span", { class: "stock" }, t("backorder"));
  return h("span", { class: "stock" }, whole.available_quantity > 0 ? t("in-stock.count", { count: count(whole.available_quantity) }) : t("in-stock"));
}

function stepper(start, change) {
  const shown = h("output", {}, String(start));
  let amount = start;
  const step = (by) => () => { const next = Math.max(1, Math.min(99, amount + by)); if (next !== amount) { change(next - amount, next); amount = next; shown.textContent = String(amount); } };
  return h("span", { class: "amount" },
    h("button", { type: "button", "aria-label": t("less"), onclick: step(-1) }, "−"), shown,
    h("button", { type: "button", "aria-label": t("one-more"), onclick: step(1) }, "+"));
}

function buyBox(card, origin, change) {
  let quantity = 1;
  const out = card.availability === "out-of-stock";
  return h("div", { class: "act" }, stepper(1, (_, next) => { quantity = next; change(next); }),
    h("button", { type: "button", class: "main", disabled: out, onclick: () => addToCart(card, quantity, origin) }, t("add")));
}

function facts(whole, card, language) {
  const rows = [["brand", card.brand], ["category", (whole.categories?.[0]?.[language] || "").split(" > ").pop()]];
  for (const name of ["size", "maker", "department"]) {
    const values = (language === "zh" && whole.attributes?.[`${name}_zh`]) || whole.attributes?.[name];
    rows.push([name, values?.join(", ")]);
  }
  rows.push(["number", whole.id]);
  return h("dl", {}, rows.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, t(name)), h("dd", {}, value)]),
    whole.tags?.length ? [h("dt", {}, t("facet.tag")), h("dd", { class: "chips" }, whole.tags.map((tag) => h("span", { class: "chip" }, t(`tag.${tag}`) || tag)))] : null);
}

export async function cartPage() {
  tell("shopping-cart-page-view");
  const basket = await cart();
  if (!basket.lines.length) return [empty("🧺", t("cart.empty"), t("cart.empty.text"), h("a", { class: "chip", href: "/shop", "data-link": "" }, t("home"))), shelf("recommended-for-you")];
  const ids = basket.lines.map((line) => line.product.id);
  const id = crypto.getRandomValues(new Uint32Array(4)).reduce((text, each) => text + each.toString(36).padStart(7, "0"), "");
  const pay = h("button", { type: "button", class: "main", onclick: () => checkOut(id, pay) }, t("checkout"));
  return [h("h1", {}, t("cart")), h("div", { class: "basket" },
    h("ul", { class: "lines" }, basket.lines.map(cartLine)),
    h("aside", { class: "sum" }, h("p", {}, t("cart.total"), h("b", { class: "price" }, basket.total ? money(basket.total) : "")), destinationChoice(), pay, h("small", {}, t("checkout.note")))),
  shelf("frequently-bought-together", { product_id: ids.slice(0, 10) })];
}

function cartLine(line) {
  const card = line.product;
  const change = (by) => write(by > 0 ? "add-to-cart" : "remove-from-cart", { products: [{ id: card.id, quantity: Math.abs(by), price: card.price }] })
    .then(() => document.dispatchEvent(new CustomEvent("shop:cart", { detail: "" })));
  return h("li", {}, picture(card), h("a", { href: productPath(card.id), "data-link": "" }, card.title),
    h("span", {}, stepper(line.quantity, (by) => change(by)), " ",
      h("button", { type: "button", title: t("remove"), "aria-label": `${t("remove")}: ${card.title}`, onclick: () => change(-line.quantity).then(() => go("/shop/cart")) }, "✕")),
    price(card));
}

// The shop's own server places the order. The id is of this checkout: pressed twice, it is one order.
async function checkOut(id, button) {
  button.disabled = true;
  button.parentElement.querySelector(".problem")?.remove();
  try {
    const placed = await buy(id, destination());
    document.dispatchEvent(new CustomEvent("shop:cart", { detail: t("bought") }));
    go(`/shop/orders/${encodeURIComponent(placed.order_id)}`);
  } catch (problem) {
    button.after(problemBox(problem));
    button.disabled = false;
  }
}
