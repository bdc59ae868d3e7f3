// Fetches a page and puts its parts in the place of those on show; a newer wish drops the one before.
let running;

async function fetched(address) {
  running?.abort();
  running = new AbortController();
  const answer = await fetch(address, { signal: running.signal, headers: { Accept: "text/html" } });
  if (answer.redirected && !answer.url.startsWith(address.origin + address.pathname)) { location.assign(answer.url); return null; }
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

export async function navigate(address, jump = false) {
  try {
    const next = await fetched(address);
    if (!next) return;
    const focused = document.activeElement?.name;
    const typed = document.activeElement?.matches?.("input") ? document.activeElement : null;
    document.getElementById("main").replaceWith(next.getElementById("main"));
    history.replaceState(null, "", address);
    if (focused) {
      const again = document.querySelector(`#main [name="${CSS.escape(focused)}"]`);
      if (again && typed) {
        again.value = typed.value;
        again.focus();
        again.setSelectionRange?.(typed.value.length, typed.value.length);
      } else again?.focus();
    } else if (jump) document.getElementById("main").focus({ preventScroll: true });
  } catch (error) {
    if (error.name !== "AbortError") location.assign(address);
  }
}

// Renews the parts that follow a topic, unless somebody is writing in one.
export async function swap(topics) {
  const parts = [...document.querySelectorAll("[data-live]")].filter(
    (part) => part.id && part.dataset.live.split(",").some((each) => topics.has(each))
      && !part.contains(document.activeElement?.closest("input, textarea, select")) && !part.querySelector("details.drawer[open]"),
  );
  if (!parts.length) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of parts) {
    const fresh = next.getElementById(part.id);
    if (fresh && fresh.innerHTML !== part.innerHTML) { fresh.classList.add("fresh"); part.replaceWith(fresh); }
  }
}
