// The guest's orders, and one order that moves while one looks at it.
import { myOrders, order, orderAccess, product } from "./api.js";
import { h, icon, picture } from "./dom.js";
import { follow } from "./live.js";
import { count, empty, money, productPath, shelf } from "./parts.js";
import { promiseCard } from "./promise.js";
import { hour, said, second } from "./times.js";
import { currentLanguage, t } from "./words.js";

const PICTURED = 40; // lines of an order whose product is looked up
const MARGIN_MS = 60_000; // a token that ends sooner is not begun with

export async function ordersPage() {
  const { orders } = await myOrders();
  if (!orders.length) return [empty("📦", t("orders.none"), t("orders.none.text"), h("a", { class: "chip", href: "/shop", "data-link": "" }, t("home"))), shelf("popular")];
  return [h("div", { class: "head" }, h("h1", {}, t("orders")), h("p", { class: "quiet" }, t("simulated"))), h("ul", { class: "orders" }, orders.map(orderRow))];
}

function orderRow(each) {
  const promised = each.promise && !each.ended ? t("promise.held", { day: said(each.promise.held_day_words) }) : "";
  const pieces = each.lines.filter((line) => !line.is_charge).reduce((sum, line) => sum + line.quantity, 0);
  return h("li", {}, h("a", { href: `/shop/orders/${encodeURIComponent(each.id)}`, "data-link": "" },
    h("span", { class: `headline ${each.headline}` }, said(each.headline_words)),
    h("b", {}, t("order", { number: each.number })),
    h("span", { class: "quiet" }, each.place_time ? hour(each.place_time) : "", " · ", t("pieces", { count: count(pieces) }), each.payment?.total ? ` · ${money(each.payment.total)}` : ""),
    h("span", {}, promised)));
}

// A link that came by mail has its token behind the #, which no server ever sees; else the shop's backend makes one.
function linkTo(id) {
  const given = new URLSearchParams(location.hash.slice(1)).get("access");
  if (given) return async () => given;
  let kept = null;
  return async () => {
    if (!kept || new Date(kept.expire_time) - Date.now() < MARGIN_MS) kept = await orderAccess(id);
    return kept.token;
  };
}

export async function orderPage(url, signal) {
  const id = decodeURIComponent(url.pathname.split("/").pop());
  const link = linkTo(id);
  const view = new View(await order(id, await link()));
  if (!signal.aborted) follow(id, { link, after: view.order.version, tell: view, signal });
  return view.parts;
}

// What is shown of an order: regions that are drawn anew when what they show has changed, and only then.
class View {
  constructor(whole) {
    const { events, ...standing } = whole;
    this.order = standing;
    this.facts = events;
    this.cards = new Map();
    this.status = h("p", { class: "live", role: "status" });
    this.regions = [
      region("head", () => [this.order.headline_words], () => head(this.order)),
      region("notices", () => [this.order.promise?.notices], () => notices(this.order)),
      region("axes", () => [this.order.payment, this.order.production, this.order.shipping, this.order.returning], () => axes(this.order)),
      region("promised", () => [this.order.promise, this.order.shipping, this.order.ended, this.facts.length], () => promiseCard(this.order, this.facts)),
      region("made", () => [this.order.lines, this.cards.size], () => lines(this.order, this.cards)),
      region("parcels", () => [this.order.shipments, this.order.returns, marks(this.facts)], () => parcels(this.order, this.facts)),
      region("told", () => marks(this.facts), () => history(this.facts)),
      region("linked", () => this.order.linked_data, () => linkedData(this.order)),
    ];
    const [first, told, standings, promised, made, sent, heard, machine] = this.regions.map((each) => each.element);
    this.parts = [
      h("div", { class: "order", "aria-live": "off" }, h("div", { class: "order-top" }, first, this.status), told, standings,
        h("div", { class: "order-body" }, h("div", {}, made, sent), h("div", {}, promised, heard)), machine),
    ];
    this.state("connecting");
    this.draw();
    this.lookUp();
  }

  fact(told) {
    if (this.facts.some((known) => known.id === told.id)) return;
    const taken = new Set(told.corrects);
    this.facts = [...this.facts.map((known) => (taken.has(known.id) ? { ...known, void: true } : known)), told];
  }

