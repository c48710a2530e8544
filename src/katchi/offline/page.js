// Draws what verify.js verified, and nothing of a file that it refused. Words are the page's; what allies wrote goes in as text.
"use strict";
const $ = id => document.getElementById(id);
const words = JSON.parse($("words").textContent);
const bundle = Uint8Array.from(atob($("bundle").textContent), one => one.charCodeAt(0));
const shown = text => String(text).replace(/[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
const when = at => new Date(at / 1000).toISOString().replace("T", " ").replace(/\.\d+Z/, "Z");

function both(token, values = {}) {  // what people read for a token, in both languages: the style shows one
  return ["en", "ko"].map(lang => {
    const textContent = shown(words[token]?.[lang] ?? token).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
    return Object.assign(document.createElement("span"), { lang, className: lang, textContent });
  });
}
function filled(id, values) {  // a copy of a template, its slots filled
  const node = $(id).content.firstElementChild.cloneNode(true);
  for (const slot of node.querySelectorAll("[data-v]"))
    slot.append(...[values[slot.dataset.v] ?? ""].flat(2).map(v => v instanceof Node ? v : shown(v)));
  return node;
}
const told = (id, one) => filled(id, { ...one, words: both(one.reason) });
function textsIn(v, name) {  // all texts of a body, each with its field's name where that is needed
  if (typeof v === "string") return [filled("text", { text: v, name: words[name] ? both(name) : "" })];
  if (v instanceof Uint8Array || v === null) return [];
  return Object.entries(v).flatMap(([inner, one]) => textsIn(one, Array.isArray(v) ? name : inner));
}

function drawnEntry(one, room) {
  const { by: officer, form, ...said } = one.said ?? {}, place = `${one.epoch}/${one.seq}`;
  const others = [...one.by].filter(by => by !== one.ally).sort().join(", ");
  const states = [both("signed"), both(one.by.has(one.ally) ? "covered (Ed25519)" : "not covered"),
    others ? both("confirmed by {by} (Ed25519)", { by: others }) : both("only {ally}'s word", one)];
  const status = one.kind === "consultation.opened" ? room.statusOf(one.digest) : null;
  const node = filled("entry", {
    ...one, place, officer, when: when(one.at), kind: both(one.kind), precedence: both(words.precedences[one.precedence]),
    form: form ? both(form) : "",
    status: status ? both(status === "agreed" ? "agreed, as far as it can be checked here" : status) : "",
    texts: textsIn(said),
    lacking: one.content === null ? both("no body here: awaited or destroyed") : "",
    states: states.map(each => filled("state", { words: each })),
    marks: room.marks.filter(mark => mark.where === `${one.ally} ${place}`).map(mark => told("mark", mark)),
  });
  node.classList.add(`p${one.precedence}`, one.kind.split(".")[0]);
  return node;
}
function drawnChain(chain) {
  const confirmed = Object.entries(chain.confirmed).map(([by, n]) => `${by} ${n}`).join(", ");
  return filled("chain", { ...chain, confirmed: confirmed || "–", lacking: chain.lacking.length });
}
function drawnRoom(room) {
  const [findings, allegations] = [room.findings, room.allegations].map(list => list.map(one => told("finding", one)));
  const entries = room.entries.map(one => drawnEntry(one, room));
  return filled("room", { ...room, chains: room.chains.map(drawnChain), findings, allegations, entries });
}
let turns = 0;
async function check() {
  const turn = ++turns;
  document.body.dataset.state = "checking";
  const inputs = [...document.querySelectorAll("#keys input")];
  const trust = Object.fromEntries(inputs.map(({ name, value }) => [name, value.replace(/[\s:]/g, "").toLowerCase()]));
  const report = await katchi.verify(bundle, trust)
    .catch(error => ({ refused: "not-checked", what: error.message, rooms: [], keys: {}, tally: {} }));
  if (turn !== turns) return;  // another fingerprint was given meanwhile
  const { refused, where, what, keys, tally, manifest, rooms } = report, found = rooms.flatMap(room => room.findings);
  const findings = refused ? [{ where, reason: refused, what }, ...found.slice(0, 1)] : found;  // all others follow
  for (const line of document.querySelectorAll("[data-fails]")) {
    const isFailed = findings.some(one => new RegExp(line.dataset.fails).test(one.reason));
    line.dataset.state = isFailed ? "failed" : refused ? "unreached" : "holds";
  }
  for (const { name, value } of inputs) {
    const { found, isTrusted } = keys[name] ?? {}, row = $(`key-${name}`);
    row.querySelector("code").textContent = found ?? "–";
    row.dataset.state = isTrusted ? "holds" : value && found ? "failed" : "uncompared";
  }
  const isCompared = Object.values(keys).every(key => key.isTrusted);
  document.body.dataset.state = findings.length ? "failed" : isCompared ? "holds" : "uncompared";
  document.body.dataset.mode = refused ? "unknown" : manifest.mode;
  const facts = { ...tally, bytes: bundle.length, exporter: manifest?.exporter, exported: manifest && when(manifest.at) };
  for (const [id, value] of Object.entries(facts)) $(id).textContent = value ?? "–";
  $("failure").replaceChildren(...findings.map(one => told("finding", one)));
  $("rooms").replaceChildren(...refused ? [] : rooms.map(drawnRoom));
}
$("keys").addEventListener("input", check);
check();
