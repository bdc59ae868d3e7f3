// Starts the shop: routes, the guest switcher, language, theme, the cart's number.
import { cart, enter, forgetVisitor, guest } from "./api.js";
import { h } from "./dom.js";
import { wireFinder } from "./finder.js";
import { myDataPage } from "./mydata.js";
import { orderPage, ordersPage } from "./orders.js";
import { cartPage, productPage, resultsPage, startPage } from "./pages.js";
import { empty, problemBox } from "./parts.js";
import { chooseLanguage, currentLanguage, t } from "./words.js";

const ROUTES = [
  [/^\/shop\/?$/, startPage], [/^\/shop\/search$/, resultsPage], [/^\/shop\/product\/[^/]+$/, productPage], [/^\/shop\/cart$/, cartPage],
  [/^\/shop\/orders\/?$/, ordersPage], [/^\/shop\/orders\/[^/]+$/, orderPage],
  [/^\/shop\/my-data$/, myDataPage],
];
const main = document.querySelector("main");
let visit = 0;
let leaving = new AbortController(); // tells a page that goes on by itself that it is left

async function show(path, { keep = false } = {}) {
  const url = new URL(path, location.href);
  if (!keep) history.pushState({}, "", url.pathname + url.search);
  const mine = (visit += 1);
  leaving.abort();
  leaving = new AbortController();
  const page = ROUTES.find(([pattern]) => pattern.test(url.pathname))?.[1];
  document.querySelector("#q").value = url.searchParams.get("q") || "";
  let parts;
  try {
    parts = page ? await page(url, leaving.signal) : [empty("🏮", "404", url.pathname, h("a", { class: "chip", href: "/shop", "data-link": "" }, t("home")))];
  } catch (problem) {
    parts = [problemBox(problem), h("button", { type: "button", onclick: () => show(path, { keep: true }) }, t("try"))];
  }
  if (mine !== visit) return;
  main.replaceChildren(...parts);
  document.title = `${main.querySelector("h1")?.textContent || t("shop.name")} · ${t("shop.name")}`;
  if (!keep) { scrollTo(0, 0); main.focus({ preventScroll: true }); }
  document.documentElement.dataset.shown = url.pathname;
}

const again = () => show(location.href, { keep: true });

function translate() {
  document.documentElement.lang = currentLanguage() === "zh" ? "zh-CN" : "en";
  for (const each of document.querySelectorAll("[data-t]")) each.textContent = t(each.dataset.t);
  for (const each of document.querySelectorAll("[data-t-placeholder]")) each.placeholder = t(each.dataset.tPlaceholder);
  for (const each of document.querySelectorAll("[data-t-label]")) { each.setAttribute("aria-label", t(each.dataset.tLabel)); each.title = t(each.dataset.tLabel); }
  const other = document.querySelector("#language");
  other.textContent = t("language");
  other.lang = currentLanguage() === "zh" ? "en" : "zh";
  drawWho();
}

function drawWho() {
  const { persona, personas } = guest();
  const name = persona ? persona.name[currentLanguage()] : t("who.new");
  document.querySelector(".face").textContent = persona ? persona.sign : "?";
  document.querySelector(".who-name").textContent = name;
  const choice = (id, sign, title, text) => h("button", { type: "button", role: "menuitem", "aria-current": String((persona?.id || "") === id), onclick: () => become(id) },
    h("span", { class: "face" }, sign), h("span", {}, h("b", {}, title), h("small", {}, text)));
  document.querySelector("#who .sheet").replaceChildren(h("p", {}, t("who.text")),
    ...personas.map((each) => choice(each.id, each.sign, each.name[currentLanguage()], each.text[currentLanguage()])),
    choice("", "?", t("who.new"), t("who.new.text")),
    h("a", { class: "chip", role: "menuitem", href: "/shop/my-data", "data-link": "", onclick: () => { document.querySelector("#who").open = false; } }, t("my.data")));
}

async function become(id) {
  document.querySelector("#who").open = false;
  if (!id) forgetVisitor();
  localStorage.setItem("zhike.persona", id);
  await enter(id);
  translate();
  countCart();
  await show("/shop");
}

async function countCart() {
  const badge = document.querySelector("#cart-link b");
  try {
    const basket = await cart();
    const units = basket.lines.reduce((sum, line) => sum + line.quantity, 0);
    badge.textContent = units > 99 ? "99+" : String(units);
    badge.hidden = units === 0;
    return basket;
  } catch {
    badge.hidden = true;
    return null;
  }
}

let toastTimer = 0;
function say(words) {
  const toast = document.querySelector("#toast");
  toast.textContent = words;
  toast.hidden = !words;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { toast.hidden = true; }, 2600);
}

// The cart is derived from events and follows within a second: look again until it has.
async function followCart(event) {
  if (event.detail) say(event.detail);
  for (const pause of [150, 350, 700]) {
    await new Promise((done) => { setTimeout(done, pause); });
    await countCart();
  }
  if (location.pathname === "/shop/cart") again();
}

function wire() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-link]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    show(link.getAttribute("href"));
  });
  document.addEventListener("shop:go", (event) => show(event.detail));
  document.addEventListener("shop:cart", followCart);
  document.addEventListener("shop:say", (event) => say(event.detail));
  addEventListener("popstate", again);
  document.querySelector("#language").addEventListener("click", () => { chooseLanguage(currentLanguage() === "zh" ? "en" : "zh"); translate(); again(); });
  document.querySelector("#theme").addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = document.documentElement.dataset.theme || (dark ? "dark" : "light");
    const next = now === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    localStorage.setItem("zhike.theme", next);
  });
  document.addEventListener("click", (event) => { const who = document.querySelector("#who"); if (who.open && !who.contains(event.target)) who.open = false; });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") document.querySelector("#who").open = false; });
  wireFinder(show);
}

async function start() {
  const theme = localStorage.getItem("zhike.theme");
  if (theme) document.documentElement.dataset.theme = theme;
  try {
    await enter(localStorage.getItem("zhike.persona") || "").catch(() => enter("")); // a guest of an earlier load
  } catch (problem) {
    main.replaceChildren(problemBox(problem));
    return;
  }
  wire();
  translate();
  countCart();
  await again();
}

start();
