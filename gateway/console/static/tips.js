// A chart's titles as a tooltip under the pointer; by keyboard, arrow keys walk through a chart's items.
export function tooltips() {
  const tip = document.getElementById("tip");
  if (!tip) return;
  let kept, from;

  function hide() {
    tip.hidden = true;
    if (from) { from.append(kept); from.classList.remove("at"); }
    from = undefined;
  }
  function show(mark, x, y) {
    const title = mark.querySelector(":scope > title");
    if (mark !== from) {
      hide();
      if (!title) return;
      // The browser would show its own tooltip beside ours.
      kept = title; from = mark; title.remove();
      tip.textContent = title.textContent.trim();
      mark.classList.add("at");
    }
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    move(Math.max(8, Math.min(x + 14, innerWidth - width - 8)), y - height - 12 < 8 ? y + 18 : y - height - 12);
  }
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets.push(sheet);
  function move(x, y) { sheet.replaceSync(`#tip { left: ${x}px; top: ${y}px; }`); }

  document.addEventListener("pointermove", (event) => {
    const mark = event.target.closest?.(".chart g");
    if (mark) show(mark, event.clientX, event.clientY);
    else if (from && !document.activeElement?.closest?.("[data-chart]")) hide();
  });
  document.addEventListener("keydown", (event) => {
    const chart = event.target.closest?.("[data-chart]");
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -1e6, End: 1e6 }[event.key];
    if (!chart) return;
    if (event.key === "Escape") { hide(); return; }
    if (!step) return;
    event.preventDefault();
    const slots = [...chart.querySelectorAll(".slot")];
    const now = slots.indexOf(from);
    const next = slots[Math.max(0, Math.min(slots.length - 1, now < 0 ? (step < 0 ? slots.length - 1 : 0) : now + step))];
    const box = next.getBoundingClientRect();
    show(next, box.left + box.width / 2, box.top + 30);
  });
  document.addEventListener("focusout", (event) => { if (event.target.closest?.("[data-chart]")) hide(); });
}
