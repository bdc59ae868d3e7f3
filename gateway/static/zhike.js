// Zhike's event snippet: <script src="https://SHOP/zhike.js" data-key="pk_..." defer></script>, then
//   zhike.tell("detail-page-view", { products: [{ id: "p-1" }], attribution_token: token, position: 3 });
// Keeps a random visitor id, sends what it is told in batches, and once more with the same ids where that failed.
(() => {
  const { dataset, src } = document.currentScript;
  const STORED = "zhike.visitor", PAUSE_MS = 500, BATCH = 40, KEPT = 400; // 40 events stay below keepalive's 64 KiB
  const random = (bytes) => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(bytes))))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const remembered = () => { try { return localStorage.getItem(STORED); } catch { return null; } };
  const remember = (id) => { try { localStorage.setItem(STORED, id); } catch { /* a private window: for this page only */ } };
  const state = { key: dataset.key || "", token: "", api: dataset.api || new URL(src).origin, visitorId: remembered() };
  if (!/^v-[A-Za-z0-9_-]{22,64}$/.test(state.visitorId || "")) remember(state.visitorId = `v-${random(18)}`);
  let waiting = [], timer = 0;

  const post = (events) => fetch(`${state.api}/v1/events`, {
    method: "POST", keepalive: true, body: JSON.stringify({ events }),
    headers: {
      "Content-Type": "application/json", "X-Visitor-Id": state.visitorId,
      ...(state.token ? { Authorization: `Bearer ${state.token}` } : { "X-Api-Key": state.key }),
    },
  });
  const later = (answer) => !answer || answer.status === 429 || answer.status >= 500;
  async function send(events) {
    let answer = await post(events).catch(() => null);
    if (later(answer)) {
      await new Promise((go) => setTimeout(go, 1000 * Math.min(10, Number(answer?.headers.get("Retry-After")) || 1)));
      answer = await post(events).catch(() => null);
    }
    return answer && answer.ok ? answer.json() : null;
  }
  function flush() {
    clearTimeout(timer); timer = 0;
    const sent = [];
    while (waiting.length) sent.push(send(waiting.splice(0, BATCH)));
    return Promise.all(sent);
  }
  function tell(type, facts = {}) {
    const event = { id: random(15), type, time: new Date().toISOString(), channel: "web", ...facts };
    if (!state.token) event.visitor_id = state.visitorId; // a token says itself whom it speaks for
    waiting.push(event);
    if (waiting.length > KEPT) waiting.shift();
    if (waiting.length >= BATCH) return flush();
    timer ||= setTimeout(flush, PAUSE_MS);
    return Promise.resolve([]);
  }
  addEventListener("pagehide", flush);
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && flush());
  // identify({ key, token, visitorId }) changes who speaks; what was told before goes out as who spoke then.
  const identify = (who) => { flush(); Object.assign(state, who); };
  window.zhike = { tell, flush, identify, get visitorId() { return state.visitorId; } };
})();
