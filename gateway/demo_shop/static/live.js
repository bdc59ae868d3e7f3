// Follows an order by server-sent events: comes again by itself where it stopped, rests while the tab is hidden.
import { order, orderStream } from "./api.js";

const PAUSES_MS = [500, 1000, 2000, 4000, 8000, 15000, 30000]; // before another try, the last one again and again
const FINAL = new Set([401, 403, 404]);

// link: () => Promise of a token that holds now. after: number of the last fact that the page has. Stops with the signal.
// tell: { fact, standing, state }; the states are "connecting", "live", "paused" and "ended" with the problem that ended it.
export function follow(id, { link, after, tell, signal }) {
  let source = null, timer = 0, tries = 0, run = 0, place = after;

  const close = () => { run += 1; clearTimeout(timer); source?.close(); source = null; };
  const saw = (event) => { place = Math.max(place, Number(event.lastEventId) || 0); return JSON.parse(event.data); };
  function later() {
    close();
    if (signal.aborted || document.hidden) return;
    tell.state("connecting");
    timer = setTimeout(open, PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)]);
    tries += 1;
  }
  async function open() {
    close();
    const mine = run;
    try {
      const token = await link();
      if (tries) await order(id, token); // an EventSource does not say why it is refused; this does
      if (mine === run && !signal.aborted && !document.hidden) listen(orderStream(id, token, place));
    } catch (problem) {
      if (mine !== run || signal.aborted) return;
      if (!FINAL.has(problem.status)) return later();
      close();
      tell.state("ended", problem);
    }
  }
  function listen(address) {
    source = new EventSource(address);
    source.addEventListener("open", () => { tries = 0; tell.state("live"); });
    source.addEventListener("fact", (event) => tell.fact(saw(event)));
    source.addEventListener("order", (event) => tell.standing(saw(event)));
    source.addEventListener("closing", later);
    // A line that broke is taken up by the browser, with Last-Event-ID; a refusal is ours to answer.
    source.addEventListener("error", () => (source?.readyState === EventSource.CLOSED ? later() : tell.state("connecting")));
  }
  function look() {
    if (document.hidden) { close(); tell.state("paused"); return; }
    tries = 0;
    open();
  }
  document.addEventListener("visibilitychange", look, { signal });
  signal.addEventListener("abort", close);
  look();
}
