// One stream per tab: it names the page's topics, closes while the tab is hidden, and goes on from where it was.
export function follow(renew) {
  const wanted = new Set((document.body.dataset.topics ?? "").split(",").filter(Boolean));
  for (const each of document.querySelectorAll("[data-count]")) wanted.add(each.dataset.count);
  if (!wanted.size) return;
  const state = document.querySelector("[data-live-state]");
  const moved = new Set();
  let stream, place = "", due;

  function show(works) {
    if (!state) return;
    state.hidden = false;
    state.classList.toggle("off", !works);
  }
  async function soon() {
    due = undefined;
    const topics = new Set(moved);
    moved.clear();
    try { await renew(topics); } catch { /* the next news tries again */ }
  }
  function open() {
    if (stream || document.hidden) return;
    const query = new URLSearchParams({ topics: [...wanted].sort().join(",") });
    if (place) query.set("after", place);
    stream = new EventSource(`/console/live?${query}`);
    stream.onopen = () => show(true);
    stream.onerror = () => { show(false); if (stream?.readyState === EventSource.CLOSED) { close(); setTimeout(open, 5000); } };
    stream.addEventListener("moved", (event) => {
      place = event.lastEventId || place;
      const news = JSON.parse(event.data);
      for (const each of document.querySelectorAll(`[data-count="${CSS.escape(news.topic)}"]`)) {
        if (news.count === null || news.count === undefined) continue;
        each.textContent = news.count;
        each.hidden = !news.count;
      }
      if (news.first) return;
      moved.add(news.topic);
      due ??= setTimeout(soon, 400);
    });
  }
  function close() { stream?.close(); stream = undefined; }
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
}
