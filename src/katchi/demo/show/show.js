// Plays the story: one scene at a time by a slider, live as scenes come, or by itself.
"use strict";
const root = document.documentElement, scenes = document.getElementById("scenes"), slider = document.getElementById("slider");
const at = document.getElementById("at"), play = document.getElementById("play");
const all = () => scenes.children;
let follows = Boolean(root.dataset.live), timer = 0;
function show(number) {
  if (!all().length) return;
  [...all()].forEach((scene, i) => scene.classList.toggle("shown", i === number));
  slider.max = all().length - 1;
  slider.value = number;
  at.textContent = `${all()[number].dataset.at} s`;
}
function stop() { clearTimeout(timer); timer = 0; play.textContent = "▶"; play.setAttribute("aria-pressed", "false"); }
function step() {
  if (Number(slider.value) >= all().length - 1) { stop(); return; }
  show(Number(slider.value) + 1);
  timer = setTimeout(step, 2600);
}
play.addEventListener("click", () => {
  if (timer) { stop(); return; }
  follows = false;
  play.textContent = "❚❚";
  play.setAttribute("aria-pressed", "true");
  if (Number(slider.value) >= all().length - 1) show(0);
  timer = setTimeout(step, 800);
});
slider.addEventListener("input", () => { stop(); follows = Number(slider.value) === all().length - 1; show(Number(slider.value)); });
for (const button of document.querySelectorAll("[data-tongue]")) button.addEventListener("click", () => { root.lang = button.dataset.tongue; });
scenes.classList.add("played");
document.getElementById("control").hidden = false;
show(root.dataset.live ? all().length - 1 : 0);
if (root.dataset.live) {
  const stream = new EventSource(`/events?from=${all().length}`);
  stream.addEventListener("scene", (event) => {
    scenes.insertAdjacentHTML("beforeend", JSON.parse(event.data));
    if (follows) show(all().length - 1); else slider.max = all().length - 1;
  });
  stream.addEventListener("turn", (event) => {
    stream.close();
    document.getElementById("links").innerHTML = JSON.parse(event.data);
    document.getElementById("turn").hidden = false;
  });
}