  // Called by the stream after the facts that led to it.
  standing(next) {
    const before = this.order;
    this.order = next;
    this.draw();
    document.title = `${said(next.headline_words)} · ${t("shop.name")}`;
    const heard = next.promise?.notices.at(-1);
    if (heard && heard.slip > (before.promise?.notices.length || 0)) this.say(said(heard.words));
    else if (next.headline !== before.headline) this.say(said(next.headline_words));
  }

  state(name, problem) {
    this.status.dataset.state = name;
    this.status.replaceChildren(h("i", { "aria-hidden": "true" }), h("span", {}, t(`live.${name}`)), problem ? h("span", {}, " ", t("live.ended.text"), " ", h("code", {}, problem.reason)) : "");
  }

  // One sentence for who cannot see what moved; the regions themselves stay silent.
  say(words) {
    document.dispatchEvent(new CustomEvent("shop:say", { detail: words }));
  }

  draw() {
    for (const each of this.regions) {
      const read = JSON.stringify(each.reads()) ?? "";
      if (read === each.read) continue;
      redraw(each.element, each.draw().flat().filter(Boolean), { moved: each.read !== null });
      each.read = read;
    }
  }

  async lookUp() {
    const wanted = this.order.lines.filter((line) => !line.is_charge).slice(0, PICTURED);
    await Promise.allSettled(wanted.map(async (line) => this.cards.set(line.product_id, await product(line.product_id))));
    this.draw();
  }
}

const region = (name, reads, draw) => ({ element: h("section", { class: name }), reads, draw, read: null });
const marks = (facts) => facts.map((each) => [each.id, each.void]);

// What was open stays open, and who stood somewhere with the keyboard stands there again.
function redraw(element, parts, { moved }) {
  const open = new Set([...element.querySelectorAll("details[open]")].map((each) => each.dataset.name));
  const held = element.contains(document.activeElement) ? document.activeElement.dataset.name : "";
  element.replaceChildren(...parts);
  for (const each of element.querySelectorAll("details")) each.open ||= open.has(each.dataset.name);
  if (held) [...element.querySelectorAll("[data-name]")].find((each) => each.dataset.name === held && each.tagName !== "DETAILS")?.focus({ preventScroll: true });
  element.classList.remove("moved");
  if (moved) { void element.offsetWidth; element.classList.add("moved"); } // so that a second move is seen as well
}

function head(whole) {
  return [
    h("p", { class: "crumbs" }, h("a", { href: "/shop/orders", "data-link": "" }, t("orders"))),
    h("h1", {}, said(whole.headline_words)),
    h("p", { class: "quiet" }, t("order", { number: whole.number }), whole.place_time ? ` · ${hour(whole.place_time)}` : "", " · ", t("simulated")),
  ];
}

function notices(whole) {
  return (whole.promise?.notices || []).map((each) => h("p", { class: "note delay" }, icon("bell"),
    h("span", {}, said(each.words)), h("time", { datetime: each.tell_time }, second(each.tell_time))));
}

function axes(whole) {
  const rows = [
    ["payment", whole.payment?.state, said(whole.payment?.words), whole.payment?.total && money(whole.payment.total)],
    ["production", whole.production, said(whole.production_words)], ["shipping", whole.shipping, said(whole.shipping_words)],
    ["returning", whole.returning, said(whole.returning_words)],
  ];
  return [h("dl", {}, rows.map(([name, state, words, more]) => h("div", { "data-axis": name, "data-state": state }, h("dt", {}, t(`axis.${name}`)), h("dd", {}, words, more ? h("small", {}, more) : ""))))];
}

function lines(whole, cards) {
  return [h("h2", {}, t("lines")), h("ul", { class: "order-lines" }, whole.lines.map((line) => orderLine(line, cards.get(line.product_id))))];
}

