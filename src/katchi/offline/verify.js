// A second verifier of katchi's record, format 1, written from docs/spec/record.md and not from katchi's Python.
//   node verify.js FILE --trust ALLY=FINGERPRINT ...      or inline in record.html, where page.js draws what is verified here
// Every digest, link, root and Ed25519 signature is recomputed, by WebCrypto; @noble/ed25519 says whether a key is a sound point.
// There is no ML-DSA-65 in it: such signatures are counted as `unchecked`, and what rests on one is "not checked here", never
// verified. forms.json says what has which fields.
"use strict";
const katchi = (({ forms, curve }) => {
  const refuse = (reason, what = reason) => { throw Object.assign(new Error(what), { reason }); };
  const need = (holds, reason, what) => holds || refuse(reason, what);
  const tried = (act, otherwise) => { try { return act(); } catch (error) { return otherwise(error); } };
  const attempt = (act, refused) => act().catch(error => { if (!error.reason) throw error; refused(error); });
  const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
  const hex = data => data.reduce((text, byte) => text + PAIRS[byte], "");
  const same = (one, other) => hex(one) === hex(other);
  const byPlace = (one, other) => one.epoch - other.epoch || one.seq - other.seq;
  const place = of => `${of.ally} ${of.epoch}/${of.seq}`;

  // Forms of fields. A field that is not there is `undefined`, of the type "absent".
  const typeOf = v => v === null ? "null" : Array.isArray(v) ? "list" : v instanceof Uint8Array ? "bytes"
    : { string: "text", number: "count", object: "map", undefined: "absent" }[typeof v];
  const sizeOf = v => typeof v === "number" ? v : typeof v === "string" ? [...v].length : v.length ?? Object.keys(v).length;
  const formOf = kind => Object.hasOwn(forms.kinds, kind) ? forms.kinds[kind] : null;
  function fits(form, v) {
    if (typeof form === "string") return fits(forms.forms[form], v);
    if (form.tagged) return fits(forms[form.tagged][v?.t] ?? "absent", v);
    if (form.type !== typeOf(v)) return Boolean(form.or?.includes(typeOf(v)));
    const [min, max] = form.size ?? [0, Infinity], names = form.fields?.split(" ") ?? [];
    if (sizeOf(v) < min || sizeOf(v) > max || (form.like && !new RegExp(`^(?:${form.like})$`).test(v))) return false;
    need(!form.fields || form.open || Object.keys(v).every(name => names.includes(name)), "header-extra-field");
    return names.every(name => fits(form.with?.[name] ?? name, v[name]))
      && (form.row ?? []).every((one, i) => fits(one, v[i]))
      && (form.of ? v : []).every(one => fits(form.of, one))
      && Object.entries(form.pairs ? v : {}).flat().every((one, i) => fits(form.pairs[i % 2], one));
  }

  // Canonical CBOR (section 2), strict on the way in, so that nothing need be written again.
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  function read(form, data) {
    let at = 0;
    const take = n => { need(n <= data.length - at, "not-cbor", "cut off"); at += n; return data.subarray(at - n, at); };
    function item(depth) {
      const [first] = take(1), major = first >> 5, info = first & 31, isShort = info < 24;
      const long = take(isShort ? 0 : info < 28 ? 2 ** (info - 24) : Infinity);  // no data has an indefinite length
      const n = isShort ? info : long.reduce((sum, byte) => sum * 256 + byte, 0);
      need(depth < 16, "not-cbor", "too deep");
      if (first === 0xf6) return null;
      need(isShort || major > 5 || n >= [24, 2 ** 8, 2 ** 16, 2 ** 32][info - 24], "not-shortest");
      need(major < 6, forms.initials[first] ?? "type-not-allowed");
      need(major > 1 || (major === 0 && n <= Number.MAX_SAFE_INTEGER), "int-too-large");
      if (major < 3) return major === 0 ? n : take(n);
      if (major === 3) return tried(() => utf8.decode(take(n)), () => refuse("not-cbor", "not UTF-8"));
      const items = [], fields = Object.create(null);
      for (let i = 0, before = ""; i < n; i++) {
        const start = at, one = item(depth + 1), key = hex(data.subarray(start, major === 4 ? start : at));
        if (major === 4) { items.push(one); continue; }
        need(typeof one === "string", "key-not-text");
        need(key > before, key === before ? "header-keys-duplicate" : "header-keys-unsorted", one);
        [before, fields[one]] = [key, item(depth + 1)];
      }
      return major === 4 ? items : fields;
    }
    need(data.length <= (form.bytes ?? Infinity), "too-large", `${data.length} bytes`);
    const value = item(0);
    need(at === data.length, "not-shortest", "bytes follow the value");
    need(fits(form, value), "field-malformed");
    return value;
  }

  // Digests and Merkle trees (RFC 9162): a frontier is the roots of the full subtrees, largest first.
  const join = parts => new Uint8Array([].concat(...parts.map(part => Array.from(part))));
  const H = async (hash, ...parts) => new Uint8Array(await crypto.subtle.digest(hash.replace("sha", "SHA-"), join(parts)));
  const label = name => new TextEncoder().encode(`katchi ${name} 1\n`);
  async function grown(hash, frontier, length, data) {
    const roots = [...frontier];
    let node = await H(hash, [0], data);
    for (; length % 2; length = (length - 1) / 2) node = await H(hash, [1], roots.pop(), node);
    return [...roots, node];
  }
  const rootOf = async (hash, frontier) => hex(frontier.length
    ? await frontier.reduceRight(async (node, left) => H(hash, [1], left, await node)) : await H(hash));

  // Objects (sections 3 to 7): each is returned decoded if it holds, or refused by name. `trust` has fingerprints by ally.
  async function requireSigned(who, name, digest, signatures) {  // by the whole suite; an entry, by the first of it alone
    const [first, slow] = signatures, isEntry = name === "entry", message = join([label(name), who.fingerprint, digest]);
    need(signatures.length === (isEntry ? 1 : 2), "signature-missing", who.ally);
    need(await crypto.subtle.verify("Ed25519", who.loaded, first, message), "signature-invalid", who.ally);  // s < L, too
    need(isEntry || slow.length === 3309, "signature-invalid", "not of an ML-DSA-65 signature's length");
    who.tally.checked++;
    who.tally.unchecked += signatures.length - 1;
  }
  async function identity({ statement, signatures }, tally, trust = new Map()) {
    const it = read(forms.objects.identity, statement), { ally, keys: [first, second] } = it, { Point } = await curve;
    const fingerprint = await H("sha256", label("identity"), statement), found = hex(fingerprint);
    const given = trust.get(ally), isTrusted = given === found;
    tally.keys[ally] = { found, isTrusted };
    need(isTrusted || !given, "not-trusted", `${ally} ${found}`);
    need(it.suite === "ed25519+mldsa65", "suite-unknown", it.suite);
    need(it.keys.length === 2 && first.length === 32 && second.length === 1952 && second.some(byte => byte), "key-malformed");
    const point = tried(() => Point.fromBytes(first, true), () => refuse("key-malformed", "not on the curve"));
    need(same(point.toBytes(), first), "key-non-canonical");  // it was read leniently, so that this shows
    need(!point.isSmallOrder(), "key-small-order");
    need(point.isTorsionFree(), "key-mixed-order");
    const who = { ...it, fingerprint, tally, loaded: await crypto.subtle.importKey("raw", first, "Ed25519", false, ["verify"]) };
    await requireSigned(who, "identity", fingerprint, signatures);
    return who;
  }
  async function contact({ statement, signatures }, who, serialMin) {
    const it = read(forms.objects.contact, statement);
    await requireSigned(who, "contact", await H("sha256", label("contact"), statement), signatures);
    need(same(it.identity, who.fingerprint) && it.mode === who.mode && it.ally === who.ally, "contact-other-identity");
    need(it.serial >= serialMin, "contact-old-serial");
  }
  async function charter({ statement, signatures }, tally, trust) {
    const it = read(forms.objects.charter, statement), id = await H(it.hash, label("charter"), statement), members = new Map();
    for (const one of it.members) {
      const who = await identity(one, tally, trust);
      need([...members.keys()].every(name => name < who.ally), "charter-members-unsorted");
      need(who.mode === it.mode, "replay-other-mode");
      members.set(who.ally, who);
    }
    const allies = [...members.keys()], missing = allies.filter(ally => !Object.hasOwn(signatures, ally));
    need(new Set(allies.map(ally => ally.toLowerCase())).size === allies.length, "charter-ally-case");
    need(Object.keys(signatures).every(ally => members.has(ally)), "charter-not-a-member");
    for (const [ally, each] of Object.entries(signatures)) await requireSigned(members.get(ally), "charter", id, each);
    return { ...it, id, members, allies, missing };
  }
  async function saidIn(room, name, statement, signatures, it = read(forms.objects[name], statement)) {  // by one of its members
    const by = it.by ?? it.ally, who = room.members.get(by), raw = await H(room.hash, label(name), statement);
    need(same(it.room, room.id), "replay-other-room");
    need(it.mode === room.mode, "replay-other-mode");
    need(who && room.members.has(it.ally) && it.by !== it.ally, "not-a-member", by);
    await requireSigned(who, name, raw, signatures);
    return { ...it, raw, digest: hex(raw), by, who };
  }
  async function entry(room, { header, signature, salt, body, read: known = read(forms.objects.entry, header) }) {
    const it = await saidIn(room, "entry", header, [signature], known), form = formOf(it.kind);
    const sees = it.sees.map(([ally, epoch, seq, digest]) => ({ ally, epoch, seq, digest: hex(digest) }));
    const isOrdered = ({ ally }, i) => room.members.has(ally) && ally !== it.ally && (!i || sees[i - 1].ally < ally);
    need(sees.every(isOrdered), "sees-malformed");
    if (salt !== null || body !== null) {
      need(salt?.length === 32, "salt-not-32");
      need(body?.length === it.size && same(it.body, await H(room.hash, label("body"), salt, body)), "body-digest-mismatch");
    }
    const said = form && body && tried(() => read(form, body), () => undefined);  // undefined: malformed
    return { ...it, sees, about: it.about.map(hex), content: body, said, by: new Set() };
  }
  const opened = item => item.t === "entry" ? { ...item, read: read(forms.objects.entry, item.header) } : item;
  async function vouching(room, { t: name, statement, signatures }) {  // a checkpoint or countersignature
    const it = await saidIn(room, name, statement, signatures), { ally, by, length } = it, isOwn = by === ally;
    need(length > 0, "checkpoint-head-not-length");
    need(isOwn || same(it.by_identity, it.who.fingerprint), "signature-other-identity", by);
    const where = isOwn ? `checkpoint of ${ally} to ${length}` : `countersignature of ${ally} to ${length} by ${by}`;
    return { ...it, where, isOwn, seq: length - 1, head: hex(it.head), root: hex(it.root) };
  }

  // How an entry that is kept leaves the rules (sections 5 and 6); `before` is the one that it follows.
  const isNfc = v => typeof v === "string" ? v === v.normalize()
    : typeOf(v) === "bytes" || Object.entries(v ?? {}).every(([name, one]) => isNfc(name) && isNfc(one));
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
  async function audit(room, items, holder = null) {
    const { allies, hash } = room, out = { findings: [], allegations: [], marks: [] }, taken = [], branches = [];
    const waiting = new Map(), papers = new Map(), statements = new Map(), firsts = new Map();
    const ground = { seq: -1, at: 0, sees: [], frontier: [], by: new Set() };  // the room itself, below entry 0 of every chain
    const placed = new Map([[hex(room.id), ground]]);
    const find = (where, reason, against = null, as = "findings") => out[as].push({ where, reason, against });
    const mark = (where, reason) => find(where, reason, null, "marks");
    const entryOf = (map, key, fresh) => map.get(key) ?? map.set(key, fresh).get(key);
    const paperOf = root => entryOf(papers, hex(root), { sizes: new Set(), chunks: [] });
    const branchesOf = ({ ally, epoch }) => branches.filter(each => each.ally === ally && each.epoch === epoch);

    async function put(one) {  // and those that waited for it
      const { ally, epoch, seq, digest } = one, prev = hex(one.prev), found = placed.get(prev), beside = branchesOf(one);
      const before = found === ground || found?.ally === ally ? found : null;
      if (placed.has(digest)) return find(place(one), "entry-repeated");
      if (!before && seq > 0) return entryOf(waiting, prev, []).push(one);
      need(seq === before?.seq + 1, "prev-mismatch");
      const branch = beside.find(each => each.head === before) ?? { ally, epoch, start: seq, beside, reached: new Map() };
      need(branch.head || beside.length < 5, "fork-limit");
      if (!branch.head) branches.push(branch);
      Object.assign(one, { before, branch, frontier: await grown(hash, before.frontier, seq, one.raw) });
      placed.set(digest, branch.head = one);
      const follow = waiting.get(digest) ?? [];
      waiting.delete(digest);
      for (const next of follow.reverse()) await attempt(() => put(next), error => find(place(next), error.reason, ally));
    }
    async function take(item) {
      if (item.t === "chunk") return paperOf(item.root).chunks.push(item);
      if (item.t === "entry") return put(taken[taken.push(await entry(room, item)) - 1]);
      const it = await vouching(room, item), first = entryOf(firsts, [it.where, it.epoch].join(), it);
      const isLie = !it.isOwn && (first.root !== it.root || first.head !== it.head);
      if (isLie) find(it.where, "countersignature-two-histories", it.by);
      return statements.set([it.where, it.epoch, it.root, it.head].join(), it);
    }

    async function settleStatement(it) {  // its head is the entry at that place, its root that of the path to it
      const head = placed.get(it.head), isThere = head && place(head) === place(it);
      if (!isThere && !branchesOf(it).some(branch => branch.head.seq >= it.seq)) find(it.where, "export-tail-withheld", it.ally);
      else if (isThere && await rootOf(hash, head.frontier) === it.root) {
        for (let one = head; one && !one.by.has(it.by); one = one.before) one.by.add(it.by);
        const { reached } = head.branch;
        if (!(reached.get(it.by)?.seq >= it.seq)) reached.set(it.by, { ...it, head });
      } else if (!it.isOwn) find(it.where, "countersignature-other-history", it.by);
      else find(it.where, isThere ? "checkpoint-inconsistent" : "checkpoint-head-not-length", it.by);
    }
    function settleSeen(entries) {
      const inTurn = [...entries].sort((one, other) => byPlace(other, one));  // each is said where its author first states it
      const seen = new Map(inTurn.flatMap(one => one.sees.map(was => [[one.ally, place(was), was.digest].join(), { one, was }])));
      for (const { one, was } of seen.values()) {
        const at = placed.get(was.digest), holds = ({ start, head }) => start <= was.seq && was.seq <= head.seq;
        if (at && place(at) === place(was)) continue;
        if (at?.branch || branchesOf(was).some(holds)) find(place(one), "fork-alleged", one.ally, "allegations");
        else if ([null, was.ally, one.ally].includes(holder)) find(place(one), "export-tail-withheld", was.ally);
        else mark(place(one), "not-held-here");
      }
    }
    const isBelow = (low, high) => { while (high.seq > low.seq) high = high.before; return high === low; };
    function settleBranches() {  // of one epoch side by side: who vouched for both, and where they first part
      const pairs = branches.flatMap(other => other.beside.map(one => [one, other]));
      for (const [one, other] of pairs) for (const [by, high] of other.reached) {
        const low = by !== one.ally && one.reached.get(by), isLie = low && !isBelow(low.head, high.head);
        if (isLie) find([low, high].sort(byPlace)[0].where, "countersignature-two-histories", by);
      }
      const rivals = pairs.filter(([one, other]) => one.start <= other.head.seq && other.start <= one.head.seq);
      const partings = rivals.map(([one, other]) => ({ ...one, seq: Math.max(one.start, other.start) })).sort(byPlace);
      return [...new Map(partings.reverse().map(one => [`${one.ally} ${one.epoch}`, one])).values()];
    }
    function settles({ ally, epoch, said }, fork) {  // if a repair names an entry of each history that is of no other
      const rows = [...new Set(said.branches.filter(row => row[0] === fork.epoch).map(row => hex(row[2])))];
      const named = rows.map(digest => placed.get(digest)).filter(one => one?.ally === ally && one.epoch === fork.epoch);
      const histories = branchesOf(fork).map(branch => branch.head).filter(head => head.seq >= fork.seq);
      const lastOn = head => named.filter(one => one.seq >= fork.seq && isBelow(one, head)).sort(byPlace).at(-1);
      const last = new Set(histories.map(lastOn)), isWhole = !last.has(undefined) && last.size === histories.length;
      return ally === fork.ally && epoch > fork.epoch && rows.length > 1 && rows.length <= 5 && isWhole;
    }
    function settleForks(entries, forks) {  // by repairs that all others accept; returns those that are open
      const repairs = entries.filter(one => one.kind === "chain.opened" && one.said?.reason === "repaired");
      const words = entries.filter(one => one.kind === "repair.accepted" && one.said);
      const accepts = (one, { ally, digest }) => one.said.ally === ally && one.about[0] === digest;
      for (const one of words) if (!repairs.some(repair => accepts(one, repair))) mark(place(one), "repair-unknown");
      const isAccepted = (repair, by) => by === repair.ally || words.some(one => one.ally === by && accepts(one, repair));
      const inForce = repairs.filter(repair => allies.every(by => isAccepted(repair, by)));
      const isOpen = fork => !inForce.some(repair => settles(repair, fork));
      for (const fork of forks) find(place(fork), "fork-pair", fork.ally, isOpen(fork) ? "findings" : "marks");
      return forks.filter(isOpen);
    }
    async function settlePaper([root, { sizes, chunks }]) {
      const where = `paper ${root.slice(0, 8)}…`, size = chunks.reduce((sum, { data }) => sum + data.length, 0);
      const isFull = ({ index, data }, i) => index === i && data.length && (data.length === 2 ** 16 || i === chunks.length - 1);
      let frontier = [];
      for (const [i, { data }] of chunks.entries()) frontier = await grown(hash, frontier, i, data);
      const isRight = chunks.every(isFull) && await rootOf(hash, frontier) === root;
      if (sizes.size > 1) mark(where, "paper-two-sizes");
      if (!sizes.size) mark(where, "paper-unnamed");
      else if (!isRight && size < Math.max(...sizes)) mark(where, "paper-awaited");
      else if (!isRight || !sizes.has(size)) find(where, "paper-root-mismatch");
    }
    const reach = (one, by) => { while (one !== ground && !one.by.has(by)) one = one.before; return one.seq + 1; };
    function chainOf(ally) {
      const newest = branches.filter(one => one.ally === ally).sort((one, other) => other.epoch - one.epoch)[0]?.head ?? ground;
      const confirmed = allies.filter(by => by !== ally).map(by => [by, reach(newest, by)]).filter(([, length]) => length);
      const lacking = taken.filter(one => one.ally === ally && one.content === null).map(place);
      return { ally, length: newest.seq + 1, covered: reach(newest, ally), confirmed: Object.fromEntries(confirmed), lacking };
    }
    function statusOf(ours, forks) {  // agreed: each has a covered words.signed, before any open fork, of one proposal here
      const isOpen = one => forks.some(fork => fork.ally === one.ally && byPlace(one, fork) >= 0);
      const signed = ours.filter(one => one.kind === "words.signed" && one.about.length > 1);
      const counting = signed.filter(one => one.by.has(one.ally) && !isOpen(one));
      const isSigned = words => allies.every(ally => counting.some(one => one.ally === ally && one.about[1] === words.digest));
      const isAgreed = ours.some(one => one.kind === "words.proposed" && isSigned(one));
      return isAgreed ? "agreed" : signed.length ? "partly-signed" : null;
    }
    for (const item of items) {
      const where = item.read ? place(item.read) : `a ${item.t}`;
      await attempt(() => take(item), error => find(where, error.reason, item.read?.ally));
    }
    const entries = [...placed.values()].slice(1), absent = new Set([...waiting.values()].flat().map(one => one.digest));
    if (room.missing.length && items.some(item => item.t === "entry")) find("charter", "charter-missing-signature");
    else if (room.missing.length) mark("charter", "not-in-force");
    for (const one of taken) for (const reason in MARKS) if (MARKS[reason](one)) mark(place(one), reason);
    for (const [prev, ones] of waiting) if (!absent.has(prev)) ones.forEach(one => find(place(one), "prev-missing", one.ally));
    for (const it of statements.values()) await settleStatement(it);
    const forks = settleForks(entries, settleBranches()), isLie = one => /two-histories$/.test(one.reason);
    const lieAt = new Map(out.findings.filter(isLie).reverse().map(one => [one.where, one]));  // the first at a place is said
    out.findings = out.findings.filter(one => !/^countersig/.test(one.reason) || (lieAt.get(one.where) ?? one) === one);
    settleSeen(entries);
    const naming = taken.filter(one => formOf(one.kind)?.fields.includes("papers"));
    for (const { root, size } of naming.flatMap(one => one.said?.papers ?? [])) paperOf(root).sizes.add(size);
    for (const paper of papers) await settlePaper(paper);
    for (const one of entries.filter(each => each.kind === "consultation.opened"))
      one.status = statusOf(entries.filter(each => each.about[0] === one.digest), forks);

    const tips = branches.map(branch => branch.head).sort((one, other) => one.digest < other.digest ? -1 : 1);
    const spoken = await H("sha256", label("record phrase"), ...tips.map(one => one.raw)), { title, mode } = room;
    const phrase = String(BigInt(`0x${hex(spoken)}`) % 10n ** 12n).padStart(12, "0").match(/..../g).join(" ");
    const sorted = allies.flatMap(ally => tips.filter(one => one.ally === ally).sort(byPlace));
    const heads = sorted.map(one => [one.ally, one.epoch, one.seq + 1, one.digest]);
    return { ...out, room: hex(room.id), title, mode, phrase, heads, chains: allies.map(chainOf), entries };
  }

  // The export file (section 9). `trust` has a fingerprint for each member; without it nothing says whose keys these are.
  async function verify(file, trust = {}) {
    const out = { state: "failed", refused: null, where: "byte 0", checked: 0, unchecked: 0, keys: {}, rooms: [] };
    const held = new Map(), broken = (holds, what) => need(holds, "file-broken", what);
    async function finish({ statement, signatures }, start) {
      const it = read(forms.objects.manifest, statement), raw = await H("sha256", label("manifest"), statement);
      broken(held.size && String([...held.keys()]) === String(it.rooms.map(one => hex(one.room))), "it holds other rooms");
      for (const { room: id, heads, entries } of it.rooms) {
        const { room, items } = held.get(hex(id)), who = room.members.get(it.exporter);
        need(who && same(who.fingerprint, it.identity) && room.mode === it.mode, "manifest-not-a-member", it.exporter);
        await requireSigned(who, "manifest", raw, signatures);
        const found = await audit(room, items, it.exporter), named = heads.map(head => [...head.slice(0, 3), hex(head[3])]);
        const isSame = String(found.heads) === String(named) && found.entries.length === entries;
        if (!isSame) found.findings.push({ where: "manifest", reason: "manifest-heads", against: null });
        out.rooms.push(found);
      }
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", file.subarray(0, start)));
      broken(same(it.digest, digest), "its bytes are not those that its exporter signed");
      out.manifest = it;
    }
    await attempt(async () => {
      broken(same(file.subarray(0, 16), label("bundle")), "it does not begin as an export of format 1");
      for (let n = 1, start = 16, end; !out.manifest; n++, start = end) {
        out.where = `item ${n}, byte ${start}`;
        end = start + 4 + parseInt(hex(file.subarray(start, start + 4)), 16);
        broken(end <= file.length && end <= start + 4 + 2 ** 20, "an item is too long, or cut off");
        const data = file.subarray(start + 4, end);
        const item = opened(tried(() => read(forms.item, data), error => broken(false, error.message)));
        const { items } = held.get(hex((item.read ?? item).room ?? [])) ?? {};
        broken(items || ["charter", "manifest"].includes(item.t), "an item of a room whose charter did not come before");
        broken(item.t !== "manifest" || end === file.length, "bytes follow the manifest");
        if (items) items.push(item);
        else if (item.t === "manifest") await finish(item, start);
        else {
          const room = await charter(item, out, new Map(Object.entries(trust)));
          broken(!held.has(hex(room.id)), "a charter comes twice");
          held.set(hex(room.id), { room, items: [] });
        }
      }
      const isCompared = Object.values(out.keys).every(key => key.isTrusted);
      if (out.rooms.every(room => !room.findings.length)) out.state = isCompared ? "holds" : "uncompared";
    }, error => Object.assign(out, { refused: error.reason, what: error.message }));
    return out;
  }
  return { verify, identity, contact, charter, entry, vouching, opened, audit };
})(typeof require === "function"
  ? { forms: require("./forms.json"), curve: import("./vendor/noble-ed25519.mjs") }
  : { forms: JSON.parse(document.getElementById("forms").textContent), curve: globalThis.ed25519 });

if (typeof module !== "undefined") module.exports = katchi;
if (typeof require === "function" && require.main === module) {
  const [path, ...words] = process.argv.slice(2).filter(word => word !== "--trust"), trust = words.map(word => word.split("="));
  katchi.verify(new Uint8Array(require("fs").readFileSync(path)), Object.fromEntries(trust)).then(report => {
    const briefly = (name, value) => ["manifest", "entries", "heads", "lacking"].includes(name) ? undefined : value;
    console.log(JSON.stringify({ "ML-DSA-65": "not checked here", ...report }, briefly, 2));
    process.exitCode = report.state === "holds" ? 0 : 5;
  });
}
