// What is promised: before a purchase by product, quantity and destination; after it by order, with every change.
import { estimate } from "./api.js";
import { h, icon, svg } from "./dom.js";
import { hour, said, second } from "./times.js";
import { t } from "./words.js";

const DESTINATIONS = ["US-OH", "US-NY", "CN-31", "pickup"];
const STORED = "zhike.destination";
const PAUSE_MS = 150;

export function destination() {
  const kept = localStorage.getItem(STORED);
  return DESTINATIONS.includes(kept) ? kept : DESTINATIONS[0];
}

export function destinationChoice(change = () => undefined) {
  const choice = h("select", { onchange: () => { localStorage.setItem(STORED, choice.value); change(); } },
    DESTINATIONS.map((each) => h("option", { value: each, selected: each === destination() }, t(`to.${each}`))));
  return h("label", { class: "to" }, h("span", {}, t("to")), choice);
}

// The box on a product's page; `ask(quantity)` is called whenever the quantity changes.
export function promiseBox(productId) {
  const shown = h("div", { class: "offer", "aria-live": "polite" });
  let quantity = 1, timer = 0, asked = 0;
  const look = async () => {
    const mine = (asked += 1);
    try {
      const answer = await estimate(productId, quantity, destination());
      if (mine === asked) shown.replaceChildren(...offered(answer));
    } catch (problem) {
      if (mine === asked) shown.replaceChildren(h("p", { class: "quiet" }, t("promise.none"), " ", problem.message));
    }
  };
  const ask = (next) => { quantity = next; clearTimeout(timer); timer = setTimeout(look, PAUSE_MS); };
  const box = h("section", { class: "promise-box", "aria-label": t("promise") }, icon("clock"), shown, destinationChoice(() => ask(quantity)));
  look();
  return { box, ask };
}

function offered(answer) {
  if (!answer.available) return [h("p", {}, t("promise.unavailable", { count: answer.quantity }))];
  const { estimate: found } = answer;
  return [
    h("p", { class: "by" }, t(answer.made_to_order ? "promise.made-by" : "promise.by", { day: said(found.promise_day_words) })),
    h("p", { class: "quiet" }, t("promise.likely", { time: hour(found.likely_time) }), " ", sureness(found)),
  ];
}

export function sureness(found) {
  return h("span", {}, h("b", { class: `sure ${found.confidence}` }, said(found.confidence_words)), " ", found.reasons.map((each) => said(each.words)).join(t("comma")));
}

// The promise of an order. `facts` name what caused each change.
export function promiseCard(order, facts) {
  const promise = order.promise;
  if (!promise) return [h("h2", {}, t("promise")), h("p", { class: "quiet" }, t(order.ended ? "promise.over" : "promise.soon"))];
  const arrived = order.shipping === "delivered" ? arrival(order) : null;
  const found = promise.estimate;
  return [
    h("h2", {}, t("promise")),
    arrived
      ? h("p", { class: "by" }, t(kept(arrived, promise), { time: hour(arrived), day: said(promise.held_day_words) }))
      : h("p", { class: "by" }, h("i", { class: "mark held" }), t("promise.held", { day: said(promise.held_day_words) })),
    !arrived && band(order, promise),
    !arrived && h("dl", { class: "estimate" },
      h("dt", {}, t("estimate.p50"), h("i", { class: "mark likely" })), h("dd", {}, hour(found.likely_time)),
      h("dt", {}, t("estimate.band"), h("i", { class: "mark eighty" })), h("dd", {}, `${hour(found.earliest_time)} – ${hour(found.latest_time)}`),
      h("dt", {}, t("estimate.p90")), h("dd", {}, t("promise.until", { day: said(found.promise_day_words) })),
      h("dt", {}, t("estimate.sure")), h("dd", {}, sureness(found))),
    changes(promise, facts),
  ];
}

// Of what arrived before anything was promised, as of an order from before, no promise was kept or broken.
function kept(arrived, promise) {
  if (promise.versions[0].make_time > arrived) return "promise.arrived";
  return arrived <= promise.held_time ? "promise.kept" : "promise.broken";
}

function arrival(order) {
  return order.shipments.map((each) => each.delivery_time).filter(Boolean).sort().pop();
}

// From the order to the latest that is held: the band of 80 % of cases, the likely time, the promise, and now.
function band(order, promise) {
  const found = promise.estimate;
  const at = (text) => new Date(text).getTime();
  const start = at(order.place_time);
  const end = Math.max(at(found.latest_time), at(promise.held_time)) + (at(found.latest_time) - start) * 0.04;
  const x = (text) => Math.max(0, Math.min(600, ((at(text) - start) / (end - start)) * 600));
  const [from, likely, to, held, now] = [found.earliest_time, found.likely_time, found.latest_time, promise.held_time, new Date().toISOString()].map(x);
  const label = `${t("estimate.band")}${t("colon")}${hour(found.earliest_time)} – ${hour(found.latest_time)}`;
  return svg("svg", { class: "band", viewBox: "0 0 600 44", preserveAspectRatio: "none", role: "img", "aria-label": label },
    svg("rect", { class: "track", x: 0, y: 18, width: 600, height: 8, rx: 4 }),
    svg("rect", { class: "passed", x: 0, y: 18, width: now, height: 8, rx: 4 }),
    svg("rect", { class: "eighty", x: from, y: 12, width: Math.max(4, to - from), height: 20, rx: 6 }),
    svg("rect", { class: "likely", x: likely - 2, y: 8, width: 4, height: 28, rx: 2 }),
    svg("rect", { class: "held", x: held - 2, y: 2, width: 4, height: 40, rx: 2 }));
}

function changes(promise, facts) {
  const causes = new Map(facts.map((fact) => [fact.id, fact]));
  const rows = [...promise.versions].reverse().map((version) => {
    const cause = causes.get(version.cause_event_id);
    const why = cause ? [said(cause.words), said(cause.detail_words)].filter(Boolean).join(t("colon")) : t("cause.time");
    const found = version.estimate;
    return h("li", {},
      h("time", { datetime: version.make_time }, second(version.make_time)),
      h("b", {}, t("promise.until", { day: said(found.promise_day_words) })),
      h("span", {}, t("cause", { cause: why })),
      h("small", {}, t("promise.likely", { time: hour(found.likely_time) }), " ", sureness(found)));
  });
  return h("details", { "data-name": "changes" },
    h("summary", { "data-name": "changes-summary" }, t("changes", { count: promise.versions.length })), h("ol", { class: "changes" }, rows));
}
