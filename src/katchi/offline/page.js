// Draws what verify.js verified, and nothing of a file that it refused. Words are the page's; what allies wrote goes in as text.
"use strict";
const $ = id => document.getElementById(id);
const words = JSON.parse($("words").textContent);
const katchi = verifier({ forms: JSON.parse($("forms").textContent), curve: globalThis.ed25519 });
const bundle = Uint8Array.from(atob($("bundle").textContent), one => one.charCodeAt(0));
const UNSHOWN = /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;  // what would turn text round, or hide it
const shown = v => ["string", "number"].includes(typeof v) ? String(v).replace(UNSHOWN, "\ufffd") : "";
const when = at => at >= 0 ? new Date(at / 1000).toISOString().replace("T", " ").replace(/\.\d+Z/, "Z") : "–";
const both = token => ["en", "ko"].map(lang =>  // what people read for a token, in both languages: the style shows one
  Object.assign(document.createElement("span"), { lang, className: lang, textContent: shown(words[token]?.[lang] ?? token) }));
const SLOTS = {  // what record.html asks for: data-v="name" shows the value of that name, and so on
  v: (slot, value) => slot.replaceChildren(shown(value)),
  word: (slot, token) => slot.replaceChildren(...shown(token) && both(token)),
  at: (slot, at) => slot.replaceChildren(when(at)),
  class: (slot, names) => slot.classList.add(...names),
  if: (slot, holds) => holds || slot.remove(),
  unless: (slot, holds) => holds && slot.remove(),
  each: (slot, list) => slot.replaceChildren(...list.map(values => filled($(slot.dataset.of).content.cloneNode(true), values))),
};
function filled(node, values) {
  for (const [name, fill] of Object.entries(SLOTS))
    for (const slot of node.querySelectorAll(`[data-${name}]`)) fill(slot, values[slot.dataset[name]]);
  return node;
}
function textsIn(v, name) {  // all texts of a body, each with its field's name where that is needed
  if (typeof v === "string") return [{ text: v, name: words[name] && name }];
  if (v instanceof Uint8Array || v === null) return [];
  return Object.entries(v).flatMap(([inner, one]) => textsIn(one, Array.isArray(v) ? name : inner));
}
function entryOf(one, { marks }) {
  const { by: officer, form, ...said } = one.said ?? {}, place = `${one.epoch}/${one.seq}`;
  const isOpening = one.kind === "chain.opened", spoken = isOpening ? said.reason : form;  // a token of the vocabulary
  return { ...one, officer, spoken, place, texts: isOpening ? [] : textsIn(said),
    isBare: one.content === null, isCovered: one.by.has(one.ally),
    by: [...one.by].filter(by => by !== one.ally).sort().join(", "), classes: [`p${one.precedence}`, one.kind.split(".")[0]],
    marks: marks.filter(mark => mark.where === `${one.ally} ${place}`) };
}
function chainOf(chain) {
  const confirmed = Object.entries(chain.confirmed).map(([by, n]) => `${by} ${n}`).join(", ");
  return { ...chain, confirmed: confirmed || "–", lacking: chain.lacking.length };
}
const roomOf = room => ({ ...room, chains: room.chains.map(chainOf), entries: room.entries.map(one => entryOf(one, room)) });

let turns = 0;
async function check() {
  const turn = ++turns, inputs = [...document.querySelectorAll("#keys input")];
  document.body.dataset.state = "checking";
  const trust = Object.fromEntries(inputs.map(({ name, value }) => [name, value.replace(/[\s:]/g, "").toLowerCase()]));
  const report = await katchi.verify(bundle, trust)
    .catch(error => ({ state: "failed", refused: "not-checked", what: error.message, rooms: [], keys: {} }));
  if (turn !== turns) return;  // another fingerprint was given meanwhile
  const { state, refused, keys, manifest, rooms } = report, found = rooms.flatMap(room => room.findings);
  const findings = refused ? [{ ...report, reason: refused }, ...found.slice(0, 1)] : found;  // all others follow
  for (const { dataset } of document.querySelectorAll("[data-fails]")) {
    const isFailed = findings.some(one => new RegExp(dataset.fails).test(one.reason));
    dataset.state = isFailed ? "failed" : refused ? "unreached" : "holds";
  }
  for (const { name, value } of inputs) {
    const { found, isTrusted } = keys[name] ?? {};
    $(`key-${name}`).dataset.state = isTrusted ? "holds" : value && found ? "failed" : "uncompared";
    $(`key-${name}`).querySelector("code").textContent = found ?? "–";
  }
  Object.assign(document.body.dataset, { state, mode: refused ? "unknown" : manifest.mode });
  $("rooms").replaceChildren();  // what is filled is the page, not what was drawn in it before
  const facts = { exporter: "–", checked: "–", unchecked: "–", ...report, ...manifest, bytes: bundle.length };
  filled(document, { ...facts, findings, rooms: refused ? [] : rooms.map(roomOf) });
}
$("keys").addEventListener("input", check);
check();
