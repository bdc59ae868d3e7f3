// The public API and nothing else. The shop's backend (/shop/session) gives a browser key, and for a known guest a token.
import { currentLanguage } from "./words.js";

const VISITOR = "zhike.visitor";
let session = null;

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `HTTP ${status}`);
    this.status = status;
    this.reason = body.reason || "";
    this.requestId = body.request_id || "";
  }
}

export const guest = () => session;

export async function enter(persona) {
  const answer = await fetch(`/shop/session?persona=${encodeURIComponent(persona || "")}`, { method: "POST" });
  const body = await answer.json();
  if (!answer.ok) throw new Problem(answer.status, body);
  session = { ...body, visitorId: visitorId(body.persona?.id || "new") };
  window.zhike.identify({ key: session.key, token: session.token || "", visitorId: session.visitorId });
  return session;
}

// Each guest of the demo is a browser of its own, so each has a visitor id of its own.
function visitorId(persona) {
  const key = `${VISITOR}.${persona}`;
  let id = localStorage.getItem(key);
  if (!id) {
    const bytes = crypto.getRandomValues(new Uint8Array(24));
    id = `v-${btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_")}`;
    localStorage.setItem(key, id);
  }
  return id;
}

export function forgetVisitor() {
  localStorage.removeItem(`${VISITOR}.new`);
}

function headers() {
  const known = session.token ? { Authorization: `Bearer ${session.token}` } : { "X-Api-Key": session.key };
  return { ...known, "X-Visitor-Id": session.visitorId };
}

async function call(path, { retried = false, ...options } = {}) {
  const answer = await fetch(path, { ...options, headers: { ...headers(), ...options.headers } });
  if (answer.status === 401 && !retried) {
    await enter(session.persona?.id);
    return call(path, { ...options, retried: true });
  }
  const body = answer.status === 204 ? {} : await answer.json();
  if (!answer.ok) throw new Problem(answer.status, body);
  return body;
}

const query = (values) => {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries({ language: currentLanguage(), ...values })) {
    for (const each of Array.isArray(value) ? value : [value]) if (each !== "" && each !== undefined) pairs.append(name, each);
  }
  return pairs.toString();
};

export const search = (values) => call(`/v1/search?${query(values)}`);
export const suggest = (q, signal) => call(`/v1/suggest?${query({ q })}`, { signal });
export const product = (id) => call(`/v1/products/${encodeURIComponent(id)}`);
export const recommend = (placement, values = {}) => call(`/v1/recommendations/${placement}?${query(values)}`);
export const scenes = () => call(`/v1/storefront/scenes?${query({})}`);
export const cart = () => call(`/v1/cart?${query({})}`);

export const estimate = (id, quantity, destination) => call(`/v1/products/${encodeURIComponent(id)}/promise?${new URLSearchParams({ quantity, destination })}`);

// The guest's own data: a shopper token's, nobody else's.
const sent = (method, body) => ({ method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
export const me = () => call("/v1/me");
export const setMyConsent = (purpose, granted) => call(`/v1/me/consents/${purpose}`, sent("PUT", { granted }));
export const exportMe = () => call("/v1/me:export", sent("POST", {}));
export const myExport = (id) => call(`/v1/me/exports/${encodeURIComponent(id)}`);
export const eraseMe = () => call("/v1/me:erase", sent("POST", { confirm: "erase" }));
export const erasure = (id) => call(`/v1/erasures/${encodeURIComponent(id)}`);

export async function download(id) {
  const answer = await fetch(`/v1/me/exports/${encodeURIComponent(id)}/archive`, { headers: headers() });
  if (!answer.ok) throw new Problem(answer.status, await answer.json());
  return answer.blob();
}

// The shop's own backend: it knows who the guest is, and holds the key that may place orders and make links to them.
async function ask(path, body = {}) {
  const asked = { persona: session.persona?.id || "", visitor_id: session.visitorId, ...body };
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(asked) });
  const found = await answer.json();
  if (!answer.ok) throw new Problem(answer.status, found);
  return found;
}

export const buy = (checkoutId, destination) => ask("/shop/checkout", { checkout_id: checkoutId, destination });
export const myOrders = () => ask("/shop/my-orders");
export const orderAccess = (id) => ask("/shop/order-access", { order_id: id });

export async function order(id, token) {
  const answer = await fetch(`/v1/orders/${encodeURIComponent(id)}`, { headers: { Authorization: `Bearer ${token}` } });
  const body = await answer.json();
  if (!answer.ok) throw new Problem(answer.status, body);
  return body;
}

// EventSource sets no header, so its token stands in the query, which no log of ours holds.
export const orderStream = (id, token, after) => `/v1/orders/${encodeURIComponent(id)}/stream?${new URLSearchParams({ access_token: token, after })}`;

// Events go through the same snippet that any shop's page includes (/zhike.js). Small things are told and may fail
// quietly; what changes the cart is written, and a refusal is the guest's to see.
export const tell = (type, facts = {}) => window.zhike.tell(type, { language: currentLanguage(), ...facts });

export async function write(type, facts = {}) {
  tell(type, facts);
  const answers = await window.zhike.flush();
  if (answers.some((answer) => answer === null)) throw new Problem(503, { detail: "the event was not taken" });
  const refused = answers.flatMap((answer) => answer.verdicts).find((verdict) => verdict.status === "rejected");
  if (refused) throw new Problem(400, { detail: refused.error.message, reason: refused.error.reason });
}
