// A second verifier of katchi's record, format 1, written from docs/spec/record.md and not from katchi's Python.
// command.js runs it under Node; in record.html page.js draws what it verified. Both give it `forms`, the table of forms.json.
// Every digest, link, root and Ed25519 signature is recomputed, by WebCrypto; @noble/ed25519 says whether a key is a sound point.
// There is no ML-DSA-65 in it: such signatures are counted as `unchecked`, and what rests on one is never called verified.
"use strict";
const verifier = ({ forms, curve }) => {
  const refuse = (reason, what = reason) => { throw Object.assign(new Error(what), { reason }); };
  const need = (holds, reason, what) => holds || refuse(reason, what);
  const needs = (checks, what) => Object.entries(checks).forEach(([reason, holds]) => need(holds, reason, what));
  const attempt = (act, refused) => act().catch(error => error.reason ? refused(error) : Promise.reject(error));
  const tried = (act, otherwise) => { try { return act(); } catch (error) { return otherwise(error); } };
  const hex = data => Array.from(data, byte => byte.toString(16).padStart(2, "0")).join("");
  const same = (one, other) => hex(one) === hex(other);
  const order = (one, other) => Number(one > other) - Number(one < other);
  const byPlace = (one, other) => order(one.ally, other.ally) || one.epoch - other.epoch || one.seq - other.seq;
  const place = of => `${of.ally} ${of.epoch}/${of.seq}`;

  // Forms of fields, as forms.json has them. A field that is not there is `undefined`, of the type "absent".
  const typeOf = v => v === null ? "null" : Array.isArray(v) ? "list" : v instanceof Uint8Array ? "bytes" : forms.types[typeof v];
  const sizeOf = v => typeof v === "number" ? v : typeof v === "string" ? [...v].length : v.length ?? Object.keys(v).length;
  const formOf = kind => Object.hasOwn(forms.kinds, kind) ? forms.kinds[kind] : null;
  function fits(form, v) {
    if (typeof form === "string") return fits(forms.forms[form], v);
    if (form.type !== typeOf(v)) return Boolean(form.or?.includes(typeOf(v)));
    const [min, max] = form.size ?? [0, Infinity], names = form.fields?.split(" ") ?? [];
    if (sizeOf(v) < min || sizeOf(v) > max || (form.like && !new RegExp(`^(?:${form.like})$`).test(v))) return false;
    need(!form.fields || form.open || Object.keys(v).every(name => names.includes(name)), "header-extra-field");
    return names.every(name => fits(form.with?.[name] ?? name, v[name]))
      && (form.type === "list" ? v : []).every((one, i) => fits(form.row?.[i] ?? form.of, one))
      && Object.entries(form.pairs ? v : {}).flat().every((one, i) => fits(form.pairs[i % 2], one));
  }

  // Canonical CBOR (section 2), strict on the way in, so that nothing need be written again.
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  function read(form, data) {
    let at = 0;
    const take = n => need(n <= data.length - at, "not-cbor", "cut off") && data.subarray(at, at += n);
    function item(depth) {
      const [first] = take(1), major = first >> 5, info = first & 31;
      need(depth < 16 && info < 28, "not-cbor", "too deep, or of no definite length");
      if (first === 0xf6) return null;
      need(major < 6, forms.initials[first] ?? "type-not-allowed");
      const n = info < 24 ? info : parseInt(hex(take(2 ** (info - 24))), 16);
      need(info < 24 || n >= [24, 2 ** 8, 2 ** 16, 2 ** 32][info - 24], "not-shortest");
      need(major > 1 || (major === 0 && n <= Number.MAX_SAFE_INTEGER), "int-too-large");
      if (major < 3) return major === 0 ? n : take(n);
      if (major === 3) return tried(() => utf8.decode(take(n)), () => refuse("not-cbor", "not UTF-8"));
      const items = [], fields = Object.create(null);
      while (major === 4 && items.length < n) items.push(item(depth + 1));
      for (let i = 0, before = ""; major === 5 && i < n; i++) {
        const start = at, name = item(depth + 1), key = hex(data.subarray(start, at));
        need(typeof name === "string", "key-not-text");
        need(key > before, key === before ? "header-keys-duplicate" : "header-keys-unsorted", name);
        [before, fields[name]] = [key, item(depth + 1)];
      }
      return major === 4 ? items : fields;
    }
    need(data.length <= (form.bytes ?? Infinity), "too-large", `${data.length} bytes`);
    const value = item(0);
    needs({ "not-shortest": at === data.length, "field-malformed": fits(form.type ? form : form[value?.t] ?? "absent", value) });
    return value;
  }

  // Digests and Merkle trees (RFC 9162): a frontier is the roots of the full subtrees, largest first.
  const join = parts => parts.length === 1 ? parts[0] : new Uint8Array([].concat(...parts.map(part => Array.from(part))));
  const H = async (hash, ...parts) => new Uint8Array(await crypto.subtle.digest(hash.replace("sha", "SHA-"), join(parts)));
  const label = name => new TextEncoder().encode(`katchi ${name} 1\n`), neutral = "01".padEnd(64, "0");  // no R: libraries differ
  const grown = async (hash, roots, length, node) => length % 2
    ? grown(hash, roots.slice(0, -1), (length - 1) / 2, await H(hash, [1], roots.at(-1), node)) : [...roots, node];
  const rootOf = async (hash, [first, ...rest]) => rest.length ? H(hash, [1], first, await rootOf(hash, rest)) : first ?? H(hash);

  // Objects (sections 3 to 7): each is returned decoded if it holds, or refused by name. `trust` has fingerprints by ally.
  async function signedBy(who, name, digest, signatures) {  // by the whole suite; an entry, by the first of it alone
    const [first, slow] = signatures, isEntry = name === "entry", message = join([label(name), who.fingerprint, digest]);
    need(signatures.length === (isEntry ? 1 : 2), "signature-missing", who.ally);
    const isSound = !hex(first).startsWith(neutral) && await crypto.subtle.verify("Ed25519", who.loaded, first, message);
    need(isSound && (isEntry || slow.length === 3309), "signature-invalid", who.ally);
    who.tally.checked++;
    who.tally.unchecked += signatures.length - 1;
  }
  async function identity({ statement, signatures }, tally, trust = new Map()) {
    const it = read(forms.objects.identity, statement), { ally, keys: [first, slow] } = it, { Point } = await curve;
    const fingerprint = await H("sha256", label("identity"), statement), found = hex(fingerprint), given = trust.get(ally);
    tally.keys[ally] = { found, isTrusted: given === found };
    needs({ "not-trusted": !given || given === found, "suite-unknown": it.suite === "ed25519+mldsa65" }, `${ally} ${found}`);
    need(it.keys.length === 2 && first.length === 32 && slow.length === 1952 && slow.some(byte => byte), "key-malformed");
    const point = tried(() => Point.fromBytes(first, true), () => refuse("key-malformed", "not on the curve"));
    needs({ "key-non-canonical": same(point.toBytes(), first),  // it was read leniently, so that this shows
      "key-small-order": !point.isSmallOrder(), "key-mixed-order": point.isTorsionFree() });
    const who = { ...it, fingerprint, tally, loaded: await crypto.subtle.importKey("raw", first, "Ed25519", false, ["verify"]) };
    await signedBy(who, "identity", fingerprint, signatures);
    return who;
  }
  async function contact({ statement, signatures }, who, serialMin) {
    const it = read(forms.objects.contact, statement);
    await signedBy(who, "contact", await H("sha256", label("contact"), statement), signatures);
    need(same(it.identity, who.fingerprint) && it.mode === who.mode && it.ally === who.ally, "contact-other-identity");
    need(it.serial >= serialMin, "contact-old-serial");
  }
  async function charter({ statement, signatures }, tally, trust) {
    const it = read(forms.objects.charter, statement), id = await H(it.hash, label("charter"), statement), all = [];
    for (const one of it.members) all.push(await identity(one, tally, trust));
    const allies = all.map(who => who.ally), members = new Map(all.map(who => [who.ally, who]));
    needs({ "replay-other-mode": all.every(who => who.mode === it.mode),
      "charter-members-unsorted": allies.every((ally, i) => !i || allies[i - 1] < ally),
      "charter-ally-case": new Set(allies.map(ally => ally.toLowerCase())).size === allies.length,
      "charter-not-a-member": Object.keys(signatures).every(ally => members.has(ally)) });
    for (const [ally, each] of Object.entries(signatures)) await signedBy(members.get(ally), "charter", id, each);
    return { ...it, id, members, allies, missing: allies.filter(ally => !Object.hasOwn(signatures, ally)) };
  }
  async function saidIn(room, name, statement, signatures, it = read(forms.objects[name], statement)) {  // by one of its members
    const by = it.by ?? it.ally, who = room.members.get(by), raw = await H(room.hash, label(name), statement);
    needs({ "replay-other-room": same(it.room, room.id), "replay-other-mode": it.mode === room.mode,
      "not-a-member": who && room.members.has(it.ally) && it.by !== it.ally }, by);
    await signedBy(who, name, raw, signatures);
    return { ...it, raw, digest: hex(raw), by, who };
  }
  async function entry(room, { header, signature, salt, body, read: known }) {
    const it = await saidIn(room, "entry", header, [signature], known), form = formOf(it.kind), isBare = salt === null;
    const sees = it.sees.map(([ally, epoch, seq, digest]) => ({ ally, epoch, seq, digest: hex(digest) }));
    const isOrdered = ({ ally }, i) => room.members.has(ally) && ally !== it.ally && (!i || sees[i - 1].ally < ally);
    const raw = isBare || await H(room.hash, label("body"), salt, body ?? []);
    needs({ "sees-malformed": sees.every(isOrdered), "salt-not-32": isBare ? body === null : salt.length === 32,
      "body-digest-mismatch": isBare || (body?.length === it.size && same(it.body, raw)) });
    const said = form && body && tried(() => read(form, body), () => undefined);  // undefined: malformed
    return { ...it, sees, about: it.about.map(hex), content: body, said, by: new Set() };
  }
  const opened = item => item.t === "entry" ? { ...item, read: read(forms.objects.entry, item.header) } : item;
  async function vouching(room, { t: name, statement, signatures }) {  // a checkpoint or countersignature
    const it = await saidIn(room, name, statement, signatures), { ally, by, who, length } = it, isOwn = by === ally;
    needs({ "checkpoint-head-not-length": length, "signature-other-identity": isOwn || same(it.by_identity, who.fingerprint) });
    const where = isOwn ? `checkpoint of ${ally} to ${length}` : `countersignature of ${ally} to ${length} by ${by}`;
    return { ...it, where, isOwn, line: [by, ally, it.epoch].join(), seq: length - 1, head: hex(it.head), root: hex(it.root) };
  }

  // How an entry that is kept leaves the rules (sections 5 and 6); `before` is the one that it follows.
  const isNfc = v => typeof v === "string" ? v === v.normalize() : Object.entries(v ?? {}).flat().every(one => isNfc(one));
  const MARKS = {
    "unknown-kind": ({ kind }) => !formOf(kind),
    "about-missing": ({ kind, about }) => formOf(kind)?.answers && !about.length,
    "body-malformed": ({ said }) => said === undefined,
    "body-not-nfc": ({ said }) => !isNfc(said),
    "sees-goes-back": one => one.before?.sees.some(was => !one.sees.some(now => now.ally === was.ally && byPlace(now, was) >= 0)),
    "clock-went-back": ({ before, at }) => before?.at > at,
    "epoch-not-opened": ({ before, epoch, kind }) => before?.ally && before.epoch !== epoch && kind !== "chain.opened",
    "assent-missing": ({ before, assent }) => before && assent,
  };

  // The audit of one room (sections 6 to 8) over all its items, in the order in which they came; `holder` is whose export it is.
  async function audit(room, items, holder = null, manifest = null) {
    const { allies, hash, title, mode } = room, out = { findings: [], allegations: [], marks: [] };
    const ground = { ally: "", seq: -1, sees: [], path: [], frontier: [] };  // the room itself, below entry 0 of every chain
    const known = new Map([[hex(room.id), ground]]), places = new Map(), paths = [];  // by digest; how many; of branches
    const taken = [], statements = new Map(), papers = new Map();
    const find = (where, reason, against = null, as = forms.as[reason]) => out[as ?? "findings"].push({ where, reason, against });
    const of = (map, key, fresh) => map.get(key) ?? map.set(key, fresh).get(key);
    const paperOf = root => of(papers, hex(root), { sizes: new Set(), chunks: [] });
    const placed = digest => known.get(digest)?.frontier && known.get(digest);
    const pathsOf = ({ ally, epoch }) => paths.filter(path => path.at(-1).ally === ally && path.at(-1).epoch === epoch);
    for (const item of items) await attempt(async () => {
      if (item.t === "chunk") return paperOf(item.root).chunks.push(item);
      if (item.t === "entry") return taken.push(await entry(room, item));
      const it = await vouching(room, item);
      return statements.set([it.where, it.epoch, it.root, it.head].join(), it);
    }, error => find(item.read ? place(item.read) : `a ${item.t}`, error.reason, item.read?.ally));
    // Entries: in order of seq, so that the one before has its place, if it can have one, when another follows it.
    for (const one of taken) if (of(known, one.digest, one) !== one) find(place(one), "entry-repeated");
    for (const one of [...known.values()].slice(1).sort((low, high) => low.seq - high.seq)) await attempt(async () => {
      const found = known.get(hex(one.prev)), before = [one.ally, ground.ally].includes(found?.ally) ? found : null;
      need(before ? before.seq === one.seq - 1 : one.seq > 0, "prev-mismatch");
      one.isAdrift = !before?.frontier;
      if (one.isAdrift) return need(found?.isAdrift, "prev-missing");  // said of the first that is adrift
      const isNext = before.epoch === one.epoch && before.path.at(-1) === before;
      need(isNext || pathsOf(one).length < 5, "fork-limit");
      const path = isNext ? before.path : paths[paths.push(before.path.slice(0, one.seq)) - 1];
      Object.assign(one, { before, path, frontier: await grown(hash, before.frontier, one.seq, await H(hash, [0], one.raw)) });
      path.push(one);
      return places.set(place(one), (places.get(place(one)) ?? 0) + 1);
    }, error => find(place(one), error.reason, one.ally));
    const entries = taken.filter(one => one.frontier), inTurn = [...entries].sort(byPlace).reverse();
    const saying = kind => entries.filter(one => one.kind === kind && one.said);
    if (room.missing.length) find("charter", items.some(({ t }) => t === "entry") ? "charter-missing-signature" : "not-in-force");
    for (const one of taken) for (const reason in MARKS) if (MARKS[reason](one)) find(place(one), reason);
    // Statements: a head is the entry at its place, a root that of the path to it; what its signer vouched for before is below.
    const lies = new Map(), firsts = new Map(), lasts = new Map(), inOrder = [...statements.values()].sort(byPlace);
    for (const it of inOrder) {
      const head = placed(it.head), low = lasts.get(it.line);
      it.isThere = head && place(head) === place(it);
      it.isHeld = it.isThere && hex(await rootOf(hash, head.frontier)) === it.root;
      for (let one = it.isHeld && head; one?.by && !one.by.has(it.by); one = one.before) one.by.add(it.by);
      if (of(firsts, [it.where, it.epoch].join(), it) !== it) lies.set(it.line, it);
      if (it.isHeld && low && head.path[low.seq] !== placed(low.head)) lies.set(it.line, low);
      if (it.isHeld) lasts.set(it.line, it);
    }
    for (const it of lies.values()) if (!it.isOwn) find(it.where, "countersignature-two-histories", it.by);
    for (const it of inOrder.filter(one => !one.isHeld))
      if (!it.isThere && !pathsOf(it).some(path => path.length > it.seq)) find(it.where, "export-tail-withheld", it.ally);
      else if (it.isOwn) find(it.where, it.isThere ? "checkpoint-inconsistent" : "checkpoint-head-not-length", it.by);
      else if (lies.get(it.line)?.where !== it.where) find(it.where, "countersignature-other-history", it.by);
    // What is stated to have been seen: each is said where its author first states it.
    const seen = new Map(inTurn.flatMap(one => one.sees.map(was => [[one.ally, place(was), was.digest].join(), { one, was }])));
    for (const { one, was } of seen.values()) {
      const at = placed(was.digest), isOurs = [null, was.ally, one.ally].includes(holder);
      if (at?.ally ? place(at) !== place(was) : places.has(place(was))) find(place(one), "fork-alleged", one.ally);
      else if (!at?.ally) find(place(one), isOurs ? "export-tail-withheld" : "not-held-here", isOurs ? was.ally : null);
    }
    // Forks: where the histories of an epoch first part, until all others accept a repair that names the last of each history.
    const doubled = inTurn.filter(one => places.get(place(one)) > 1);
    const forks = [...new Map(doubled.map(one => [`${one.ally} ${one.epoch}`, one])).values()];
    const repairs = saying("chain.opened").filter(one => one.said.reason === "repaired"), words = saying("repair.accepted");
    const accepts = (one, { ally, digest }) => one.said.ally === ally && one.about[0] === digest;
    const isInForce = it => allies.every(by => by === it.ally || words.some(one => one.ally === by && accepts(one, it)));
    function settles({ ally, epoch, said }, fork) {
      const rows = new Set(said.branches.filter(row => row[0] === fork.epoch).map(row => hex(row[2])));
      const isNamed = one => rows.has(one.digest) && one.epoch === fork.epoch && one.seq >= fork.seq;
      const last = pathsOf(fork).filter(path => path.length > fork.seq).map(path => path.findLast(isNamed));
      return ally === fork.ally && epoch > fork.epoch && rows.size <= 5 && last.every((one, i) => one && last.indexOf(one) === i);
    }
    const open = forks.filter(fork => !repairs.some(repair => isInForce(repair) && settles(repair, fork)));
    for (const one of words) if (!repairs.some(repair => accepts(one, repair))) find(place(one), "repair-unknown");
    for (const fork of forks) find(place(fork), "fork-pair", fork.ally, open.includes(fork) ? "findings" : "marks");
    const named = taken.flatMap(one => formOf(one.kind)?.fields.includes("papers") && one.said?.papers || []);
    for (const { root, size } of named) paperOf(root).sizes.add(size);
    for (const [root, { sizes, chunks }] of papers) {
      const where = `paper ${root.slice(0, 8)}…`, size = chunks.reduce((sum, { data }) => sum + data.length, 0);
      const isFull = ({ index, data }, i) => index === i && data.length && (data.length === 2 ** 16 || i === chunks.length - 1);
      const frontier = await chunks.reduce(async (was, { data }, i) => grown(hash, await was, i, await H(hash, [0], data)), []);
      const isRight = chunks.every(isFull) && hex(await rootOf(hash, frontier)) === root;
      if (sizes.size > 1) find(where, "paper-two-sizes");
      if (!sizes.size) find(where, "paper-unnamed");
      else if (!isRight && size < Math.max(...sizes)) find(where, "paper-awaited");
      else if (!isRight || !sizes.has(size)) find(where, "paper-root-mismatch");
    }
    // Agreed: each ally has a covered words.signed, before any open fork, of one proposal of the consultation.
    for (const opening of entries.filter(one => one.kind === "consultation.opened")) {
      const ours = entries.filter(one => one.about[0] === opening.digest);
      const signed = ours.filter(one => one.kind === "words.signed" && one.about[1]);
      const sound = signed.filter(one => one.by.has(one.ally) && open.every(at => at.ally !== one.ally || byPlace(one, at) < 0));
      const isSigned = ({ digest }) => allies.every(ally => sound.some(one => one.ally === ally && one.about[1] === digest));
      const isAgreed = ours.some(one => one.kind === "words.proposed" && isSigned(one));
      opening.status = isAgreed ? "agreed" : signed.length ? "partly-signed" : null;
    }
    const chains = allies.map(ally => {
      const [path = []] = paths.filter(([one]) => one.ally === ally).sort((one, other) => other.at(-1).epoch - one.at(-1).epoch);
      const reach = by => path.filter(one => one.by.has(by)).length;
      const confirmed = Object.fromEntries(allies.filter(by => by !== ally && reach(by)).map(by => [by, reach(by)]));
      const lacking = taken.filter(one => one.ally === ally && one.content === null).map(place);
      return { ally, length: path.length, covered: reach(ally), confirmed, lacking };
    });
    const tips = paths.map(path => path.at(-1)).sort((one, other) => order(one.digest, other.digest));
    const spoken = hex(await H("sha256", label("record phrase"), ...tips.map(one => one.raw)));
    const phrase = String(BigInt(`0x${spoken}`) % 10n ** 12n).padStart(12, "0").match(/..../g).join(" ");
    const heads = tips.sort(byPlace).map(one => [one.ally, one.epoch, one.seq + 1, one.digest]);
    const said = manifest?.heads.map(([ally, epoch, length, head]) => [ally, epoch, length, hex(head)]);
    if (manifest && (String(said) !== String(heads) || manifest.entries !== entries.length)) find("manifest", "manifest-heads");
    return { ...out, room: hex(room.id), title, mode, phrase, heads, chains, entries };
  }

  // The export file (section 9). `trust` has a fingerprint for each member; without it nothing says whose keys these are.
  async function verify(file, trust = {}) {
    const out = { state: "failed", refused: null, where: "byte 0", checked: 0, unchecked: 0, keys: {}, rooms: [] };
    const held = new Map(), given = new Map(Object.entries(trust)), broken = (holds, what) => need(holds, "file-broken", what);
    async function finish({ statement, signatures }, before) {
      const it = read(forms.objects.manifest, statement), raw = await H("sha256", label("manifest"), statement);
      broken(held.size && String([...held.keys()]) === String(it.rooms.map(one => hex(one.room))), "it holds other rooms");
      for (const [i, { room, items }] of [...held.values()].entries()) {
        const who = room.members.get(it.exporter);
        need(who && same(who.fingerprint, it.identity) && room.mode === it.mode, "manifest-not-a-member", it.exporter);
        await signedBy(who, "manifest", raw, signatures);
        out.rooms.push(await audit(room, items, it.exporter, it.rooms[i]));
      }
      broken(same(it.digest, await H("sha256", before)), "its bytes are not those that its exporter signed");
      out.manifest = it;
    }
    await attempt(async () => {
      broken(same(file.subarray(0, 16), label("bundle")), "it does not begin as an export of format 1");
      for (let n = 1, start = 16, end; !out.manifest; n++, start = end) {
        out.where = `item ${n}, byte ${start}`;
        end = start + 4 + parseInt(hex(file.subarray(start, start + 4)), 16);
        broken(end <= file.length && end <= start + 4 + 2 ** 20, "an item is too long, or cut off");
        const item = opened(tried(() => read(forms.items, file.subarray(start + 4, end)), error => broken(false, error.message)));
        const { items } = held.get(hex((item.read ?? item).room ?? [])) ?? {};
        broken(items || ["charter", "manifest"].includes(item.t), "an item of a room whose charter did not come before");
        broken(item.t !== "manifest" || end === file.length, "bytes follow the manifest");
        if (items) items.push(item);
        else if (item.t === "manifest") await finish(item, file.subarray(0, start));
        else {
          const room = await charter(item, out, given), id = hex(room.id);
          broken(!held.has(id), "a charter comes twice");
          held.set(id, { room, items: [] });
        }
      }
      const isCompared = Object.values(out.keys).every(key => key.isTrusted);
      if (out.rooms.every(room => !room.findings.length)) out.state = isCompared ? "holds" : "uncompared";
    }, error => Object.assign(out, { refused: error.reason, what: error.message }));
    return out;
  }
  return { verify, identity, contact, charter, entry, vouching, opened, audit };
};
if (typeof module !== "undefined") module.exports = verifier;
