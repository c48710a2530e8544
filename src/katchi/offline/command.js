// verify.js under Node:  node command.js FILE --trust ALLY=FINGERPRINT ...  prints what holds, and exits with 0 only if all does.
"use strict";
const fs = require("fs");
const katchi = require("./verify.js")({ forms: require("./forms.json"), curve: import("./vendor/noble-ed25519.mjs") });
module.exports = katchi;

if (require.main === module) {
  const [path, ...words] = process.argv.slice(2).filter(word => word !== "--trust");
  const trust = Object.fromEntries(words.map(word => word.split("=")));
  katchi.verify(new Uint8Array(fs.readFileSync(path)), trust).then(report => {
    const briefly = (name, value) => ["manifest", "entries", "heads", "lacking"].includes(name) ? undefined : value;
    console.log(JSON.stringify({ "ML-DSA-65": "not checked here", ...report }, briefly, 2));
    process.exitCode = report.state === "holds" ? 0 : 5;
  });
}
