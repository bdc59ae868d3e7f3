// What the shop's platform knows of the guest, in the guest's own hands: consents, the archive of everything, erasure.
import { download, eraseMe, erasure, exportMe, guest, me, myExport, setMyConsent } from "./api.js";
import { h } from "./dom.js";
import { empty } from "./parts.js";
import { second } from "./times.js";
import { currentLanguage, t } from "./words.js";

const LOOK_MS = 700;
const RECEIPT = "zhike.receipt";

export async function myDataPage(url, signal) {
  const receipt = url.searchParams.get("receipt");
  if (receipt) return [h("h1", {}, t("my.receipt")), receiptCard(receipt, signal)];
  if (!guest().token) return [empty("🔐", t("my.data"), t("my.known-only")), ...lastReceipt()];
  const known = await me();
  return [
    h("div", { class: "head" }, h("h1", {}, t("my.data")), h("p", { class: "quiet" }, t("my.text"))),
    consentCard(known.consents, signal), exportCard(signal), factsCard(known), eraseCard(), ...lastReceipt(),
  ];
}

const card = (title, ...parts) => h("section", { class: "card my" }, h("h2", {}, title), ...parts);
const say = (words) => document.dispatchEvent(new CustomEvent("shop:say", { detail: words }));
const go = (path) => document.dispatchEvent(new CustomEvent("shop:go", { detail: path }));

function consentCard(consents) {
  const rows = h("ul", { class: "my-rows" });
  const draw = (all) => rows.replaceChildren(...all.map((each) => h("li", {},
    h("label", {}, h("input", { type: "checkbox", name: each.purpose, checked: each.state === "granted", onchange: async (event) => {
      const box = event.target;
      box.disabled = true;
      try { draw((await setMyConsent(each.purpose, box.checked)).consents); say(t("my.consent.kept")); } catch (problem) { box.checked = !box.checked; box.disabled = false; say(problem.message); }
    } }), " ", h("b", {}, t(`my.purpose.${each.purpose}`))),
    h("span", { class: "quiet" }, t(`my.consent.${each.state}`), each.claim_time ? ` · ${second(each.claim_time)}` : ""))));
  draw(consents);
  return card(t("my.consents"), h("p", { class: "quiet" }, t("my.consents.text")), rows);
}

function exportCard(signal) {
  const status = h("p", { role: "status", class: "quiet" });
  const button = h("button", { type: "button", onclick: async () => {
    button.disabled = true;
    status.textContent = t("my.export.running");
    try {
      let found = await exportMe();
      while (found.state === "running" && !signal.aborted) {
        await new Promise((done) => { setTimeout(done, LOOK_MS); });
        found = await myExport(found.id);
      }
      if (found.state === "ready") {
        status.replaceChildren(h("button", { type: "button", class: "chip", onclick: () => save(found.id) }, t("my.export.download", { count: found.files.length })));
      } else status.textContent = t("problem");
    } catch (problem) { status.textContent = problem.message; }
    button.disabled = false;
  } }, t("my.export.begin"));
  return card(t("my.export"), h("p", { class: "quiet" }, t("my.export.text")), button, status);
}

async function save(id) {
  const address = URL.createObjectURL(await download(id));
  h("a", { href: address, download: "my-data.zip" }).click();
  URL.revokeObjectURL(address);
}

function factsCard(known) {
  const rows = [
    ...known.identifiers.map((each) => [t("my.identifier"), each.identifier, each.source]),
    ...known.facts.map((each) => [each.field, each.value, each.source]),
    [t("my.orders"), String(known.purchases?.orders ?? 0), ""],
  ];
  return card(t("my.known"), h("dl", { class: "my-facts" }, rows.flatMap(([name, value, source]) => [h("dt", {}, name), h("dd", {}, value, source ? h("small", {}, ` ${t("my.from", { source })}`) : null)])));
}

function eraseCard() {
  const field = h("input", { type: "text", name: "confirm", autocomplete: "off", maxlength: 20, "aria-label": t("my.erase.type", { word: t("my.erase.word") }) });
  const form = h("form", { onsubmit: async (event) => {
    event.preventDefault();
    if (field.value.trim().toLowerCase() !== t("my.erase.word")) { say(t("my.erase.type", { word: t("my.erase.word") })); return; }
    try {
      const receipt = await eraseMe();
      localStorage.setItem(RECEIPT, receipt.id);
      go(`/shop/my-data?receipt=${encodeURIComponent(receipt.id)}`);
    } catch (problem) { say(problem.message); }
  } }, h("label", {}, t("my.erase.type", { word: t("my.erase.word") }), " ", field), " ", h("button", { type: "submit" }, t("my.erase.do")));
  return card(t("my.erase"), h("p", { class: "quiet" }, t("my.erase.text")), form);
}

function receiptCard(id, signal) {
  const body = h("div", { "aria-live": "polite" });
  const draw = async () => {
    const found = await erasure(id);
    body.replaceChildren(
      h("p", {}, h("b", {}, t(`my.state.${found.state}`)), ` ${found.progress_percent} %`),
      h("progress", { max: 100, value: found.progress_percent, "aria-label": t("my.receipt") }),
      h("dl", { class: "my-facts" }, found.services.flatMap((each) => [h("dt", {}, each.service), h("dd", {}, t("my.events", { count: each.counts.events ?? 0 }))])),
      h("p", { class: "quiet" }, t("my.receipt.text"), " ", h("code", {}, found.id)));
    return found.state === "done";
  };
  const follow = async () => {
    try { while (!signal.aborted && !(await draw())) await new Promise((done) => { setTimeout(done, LOOK_MS); }); } catch (problem) { body.replaceChildren(h("p", { class: "quiet" }, problem.message)); }
  };
  follow();
  return h("section", { class: "card my", lang: currentLanguage() }, body);
}

function lastReceipt() {
  const id = localStorage.getItem(RECEIPT);
  return id ? [h("p", {}, h("a", { class: "chip", href: `/shop/my-data?receipt=${encodeURIComponent(id)}`, "data-link": "" }, t("my.receipt")))] : [];
}