function orderLine(line, found) {
  const language = currentLanguage();
  const title = line.is_charge ? t("charge") : found?.title[language] || found?.title.en || line.product_id;
  const pieces = [["shipped", line.shipped], ["delivered", line.delivered], ["returned", line.returned], ["cancelled", line.cancelled]].filter(([, number]) => number > 0);
  return h("li", {},
    found ? picture({ ...found, title }) : h("span", { class: "blank" }),
    h("div", {},
      h("div", { class: "line-head" }, line.is_charge || !found ? h("b", {}, title) : h("a", { href: productPath(line.product_id), "data-link": "", "data-name": `line-${line.number}` }, title),
        h("span", {}, `× ${count(line.quantity)}`), line.total ? h("span", { class: "price" }, money(line.total)) : ""),
      pieces.length ? h("p", { class: "chips" }, pieces.map(([name, number]) => h("span", { class: "chip" }, t(`pieces.${name}`, { count: count(number) })))) : "",
      line.progress ? progress(line) : ""));
}

function progress(line) {
  const made = line.progress;
  const percent = Math.round(made.share * 100);
  const known = made.stages.some((each) => each.stage === made.stage);
  const work = made.stage && !known ? [h("li", { class: "now", "aria-current": "step" }, said(made.stage_words))] : [];
  return h("div", { class: "making" },
    h("div", { class: "making-head" }, h("span", {}, [said(made.family_words), said(made.stage_words)].filter(Boolean).join(t("colon"))), h("b", {}, `${percent} %`)),
    h("div", { class: "bar-of", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": percent, "aria-label": t("progress") }, bar(percent)),
    h("ol", { class: "stages" }, made.stages.map((each) => stage(each, made, line)), work),
    made.remarks.map((each) => h("p", { class: "remark", "data-kind": each.kind }, icon("turn"), h("span", {}, said(each.words)), h("time", { datetime: each.time }, second(each.time)))));
}

function bar(percent) {
  const whole = h("span", {});
  whole.style.width = `${percent}%`;
  return whole;
}

function stage(each, made, line) {
  const done = each.done >= line.quantity;
  const now = each.stage === made.stage;
  const part = each.done > 0 && !done ? ` ${each.done}/${line.quantity}` : "";
  return h("li", { class: now ? "now" : done ? "done" : each.done ? "part" : "", "aria-current": now ? "step" : null }, said(each.words), part, done && !now ? h("span", { class: "unseen" }, ` (${t("done")})`) : "");
}

function parcels(whole, facts) {
  const parts = whole.shipments.map((parcel) => {
    const scans = newest(facts.filter((fact) => fact.shipment_id === parcel.id));
    return h("article", { class: "parcel", "data-state": parcel.state },
      h("header", {}, icon("parcel"), h("h3", {}, said(parcel.words)), h("span", { class: "quiet" }, `${parcel.carrier} · ${parcel.tracking_number}`)),
      h("ol", { class: "scans" }, scans.map(scan)));
  });
  const backs = whole.returns.map((each) => h("p", { class: "note" }, said(each.words), " ", each.id));
  return [h("h2", {}, t("parcels")), ...(parts.length ? parts : [h("p", { class: "quiet" }, t("parcels.none"))]), ...backs];
}

function scan(fact) {
  return h("li", { class: fact.void ? "void" : "" }, h("time", { datetime: fact.occurred_time }, second(fact.occurred_time)),
    h("span", {}, said(fact.words), said(fact.detail_words) ? h("small", {}, ` ${said(fact.detail_words)}`) : "", fact.type === "shipment-scanned" && !fact.detail_words && fact.carrier_word ? h("code", {}, fact.carrier_word) : ""), h("small", {}, fact.place));
}

function history(facts) {
  return [h("h2", {}, t("history")), h("details", { "data-name": "history" }, h("summary", { "data-name": "history-summary" }, t("history.count", { count: count(facts.length) })),
    h("ol", { class: "scans" }, newest(facts).map((fact) => h("li", { class: fact.void ? "void" : "" }, h("time", { datetime: fact.occurred_time }, second(fact.occurred_time)),
      h("span", {}, said(fact.words), said(fact.detail_words) ? h("small", {}, ` ${said(fact.detail_words)}`) : "")))))];
}

const newest = (facts) => [...facts].sort((one, other) => (one.occurred_time < other.occurred_time ? 1 : one.occurred_time > other.occurred_time ? -1 : other.seq - one.seq));

// For machines: the order in schema.org's words. A data block, which no policy takes for a script.
function linkedData(whole) {
  return whole.linked_data ? [h("script", { type: "application/ld+json" }, JSON.stringify(whole.linked_data))] : [];
}
