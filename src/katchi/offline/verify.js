// A second verifier of katchi's record, format 1, written from docs/spec/record.md and not from katchi's Python.
//   node verify.js FILE --trust ALLY=FINGERPRINT ...      or inline in record.html, where page.js draws what is verified here
// Every digest, link, root and Ed25519 signature is recomputed, by WebCrypto alone. There is no ML-DSA-65 in it: such signatures
// are counted as `unchecked`, and what rests on one is "not checked here", never verified. forms.json says what has which fields.
"use strict";
const katchi = (forms => {
  class Refused extends Error {
    constructor(reason, what) { super(what ?? reason); this.reason = reason; }
  }
  const need = (holds, reason, what) => { if (!holds) throw new Refused(reason, what); };
  const attempt = (act, refused) => act().catch(error => { if (!(error instanceof Refused)) throw error; refused(error); });
  const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
  const hex = data => data.reduce((text, byte) => text + PAIRS[byte], "");
  const unhex = text => Uint8Array.from(text.match(/../g) ?? [], pair => parseInt(pair, 16));
  const same = (one, other) => hex(one) === hex(other);
  const isBefore = (one, other) => one.epoch < other.epoch || (one.epoch === other.epoch && one.seq < other.seq);
  const place = of => `${of.ally} ${of.epoch}/${of.seq}`;

  // Canonical CBOR (section 2), strict on the way in, so that nothing need be written again.
  function decode(data, sizeMax) {
    need(data.length <= sizeMax, "too-large", `${data.length} bytes`);
    let at = 0;
    const take = n => { need(n <= data.length - at, "not-cbor", "cut off"); at += n; return data.subarray(at - n, at); };
    function argument(info) {  // there are no indefinite and reserved lengths: they read as one too long for any data
      if (info < 24) return info;
      const n = take(info < 28 ? 2 ** (info - 24) : Infinity).reduce((sum, byte) => sum * 256 + byte, 0);
      need(n >= [24, 2 ** 8, 2 ** 16, 2 ** 32][info - 24], "not-shortest");
      return n;
    }
    function item(depth) {
      const [first] = take(1), major = first >> 5;
      need(depth < 16, "not-cbor", "too deep");
      if (first === 0xf6) return null;
      need(major < 7, first === 0xf4 || first === 0xf5 ? "int-as-bool" : first < 0xfc ? "type-not-allowed" : "not-cbor");
      const n = argument(first & 31), isInt = major === 0 && n <= Number.MAX_SAFE_INTEGER;
      need(major !== 6, n === 2 || n === 3 ? "int-as-bignum-tag" : "type-not-allowed", `tag ${n}`);
      need(major > 1 || isInt, "int-too-large");
      if (isInt || major === 2) return isInt ? n : take(n);
      if (major === 3) return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(take(n));
      const items = [], map = Object.create(null);
      for (let i = 0, before = ""; i < n; i++) {
        const start = at, one = item(depth + 1), encoded = hex(data.subarray(start, at));
        if (major === 4) { items.push(one); continue; }
        need(typeof one === "string", "key-not-text");
        need(encoded > before, encoded === before ? "header-keys-duplicate" : "header-keys-unsorted", one);
        [before, map[one]] = [encoded, item(depth + 1)];
      }
      return major === 4 ? items : map;
    }
    let value;
    try { value = item(0); } catch (error) { throw error instanceof TypeError ? new Refused("not-cbor", "not UTF-8") : error; }
    need(at === data.length, "not-shortest", "bytes follow the value");
    return value;
  }

  // Forms of fields. A field that is not there is `undefined`, of the type "absent".
  const typeOf = v => v === null ? "null" : Array.isArray(v) ? "list" : v instanceof Uint8Array ? "bytes"
    : { string: "text", number: "count", object: "map", undefined: "absent" }[typeof v];
  const sizeOf = v => typeof v === "number" ? v : typeof v === "string" ? [...v].length : v.length ?? Object.keys(v).length;
  function fits(form, v) {
    if (typeof form === "string") return fits(forms.forms[form], v);
    if (form.type !== typeOf(v)) return Boolean(form.or?.includes(typeOf(v)));
    const [min, max] = form.size ?? [0, Infinity], names = form.fields?.split(" ");
    if (sizeOf(v) < min || sizeOf(v) > max || (form.like && !new RegExp(`^(?:${form.like})$`).test(v))) return false;
    if (form.of) return v.every(one => fits(form.of, one));
    if (form.row) return v.length === form.row.length && form.row.every((one, i) => fits(one, v[i]));
    if (form.pairs) return Object.entries(v).every(pair => pair.every((one, i) => fits(form.pairs[i], one)));
    need(!names || form.open || Object.keys(v).every(name => names.includes(name)), "header-extra-field");
    return !names || names.every(name => fits(form.with?.[name] ?? name, v[name]));
  }
  function read(name, data) {
    const value = decode(data, { header: 4096, manifest: 2 ** 20 }[name] ?? 2 ** 18);
    need(fits(forms.objects[name], value), "field-malformed", name);
    return value;
  }
  const isNfc = v => typeof v === "string" ? v === v.normalize()
    : typeOf(v) === "bytes" || Object.entries(v ?? {}).every(([name, one]) => isNfc(name) && isNfc(one));
  function marksOf(one) {  // reads the body into `said`; returns how the entry leaves the rules
    const marks = forms.answers.includes(one.kind) && !one.about.length ? ["about-missing"] : [];
    if (!Object.hasOwn(forms.kinds, one.kind)) return [...marks, "unknown-kind"];
    try {
      const said = one.content && decode(one.content, 2 ** 16);
      need(!said || fits(forms.kinds[one.kind], said), "field-malformed");
      one.said = said;
    } catch { return [...marks, "body-malformed"]; }
    return isNfc(one.said) ? marks : [...marks, "body-not-nfc"];
  }

  // Digests and Merkle trees (RFC 9162): a frontier is the roots of the full subtrees, largest first.
  function join(parts) {
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
    return whole;
  }
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

  // Ed25519 (RFC 8032): whether a key is a canonical point of the prime order (section 3), and a signature holds with s < L.
  const P = 2n ** 255n - 19n, L = 2n ** 252n + 27742317777372353535851937790883648493n, mod = n => ((n % P) + P) % P;
  const little = data => BigInt(`0x${hex(data.slice().reverse())}`);
  const power = (base, n) => n === 0n ? 1n : power(base * base % P, n >> 1n) * (n & 1n ? base : 1n) % P;
  const D = mod(-121665n * power(121666n, P - 2n));
  function plus([x1, y1, z1, t1], [x2, y2, z2, t2]) {  // extended coordinates
    const a = (y1 - x1) * (y2 - x2), b = (y1 + x1) * (y2 + x2), c = 2n * D * t1 * t2, d = 2n * z1 * z2;
    return [(b - a) * (d - c), (d + c) * (b + a), (d - c) * (d + c), (b - a) * (b + a)].map(mod);
  }
  function isNothing(n, point) {  // whether n times the point is the identity
    let sum = [0n, 1n, 1n, 0n];
    for (; n; n >>= 1n, point = plus(point, point)) if (n & 1n) sum = plus(sum, point);
    return sum[0] === 0n && sum[1] === sum[2];
  }
  function requireSound(key) {
    const sign = BigInt(key[31] >> 7), y = little(key) & (2n ** 255n - 1n);
    need(y < P, "key-non-canonical");
    const square = mod((y * y - 1n) * power(mod(D * y * y + 1n), P - 2n)), root = power(square, (P + 3n) / 8n);
    const x = mod(root * root - square) ? mod(root * power(2n, (P - 1n) / 4n)) : root, signed = (x & 1n) === sign ? x : mod(-x);
    const point = [signed, y, 1n, mod(signed * y)];
    need(mod(x * x - square) === 0n, "key-malformed", "not on the curve");
    need(x || !sign, "key-non-canonical");
    need(!isNothing(8n, point), "key-small-order");
    need(isNothing(L, point), "key-mixed-order");
  }
  async function requireFirst(who, name, digest, signature) {
    who.loaded ??= await crypto.subtle.importKey("raw", who.keys[0], "Ed25519", false, ["verify"]);
    need(signature.length === 64 && little(signature.subarray(32)) < L, "signature-invalid", who.ally);
    const message = join([label(name), who.fingerprint, digest]);
    need(await crypto.subtle.verify("Ed25519", who.loaded, signature, message), "signature-invalid", who.ally);
    who.tally.checked++;
  }
  async function requireSigned(who, name, hash, statement, signatures) {  // by the whole suite, as far as it can be checked here
    need(signatures.length === 2, "signature-missing", who.ally);
    const digest = await H(hash, label(name), statement);
    await requireFirst(who, name, digest, signatures[0]);
    need(signatures[1].length === 3309, "signature-invalid", "not of an ML-DSA-65 signature's length");
    who.tally.unchecked++;
    return digest;
  }

  // Objects (sections 3 to 7): each is returned decoded if it holds, or refused by name.
  async function identity({ statement, signatures }, tally = { checked: 0, unchecked: 0 }) {
    const who = { ...read("identity", statement), tally, fingerprint: await H("sha256", label("identity"), statement) };
    const [first, second] = who.keys;
    need(who.suite === "ed25519+mldsa65", "suite-unknown", who.suite);
    need(who.keys.length === 2 && first.length === 32 && second.length === 1952 && second.some(byte => byte), "key-malformed");
    requireSound(first);
    await requireSigned(who, "identity", "sha256", statement, signatures);
    return who;
  }
  async function contact({ statement, signatures }, who, serialMin) {
    const it = read("contact", statement);
    await requireSigned(who, "contact", "sha256", statement, signatures);
    need(same(it.identity, who.fingerprint) && it.mode === who.mode && it.ally === who.ally, "contact-other-identity");
    need(it.serial >= serialMin, "contact-old-serial");
  }
  async function charter({ statement, signatures }, tally) {
    const it = read("charter", statement), known = [];
    for (const one of it.members) known.push(await identity(one, tally));
    const names = known.map(who => who.ally), members = new Map(known.map(who => [who.ally, who]));
    need(names.every((name, i) => !i || names[i - 1] < name), "charter-members-unsorted");
    need(new Set(names.map(name => name.toLowerCase())).size === names.length, "charter-ally-case");
    for (const [name, each] of Object.entries(signatures)) {
      need(members.has(name), "charter-not-a-member", name);
      await requireSigned(members.get(name), "charter", it.hash, statement, each);
    }
    need(known.every(who => who.mode === it.mode), "replay-other-mode");
    const missing = names.filter(name => !Object.hasOwn(signatures, name));
    return { ...it, members, missing, id: await H(it.hash, label("charter"), statement) };
  }
  function signerOf(room, it) {
    need(same(it.room, room.id), "replay-other-room");
    need(it.mode === room.mode, "replay-other-mode");
    need(room.members.has(it.by ?? it.ally), "not-a-member", it.by ?? it.ally);
    return room.members.get(it.by ?? it.ally);
  }
  async function entry(room, { header, signature, salt, body }, it = read("header", header)) {
    const who = signerOf(room, it), seen = it.sees.map(([name]) => name), raw = await H(room.hash, label("entry"), header);
    need(seen.every((name, i) => room.members.has(name) && name !== it.ally && (!i || seen[i - 1] < name)), "sees-malformed");
    await requireFirst(who, "entry", raw, signature);
    if (salt !== null || body !== null) {
      need(salt?.length === 32, "salt-not-32");
      need(body?.length === it.size && same(it.body, await H(room.hash, label("body"), salt, body)), "body-digest-mismatch");
    }
    return { ...it, raw, digest: hex(raw), content: body, said: null, by: new Set() };
  }
  async function vouching(room, name, { statement, signatures }) {  // a checkpoint or countersignature
    const it = read(name, statement), who = signerOf(room, it), by = who.ally;
    need(it.length > 0, "checkpoint-head-not-length");
    await requireSigned(who, name, room.hash, statement, signatures);
    need(!it.by || same(it.by_identity, who.fingerprint), "signature-other-identity", by);
    need(room.members.has(it.ally) && it.by !== it.ally, "not-a-member", it.ally);
    return { ...it, by, head: hex(it.head), root: hex(it.root), isOwn: by === it.ally, where: whereOf(it.ally, it.length, by) };
  }
  const whereOf = (ally, n, by) => by === ally ? `checkpoint of ${ally} to ${n}` : `countersignature of ${ally} to ${n} by ${by}`;

  // The audit of one room (sections 6 to 8): takes its parts as they come, then settles what needs the whole.
  function auditOf(room) {
    const placed = new Map(), waiting = new Map(), statements = new Map(), papers = new Map();
    const allies = [...room.members.keys()], out = { findings: [], allegations: [], marks: [] };
    const chains = new Map(allies.map(ally => [ally, { ally, branches: [], lacking: [], repairs: {}, reached: new Map() }]));
    const find = (where, reason, against = null, as = "findings") => out[as].push({ where, reason, against });
    const mark = (where, reason) => find(where, reason, null, "marks");
    const entryOf = (map, key, fresh) => map.get(key) ?? map.set(key, fresh).get(key);
    const paperOf = root => entryOf(papers, hex(root), { named: [], chunks: 0, size: 0, frontier: [], isWhole: true });
    let taken = 0;
    async function put(one) {  // returns whether it has its place now
      const chain = chains.get(one.ally), found = placed.get(hex(one.prev)), before = found?.ally === one.ally ? found : null;
      const isAtRoom = same(one.prev, room.id), beside = chain.branches.filter(each => each.epoch === one.epoch);
      if (!before && one.seq > 0 && !isAtRoom) return !entryOf(waiting, hex(one.prev), []).push(one);
      need(before ? one.seq === before.seq + 1 : one.seq === 0 && isAtRoom, "prev-mismatch");
      const branch = beside.find(each => each.head === before) ?? { epoch: one.epoch, start: one.seq, head: null };
      need(branch.head || beside.length < 5, "fork-limit");
      if (!branch.head) chain.branches.push(branch);
      const frontier = await grown(room.hash, before?.frontier ?? [], one.seq, one.raw);
      placed.set(one.digest, branch.head = Object.assign(one, { before, branch, frontier }));
      const now = new Map(one.sees.map(([ally, epoch, seq]) => [ally, { epoch, seq }]));
      const hasSeenMore = ([ally, epoch, seq]) => !now.has(ally) || isBefore(now.get(ally), { epoch, seq });
      if (before?.sees.some(hasSeenMore)) mark(place(one), "sees-goes-back");
      if (before?.at > one.at) mark(place(one), "clock-went-back");
      if (before && before.epoch !== one.epoch && one.kind !== "chain.opened") mark(place(one), "epoch-not-opened");
      if (one.assent) mark(place(one), "assent-missing");
      return true;
    }
    async function take(item, it) {
      let where = `entry ${++taken}`;
      await attempt(async () => {
        it ??= read("header", item.header);
        where = place(it);
        const first = await entry(room, item, it), chain = chains.get(it.ally);
        marksOf(first).forEach(reason => mark(where, reason));
        first.said?.papers?.forEach(paper => paperOf(paper.root).named.push(paper.size));
        const repaired = it.kind === "repair.accepted" && first.said?.ally !== it.ally && chains.get(first.said?.ally);
        if (repaired && it.about.length) (repaired.repairs[hex(it.about[0])] ??= new Set()).add(it.ally);
        if (first.content === null) chain.lacking.push(where);
        for (const follow = [first]; follow.length;) {  // it, and those that waited for it
          const one = follow.pop(), at = place(one);
          if (placed.has(one.digest)) { find(at, "entry-repeated"); continue; }
          if (!await attempt(() => put(one), error => find(at, error.reason, one.ally))) continue;
          follow.push(...waiting.get(one.digest) ?? []);
          waiting.delete(one.digest);
        }
      }, error => find(where, error.reason, it?.ally));
    }
    const vouch = (name, signed) => attempt(async () => {
      const it = await vouching(room, name, signed), at = [it.where, it.epoch].join(), first = statements.get(at) ?? it;
      const isSame = first.root === it.root && first.head === it.head;
      if (!isSame && !it.isOwn) find(it.where, "countersignature-two-histories", it.by);
      statements.set(isSame ? at : [at, it.root, it.head].join(), it);
    }, error => find(`a ${name}`, error.reason));
    async function chunk({ root, index, data }) {
      const paper = paperOf(root);
      paper.isWhole &&= index === paper.chunks && paper.size === index * 2 ** 16 && data.length > 0;
      paper.frontier = await grown(room.hash, paper.frontier, paper.chunks++, data);
      paper.size += data.length;
    }
    async function settleStatement(it) {  // its head is the entry at that place, its root that of the path to it
      const head = placed.get(it.head), { branches, reached } = chains.get(it.ally);
      if (head?.ally !== it.ally || head.epoch !== it.epoch || head.seq !== it.length - 1) {
        const isHeld = branches.some(branch => branch.epoch === it.epoch && branch.head.seq >= it.length - 1);
        if (!isHeld) find(it.where, "export-tail-withheld", it.ally);
        else find(it.where, it.isOwn ? "checkpoint-head-not-length" : "countersignature-other-history", it.by);
      } else if (await rootOf(room.hash, head.frontier) !== it.root) {
        find(it.where, it.isOwn ? "checkpoint-inconsistent" : "countersignature-other-history", it.by);
      } else {
        for (let one = head; one && !one.by.has(it.by); one = one.before) one.by.add(it.by);
        const furthest = entryOf(reached, it.by, new Map());
        if (!(furthest.get(head.branch)?.seq >= head.seq)) furthest.set(head.branch, head);
      }
    }
    const isBelow = (low, high) => { while (high && high.seq > low.seq) high = high.before; return high === low; };
    function settleLies({ ally, branches, reached }) {  // who vouched for two histories of one epoch beyond where they part
      const beside = (one, i) => branches.slice(i + 1).filter(other => other.epoch === one.epoch).map(other => [one, other]);
      for (const [by, furthest] of reached) for (const [one, other] of branches.flatMap(beside)) {
        const low = furthest.get(one), high = furthest.get(other), isPair = low && high && by !== ally;
        if (isPair && !isBelow(low, high) && !isBelow(high, low))
          find(whereOf(ally, high.seq + 1, by), "countersignature-two-histories", by);
      }
    }
    function settleSeen(holder) {
      const told = new Set();
      for (const one of placed.values()) for (const [ally, epoch, seq, digest] of one.sees) {
        const at = placed.get(hex(digest)), said = [ally, epoch, seq, hex(digest)].join();
        if ((at?.ally === ally && at.epoch === epoch && at.seq === seq) || told.has(said)) continue;
        told.add(said);
        const holds = branch => branch.epoch === epoch && branch.start <= seq && seq <= branch.head.seq;
        if (at || chains.get(ally).branches.some(holds)) find(place(one), "fork-alleged", one.ally, "allegations");
        else if ([null, ally, one.ally].includes(holder)) find(place(one), "export-tail-withheld", ally);
        else mark(place(one), "not-held-here");
      }
    }
    function settleForks({ ally, branches, repairs }) {  // of an epoch: where its histories first part; returns the open ones
      const lowest = new Map();
      for (const one of branches) for (const other of branches)
        if (one !== other && one.epoch === other.epoch && one.start <= other.start && other.start <= one.head.seq)
          lowest.set(one.epoch, Math.min(other.start, lowest.get(one.epoch) ?? Infinity));
      const settled = Object.values(repairs).filter(by => by.size >= allies.length - 1).length;
      const forks = [...lowest].map(([epoch, seq]) => ({ ally, epoch, seq })).sort((one, other) => one.epoch - other.epoch);
      forks.forEach((fork, i) => find(place(fork), "fork-pair", ally, i < settled ? "marks" : "findings"));
      return forks.slice(settled);
    }
    async function settlePaper(root, { named, size, frontier, isWhole }) {
      const where = `paper ${root.slice(0, 8)}…`, isRight = isWhole && await rootOf(room.hash, frontier) === root;
      if (new Set(named).size > 1) mark(where, "paper-two-sizes");
      if (!named.length) mark(where, "paper-unnamed");
      else if (!isRight && size < Math.max(...named)) mark(where, "paper-awaited");
      else if (!isRight || !named.includes(size)) find(where, "paper-root-mismatch");
    }
    function statusOf(opening) {  // agreed: every member has a covered words.signed, before any open fork, of one proposal here
      const ours = [...placed.values()].filter(one => one.about.length && hex(one.about[0]) === opening);
      const signed = ours.filter(one => one.kind === "words.signed" && one.about.length > 1);
      const isOpen = one => chains.get(one.ally).forks.some(fork => !isBefore(one, fork));
      const counting = signed.filter(one => one.by.has(one.ally) && !isOpen(one));
      const isSigned = words => allies.every(ally => counting.some(one => one.ally === ally && same(one.about[1], words)));
      if (ours.some(one => one.kind === "words.proposed" && isSigned(one.raw))) return "agreed";
      return signed.length ? "partly-signed" : null;
    }
    async function report(holder = null) {
      if (room.missing.length && taken) find("charter", "charter-missing-signature");
      else if (room.missing.length) mark("charter", "not-in-force");
      for (const it of statements.values()) await settleStatement(it);
      for (const chain of chains.values()) settleLies(chain);
      const lies = out.findings.filter(one => one.reason === "countersignature-two-histories"), lie = new Map();
      lies.reverse().forEach(one => lie.set(one.where, one));  // the first at a place is said, and nothing that repeats it
      out.findings = out.findings.filter(one => !/^countersig/.test(one.reason) || (lie.get(one.where) ?? one) === one);
      const held = new Set([...waiting.values()].flat().map(one => one.digest));
      for (const [prev, ones] of waiting) if (!held.has(prev)) ones.forEach(one => find(place(one), "prev-missing", one.ally));
      settleSeen(holder);
      for (const [root, paper] of papers) await settlePaper(root, paper);
      const reach = (head, by) => { while (head && !head.by.has(by)) head = head.before; return head ? head.seq + 1 : 0; };
      for (const chain of chains.values()) {
        const newest = chain.branches.reduce((best, one) => best?.epoch >= one.epoch ? best : one, null)?.head;
        const confirmed = allies.filter(by => by !== chain.ally).map(by => [by, reach(newest, by)]).filter(([, n]) => n);
        Object.assign(chain, { forks: settleForks(chain), confirmed: Object.fromEntries(confirmed) });
        Object.assign(chain, { length: newest ? newest.seq + 1 : 0, covered: reach(newest, chain.ally) });
      }
      const entries = [...placed.values()], order = (one, other) => one < other ? -1 : one > other ? 1 : 0;
      const heads = entries.filter(one => one.branch.head === one).map(one => [one.ally, one.epoch, one.seq + 1, one.digest]);
      heads.sort((one, other) => one.map((field, i) => order(field, other[i])).find(Boolean) ?? 0);
      const digest = await H("sha256", label("record phrase"), ...heads.map(head => head[3]).sort().map(unhex));
      const phrase = String(BigInt(`0x${hex(digest)}`) % 10n ** 12n).padStart(12, "0").match(/..../g).join(" ");
      const { title, mode } = room;
      return { ...out, room: hex(room.id), title, mode, phrase, heads, chains: [...chains.values()], entries, statusOf };
    }
    return { room, take, vouch, chunk, report };
  }

  // The export file (section 9). `trust` has a fingerprint for each member; without it nothing says whose keys these are.
  async function verify(file, trust = {}) {
    const audits = new Map(), tally = { checked: 0, unchecked: 0 };
    const out = { refused: null, where: "byte 0", tally, keys: {}, manifest: null, rooms: [] };
    const broken = (holds, what) => need(holds, "file-broken", what);
    async function admit(item) {
      for (const member of read("charter", item.statement).members) {
        const { ally } = read("identity", member.statement), found = hex(await H("sha256", label("identity"), member.statement));
        const given = Object.hasOwn(trust, ally) ? trust[ally] : "";
        out.keys[ally] = { found, isTrusted: given === found };
        need(given === "" || given === found, "not-trusted", `${ally} ${found}`);
      }
      const room = await charter(item, tally);
      broken(!audits.has(hex(room.id)), "a charter comes twice");
      audits.set(hex(room.id), auditOf(room));
    }
    async function finish(item, start) {
      const said = read("manifest", item.statement), held = [...audits.keys()].join();
      broken(held && held === said.rooms.map(one => hex(one.room)).join(), "it names other rooms than it holds");
      for (const { room: id, heads, entries } of said.rooms) {
        const { room, report } = audits.get(hex(id)), who = room.members.get(said.exporter);
        need(who && same(who.fingerprint, said.identity) && room.mode === said.mode, "manifest-not-a-member", said.exporter);
        await requireSigned(who, "manifest", "sha256", item.statement, item.signatures);
        const found = await report(said.exporter), named = heads.map(head => [...head.slice(0, 3), hex(head[3])]);
        const isSame = String(found.heads) === String(named) && found.entries.length === entries;
        if (!isSame) found.findings.push({ where: "manifest", reason: "manifest-heads", against: null });
        out.rooms.push(found);
      }
      broken(same(said.digest, await H("sha256", file.subarray(0, start))), "its bytes are not those that its exporter signed");
      out.manifest = said;
    }
    await attempt(async () => {
      broken(same(file.subarray(0, 16), label("bundle")), "it does not begin as an export of format 1");
      for (let n = 1, at = 16, item; item?.t !== "manifest"; n++) {
        const start = at;
        out.where = `item ${n}, byte ${at}`;
        broken(at + 4 <= file.length, "it ends before its manifest");
        at += 4 + new DataView(file.buffer, file.byteOffset + at).getUint32(0);
        broken(at <= file.length && at - start <= 2 ** 20 + 4, "an item is too long, or cut off");
        await attempt(async () => {
          item = decode(file.subarray(start + 4, at), 2 ** 20);
          need(fits(forms.items[item?.t] ?? "absent", item), "field-malformed");
        }, error => broken(false, `an item cannot be read: ${error.message}`));
        const header = item.t === "entry" ? read("header", item.header) : null;
        const audit = audits.get(hex(header?.room ?? item.room ?? []));
        broken(audit || ["charter", "manifest"].includes(item.t), "an item of a room whose charter did not come before");
        if (item.t === "charter") await admit(item);
        else if (item.t === "chunk") await audit.chunk(item);
        else if (item.t === "entry") await audit.take(item, header);
        else if (item.t !== "manifest") await audit.vouch(item.t, item);
        else { broken(at === file.length, "bytes follow the manifest"); await finish(item, start); }
      }
    }, error => Object.assign(out, { refused: error.reason, what: error.message }));
    return out;
  }
  return { verify, identity, contact, charter, entry, vouching, auditOf };
})(typeof require === "function" ? require("./forms.json") : JSON.parse(document.getElementById("forms").textContent));

if (typeof module !== "undefined") module.exports = katchi;
if (typeof require === "function" && require.main === module) {
  const [path, ...words] = process.argv.slice(2).filter(word => word !== "--trust"), { readFileSync } = require("fs");
  katchi.verify(new Uint8Array(readFileSync(path)), Object.fromEntries(words.map(word => word.split("=")))).then(report => {
    const { manifest, rooms, ...told } = report, isTrusted = Object.values(told.keys).every(key => key.isTrusted);
    const sound = !told.refused && isTrusted && rooms.every(room => !room.findings.length);
    const short = rooms.map(({ chains, entries, heads, ...room }) =>
      ({ ...room, chains: chains.map(({ ally, length, covered, confirmed }) => ({ ally, length, covered, confirmed })) }));
    console.log(JSON.stringify({ sound, "ML-DSA-65": "not checked here", ...told, rooms: short }, null, 2));
    process.exitCode = sound ? 0 : 5;
  });
}
