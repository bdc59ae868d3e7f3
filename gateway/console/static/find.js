// The quick list below the search box: a combobox over the links that the server found.
export function quickSearch() {
  const box = document.getElementById("q"), list = document.getElementById("found");
  if (!box || !list) return;
  let running, waiting, chosen = -1;
  const links = () => [...list.querySelectorAll("a")];

  function close() { list.hidden = true; chosen = -1; box.setAttribute("aria-expanded", "false"); box.removeAttribute("aria-activedescendant"); }
  function choose(number) {
    const every = links();
    if (!every.length) return;
    chosen = (number + every.length) % every.length;
    every.forEach((link, at) => link.setAttribute("aria-selected", String(at === chosen)));
    box.setAttribute("aria-activedescendant", every[chosen].id);
    every[chosen].scrollIntoView({ block: "nearest" });
  }
  async function find() {
    const text = box.value.trim();
    running?.abort();
    if (text.length < 2) { close(); return; }
    running = new AbortController();
    try {
      const answer = await fetch(`/console/search?quick=1&q=${encodeURIComponent(text)}`, { signal: running.signal });
      if (!answer.ok) return;
      const next = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("quick");
      if (!next || document.activeElement !== box) return;
      list.replaceChildren(...next.childNodes);
      chosen = -1;
      list.hidden = false;
      box.setAttribute("aria-expanded", "true");
    } catch (error) {
      if (error.name !== "AbortError") close();
    }
  }
  box.addEventListener("input", (event) => { if (!event.isComposing) { clearTimeout(waiting); waiting = setTimeout(find, 160); } });
  box.addEventListener("compositionend", find);
  box.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") { event.preventDefault(); list.hidden ? find() : choose(chosen + 1); }
    else if (event.key === "ArrowUp") { event.preventDefault(); choose(chosen - 1); }
    else if (event.key === "Escape") { clearTimeout(waiting); running?.abort(); close(); }
    else if (event.key === "Enter" && chosen >= 0 && !list.hidden) { event.preventDefault(); links()[chosen].click(); }
  });
  document.addEventListener("click", (event) => { if (!box.form.contains(event.target)) close(); });
  box.form.addEventListener("focusout", (event) => { if (event.relatedTarget && !box.form.contains(event.relatedTarget)) close(); });
}
