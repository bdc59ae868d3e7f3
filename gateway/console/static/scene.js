// A click into the picture of a scene fills the place of a hotspot: of the row that was touched last, else of the first free one.
let touched = null;
document.addEventListener("focusin", (event) => { touched = event.target.closest?.("[data-spot]") || touched; });
document.addEventListener("click", (event) => {
  const stage = event.target.closest?.("svg[data-place]");
  if (!stage) return;
  const rows = [...document.querySelectorAll("[data-spot]")];
  const [, x, y] = [...(rows.includes(touched) ? touched : rows.find((row) => !row.querySelector("input").value) || rows.at(-1)).querySelectorAll("input")];
  const box = stage.getBoundingClientRect();
  const share = (value, size) => String(Math.max(0, Math.min(1000, Math.round((1000 * value) / size))));
  x.value = share(event.clientX - box.left, box.width);
  y.value = share(event.clientY - box.top, box.height);
  for (const field of [x, y]) field.dispatchEvent(new Event("input", { bubbles: true }));
  draw(stage, Number(x.value), (Number(y.value) * Number(stage.dataset.tall)) / 1000);
  touched = null;
  x.closest("[data-spot]").querySelector("input").focus();
});

function draw(stage, x, y) {
  let mark = stage.querySelector(".spot.new");
  if (!mark) {
    mark = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    mark.setAttribute("class", "spot new");
    mark.setAttribute("r", "24");
    stage.append(mark);
  }
  mark.setAttribute("cx", String(x));
  mark.setAttribute("cy", String(y));
}
