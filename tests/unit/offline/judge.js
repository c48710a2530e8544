// Runs verify.js for test_verify_js.py, and answers one JSON value on stdout:
//   vectors FOLDER     every vector, as tests/unit/test_vectors.py does through katchi's own code
//   flips FILE [n...]  one export with one bit flipped at each of these bytes in turn
//   exports FILE,... {ally: fingerprint}
"use strict";
const fs = require("fs");
const path = require("path");
const katchi = require("../../../src/katchi/offline/command.js");

const bytes = text => text === null ? null : new Uint8Array(Buffer.from(text, "hex"));
const signed = given => ({
  statement: bytes(given.statement),
  signatures: Array.isArray(given.signatures)
    ? given.signatures.map(bytes)
    : Object.fromEntries(Object.entries(given.signatures).map(([ally, each]) => [ally, each.map(bytes)])),
});
const item = given => Object.fromEntries(["header", "signature", "salt", "body"].map(name => [name, bytes(given[name])]));

const untouched = () => ({ checked: 0, unchecked: 0, keys: {} });  // what a report counts by

async function judged(vector, vectors) {
  const given = vector.input;
  const tally = untouched();
  const counted = who => { who.tally = tally; return who; };  // what made the room or identity is not counted
  const identityOf = async name => counted(await katchi.identity(signed(vectors[name].input), untouched()));
  const roomOf = async () => {
    const room = await katchi.charter(signed(vectors[given.room].input), untouched());
    room.members.forEach(counted);
    return room;
  };
  switch (vector.object) {
    case "identity": await katchi.identity(signed(given), tally); break;
    case "contact": await katchi.contact(signed(given), await identityOf(given.identity), given.serial_min); break;
    case "charter": {
      const { missing } = await katchi.charter(signed(given), tally);
      if (missing.length) return { refused: "charter-missing-signature" };
      break;
    }
    case "entry": await katchi.entry(await roomOf(), item(given)); break;
    case "checkpoint":
    case "countersignature": await katchi.vouching(await roomOf(), { t: vector.object, ...signed(given) }); break;
    case "bundle": {
      const report = await katchi.verify(bytes(given.file));
      const found = Object.values(report.keys).map(key => key.found);
      if (!found.every(one => given.trusted.includes(one))) return { refused: "not-trusted" };
      return { ...counts(report), ...plain(report.rooms) };
    }
    default: {
      const statements = ["checkpoint", "countersignature"].flatMap(t => given[`${t}s`].map(one => ({ t, ...signed(one) })));
      const items = [...given.entries.map(one => katchi.opened({ t: "entry", ...item(one) })), ...statements];
      const report = await katchi.audit(await roomOf(), items, given.holder ?? null);
      return { ...counts({ refused: null, ...tally }), ...plain([report]), status: report.entries.find(one => one.digest === given.opening)?.status ?? null };
    }
  }
  return counts({ refused: null, ...tally });
}

const counts = ({ refused, checked, unchecked }) => ({ refused, checked, unchecked });
const plain = rooms => ({
  findings: rooms.flatMap(room => room.findings), allegations: rooms.flatMap(room => room.allegations),
  marks: rooms.flatMap(room => room.marks), heads: rooms.flatMap(room => room.heads), phrases: rooms.map(room => room.phrase),
  entries: rooms.map(room => room.entries.length),
  statuses: rooms.flatMap(room => room.entries.filter(one => one.kind === "consultation.opened").map(one => one.status)),
  chains: rooms.flatMap(room => room.chains).map(({ ally, length, covered, confirmed, lacking }) =>
    ({ ally, length, covered, confirmed, lacking })),
});

async function main() {
  const [what, where, trust] = process.argv.slice(2);
  const answers = {};
  if (what === "vectors") {
    const names = fs.readdirSync(where).filter(name => name.endsWith(".json"));
    const vectors = Object.fromEntries(names.map(name => [name.slice(0, -5), JSON.parse(fs.readFileSync(path.join(where, name)))]));
    for (const [name, vector] of Object.entries(vectors))
      answers[name] = await judged(vector, vectors).catch(error => {
        if (!error.reason) throw error;
        return { refused: error.reason };
      });
  } else if (what === "flips") { // each position is flipped by one bit in turn
    const file = new Uint8Array(fs.readFileSync(where));
    for (const at of JSON.parse(trust)) {
      file[at] ^= 1 << at % 8;
      const report = await katchi.verify(file), { where: place, what, rooms } = report;
      answers[at] = { ...counts(report), place, what, findings: rooms.flatMap(room => room.findings) };
      file[at] ^= 1 << at % 8;
    }
  } else { // "exports": each of these files
    for (const name of where.split(",")) {
      const report = await katchi.verify(new Uint8Array(fs.readFileSync(name)), JSON.parse(trust));
      answers[path.basename(name)] = { ...counts(report), what: report.what, keys: report.keys, ...plain(report.rooms) };
    }
  }
  process.stdout.write(JSON.stringify(answers));
}

main();
