// What pages do beyond plain HTML: clocks that run, live updates over one stream per browser, the bell,
// keys, drafts kept while writing. Without scripts every page works; nothing here decides anything.
"use strict";
const byId = (id) => document.getElementById(id);
const typing = (e) => /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName) || e.target.isContentEditable;

// While something is pressed, nothing changes under the pointer: its click would land on what came in its place, or nowhere.
const CLICKED_MS = 100;  // after the release: a finger's click comes a little later
let isPressed = false, kept = new Map(), released = 0;
function unpressed(name, act) { if (isPressed) kept.set(name, act); else act(); }  // of one name the last is done
function release() {
  clearTimeout(released);
  released = setTimeout(() => {
    isPressed = false;
    const acts = [...kept.values()];
    kept = new Map();
    for (const act of acts) act();
  }, CLICKED_MS);
}
addEventListener("pointerdown", () => { clearTimeout(released); isPressed = true; }, true);
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, release, true);
addEventListener("blur", release);  // of the window alone: it may never hear of the release

// The clocks, by this node's time, not the browser's.
const shown = document.querySelector(".clocks time");
const ahead = shown ? Date.parse(shown.dateTime) - Date.now() : 0;
const faces = [...document.querySelectorAll(".clocks time")].map((face) => {
  const zone = { timeZone: face.dataset.zone, hourCycle: "h23", hour: "2-digit", minute: "2-digit", second: "2-digit" };
  return [face, new Intl.DateTimeFormat("en", zone)];
});
if (faces.length) setInterval(() => faces.forEach(([face, say]) => { face.textContent = say.format(Date.now() + ahead); }), 500);

