// What script adds to pages that work without it: parts renewed in place, live news, quick search, keys, tooltips.
import { follow } from "./live.js";
import { quickSearch } from "./find.js";
import { tooltips } from "./tips.js";
import { swap, navigate } from "./swap.js";

const page = document.documentElement;
const isTyping = (target) => target.closest("input, textarea, select, [contenteditable]");

// A form is sent once: the submit id folds doubles anyhow, this spares the second request.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "post") {
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    setTimeout(() => delete form.dataset.sent, 8000);
  } else if (form.matches("[data-filter]")) {
    event.preventDefault();
    const address = new URL(form.action);
    address.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
    navigate(address);
  }
});
// Coming back by the browser's button finds the page as it was kept: its forms may be sent again.
addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));

let waiting;
document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-filter]");
  if (!form || event.isComposing) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => form.requestSubmit(), event.target.matches("select, [type=checkbox], [type=date]") ? 0 : 350);
});
document.addEventListener("compositionend", (event) => event.target.dispatchEvent(new Event("input", { bubbles: true })));

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-swap]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
    event.preventDefault();
    navigate(new URL(link.href), true);
    return;
  }
  for (const open of document.querySelectorAll("details.who[open], details.help[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
  const drawer = event.target.closest("details.drawer");
  if (drawer && drawer.open && event.target.matches("summary") === false && event.target.closest("[data-close]")) drawer.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    const open = document.querySelector("details.drawer[open], details.who[open], details.help[open]");
    if (open) { open.open = false; open.querySelector("summary").focus(); }
    return;
  }
  if (isTyping(event.target)) return;
  if (event.key === "/") {
    event.preventDefault();
    document.getElementById("q")?.focus();
  } else if (event.key === "?") {
    location.assign("/console/keys");
  } else if (event.key === "g") {
    event.preventDefault();
    document.querySelector(".side a, .foot a")?.focus();
  } else if (event.key === "n") {
    document.querySelector("a[rel=next]")?.click();
  }
});

// Opening a drawer puts the cursor where one begins to write.
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("details.drawer") && event.target.open) {
    event.target.querySelector(".dialog :is(input:not([type=hidden]), select, textarea, button)")?.focus();
  }
}, true);

// Times move on: "2 minutes ago" is counted again.
const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const words = new Intl.RelativeTimeFormat(page.lang, { numeric: "auto" });
function age() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const seconds = (Date.parse(time.dateTime) - Date.now()) / 1000;
    const [unit, size] = units.find(([, each]) => Math.abs(seconds) >= each) ?? units[3];
    if (Math.abs(seconds) < 30 * 86400) time.textContent = words.format(Math.round(seconds / size), unit);
  }
}
setInterval(age, 30000);

document.querySelector("[aria-invalid=true]")?.focus();
quickSearch();
tooltips();
follow(swap);
page.dataset.ready = "1";