// What remains until something is due, and by how much it is overdue; the page may have been put anew meanwhile.
const two = (number) => String(number).padStart(2, "0");
setInterval(() => document.querySelectorAll("[data-due]").forEach((face) => {
  const left = Math.floor((Date.parse(face.dataset.due) - Date.now() - ahead) / 1000), s = left < 0 ? -left : left;
  const days = Math.floor(s / 86400), clock = `${Math.floor(s / 3600) % 24}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  face.textContent = days ? `${days}${face.dataset.day} ${clock}` : clock;
  const whole = face.closest(".due"), word = whole?.querySelector(".due-word");
  whole?.classList.toggle("over", left <= 0);
  if (word) word.textContent = left <= 0 ? word.dataset.over : word.dataset.left;
}), 500);

// The bell: two tones, drawn here, so that no sound file is fetched. A browser lets it ring only after a first key or click.
const RING_MS = 2_100, AGAIN_MS = 6_000;
let audio = null, rangAt = Date.now();
const sounds = () => audio?.state === "running";
function tone(at, pitch) {
  const voice = audio.createOscillator(), loudness = audio.createGain();
  voice.frequency.value = pitch;
  loudness.gain.setValueAtTime(0.0001, at);
  loudness.gain.exponentialRampToValueAtTime(0.25, at + 0.02);
  loudness.gain.exponentialRampToValueAtTime(0.0001, at + 0.28);
  voice.connect(loudness).connect(audio.destination);
  voice.start(at);
  voice.stop(at + 0.3);
}
function ring() {  // all tabs are told to; of those that may sound, one does
  saySound();
  if (!sounds()) return;
  const sound = () => {
    rangAt = Date.now();
    tell({ rangAt });
    for (let i = 0; i < 3; i++) { tone(audio.currentTime + i * 0.7, 880); tone(audio.currentTime + i * 0.7 + 0.3, 660); }
    return new Promise((done) => setTimeout(done, RING_MS));
  };
  if (navigator.locks) navigator.locks.request("katchi-bell", { ifAvailable: true }, (free) => free && sound()); else sound();
}
function saySound() {
  const note = byId("sound");
  if (note) unpressed("sound", () => { note.textContent = sounds() ? note.dataset.on : note.dataset.off; });
}
function wake() {
  audio = audio || new AudioContext();
  return audio.resume().then(saySound);
}
addEventListener("pointerdown", wake, { once: true });
addEventListener("keydown", wake, { once: true });
document.addEventListener("click", (event) => { if (event.target.id === "ring-test") wake().then(ring); });

// Live: the tab that holds the lock keeps the one stream, and tells the others.
const title = document.title, tabs = "BroadcastChannel" in window ? new BroadcastChannel("katchi") : null;
const tell = (news) => tabs?.postMessage(news);
let rings = Number(sessionStorage.getItem("rings") ?? -1), newest = null, leads = false;
function heard(now) {
  document.title = (now.unread ? `(${now.unread}) ` : "") + title;
  if (navigator.setAppBadge) navigator.setAppBadge(now.unread).catch(() => {});
  const isNew = rings >= 0 && now.rings > rings;
  newest = now;
  rings = now.rings;
  sessionStorage.setItem("rings", rings);
  document.body.dataset.hears = "yes";
  if (isNew) ring();
}
function changed(now) {
  heard(now);
  unpressed("live", refresh);
}
function refresh() {
  const part = byId("live");
  if (part && window.htmx) htmx.ajax("GET", part.dataset.from ?? location.pathname + location.search, { source: part, target: "#live", select: "#live", swap: "outerMorph ignoreTitle:true" });
}
document.addEventListener("htmx:before:swap", (event) => {
  if (event.target.id !== "live") return;
  const isRefused = event.detail.ctx.response.status >= 400;  // what is shown stays: a refusal has nothing to put in its place
  if (isPressed || isRefused) event.preventDefault();
  if (isPressed && !isRefused) unpressed("live", refresh);  // it was asked for before the press: asked again after it
});
function cut(isCut) { unpressed("cut", () => { byId("cut").hidden = !isCut; }); }
function listen() {
  leads = true;
  const stream = new EventSource("/events");
  stream.addEventListener("changed", (event) => {
    const now = JSON.parse(event.data);
    tell({ now });
    changed(now);
  });
  const is = (isCut) => { cut(isCut); tell({ isCut }); };
  stream.onopen = () => is(false);
  stream.onerror = () => {
    is(true);
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 5_000);  // it was refused: the browser does not ask again
  };
  return new Promise(() => {});
}
function told(news) {  // by another tab
  if (news.now) changed(news.now);
  else if (news.asIs) { if (!newest) heard(news.asIs); }
  else if (news.rangAt) rangAt = news.rangAt;
  else if (news.isNew) { if (leads && newest) tell({ asIs: newest }); }
  else cut(news.isCut);
}
if (document.body.dataset.live) {
  if (tabs) tabs.onmessage = (event) => told(event.data);
  if (navigator.locks) navigator.locks.request("katchi-stream", listen); else listen();
  tell({ isNew: true });
  saySound();
  wake();  // who has clicked on one page of ours is heard on the next
  setInterval(() => { if (newest?.highest >= 3 && Date.now() - rangAt >= AGAIN_MS) ring(); }, 1_000);  // flash: until it is read
}

// Keys: J and K move, Enter opens, N opens a consultation, A acknowledges, I writes, Ctrl Enter sends, ? lists them.
function move(step) {
  const rows = [...document.querySelectorAll("a.row, .acts a.button, .proposal a.button")];
  const at = rows.indexOf(document.activeElement);
  const next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1)];
  if (next) next.focus();
}
const KEYS = {
  j: () => move(1), k: () => move(-1),
  n: () => { if (document.body.dataset.new) location.assign(`${document.body.dataset.new}#subject`); },
  a: () => { const act = document.activeElement?.dataset?.acknowledge || document.querySelector("[data-acknowledge]")?.dataset.acknowledge; if (act) location.assign(`${act}#text`); },
  i: () => document.querySelector("form[data-draft] :is(input:not([type=hidden]), textarea)")?.focus(),
  d: () => location.assign("/"),
  s: () => { if (document.body.dataset.live) location.assign("/scenarios"); },
  "?": () => location.assign("/keys"),
};
document.addEventListener("keydown", (event) => {
  const form = event.target.form;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && form?.matches("[data-draft]")) form.requestSubmit(form.querySelector(".send button"));
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event)) return;
  const act = KEYS[event.key.toLowerCase()];
  if (act) { event.preventDefault(); act(); }
});

// A run under way: how far it is, once a second; when it has ended, its page shows what it found.
async function follow() {
  try {
    const answer = await fetch(location.href, { redirect: "error" });
    const now = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!now.getElementById("run")) { location.reload(); return; }
    for (const name of ["run-step", "run-count"]) {
      const text = now.getElementById(name).textContent;
      if (byId(name).textContent !== text) byId(name).textContent = text;  // said aloud only when it is another
    }
    for (const name of ["run-bar", "run-list"]) byId(name).replaceWith(now.getElementById(name));
  } catch { /* the node does not answer: asked again */ }
  setTimeout(follow, 1_000);
}
if (byId("run")) setTimeout(follow, 1_000);

// Drafts: kept on the node half a second after the last key.
for (const form of document.querySelectorAll("form[data-draft]")) {
  let timer = 0;
  const note = form.querySelector(".draft-note");
  form.addEventListener("submit", () => clearTimeout(timer));
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const fields = new FormData();
      for (const [name, value] of new FormData(form)) if (typeof value === "string") fields.append(name, value);
      try {
        const answer = await fetch("/drafts", { method: "POST", body: fields, redirect: "error" });
        if (note) note.textContent = answer.ok ? note.dataset.kept : note.dataset.lost;
      } catch { if (note) note.textContent = note.dataset.lost; }
    }, 500);
  });
}
const errors = byId("errors");
if (errors) errors.focus();
