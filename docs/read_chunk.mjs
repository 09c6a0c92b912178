#!/usr/bin/env node
// Usage: read_chunk.mjs FILE...  Prints the records of chunks (docs/FORMAT.md) as read_chunk.py does:
// one line of JSON each, bytes in base64, scores as the 16 hexadecimal digits of the float64. A damaged
// chunk ends it with status 1. npm install @msgpack/msgpack; below Node 22.15, which has no zstd, also fzstd.
import crypto from "node:crypto";
import fs from "node:fs";
import { createRequire } from "node:module";
import zlib from "node:zlib";

const require = createRequire(import.meta.url);
const need = (name) => {
  try { return require(name); } catch { console.error(`read_chunk.mjs needs ${name}: npm install ${name}`); process.exit(1); }
};
const { decodeMulti } = need("@msgpack/msgpack");
const decompress = zlib.zstdDecompressSync ?? need("fzstd").decompress;

const KINDS = { string: [1, 7], hash: [2], list: [3], set: [4], zset: [5], stream: [6] };
const check = (ok, text) => { if (!ok) throw new Error(text); };
const bytes = (v) => Buffer.from(v.buffer, v.byteOffset, v.length);
const hex = (v) => { const b = Buffer.alloc(8); b.writeDoubleBE(v); return b.toString("hex"); };

// text is v as Python's json.dumps has it; a score is the one number that is no integer of the format.
function text(v, isScore) {
  if (Array.isArray(v)) return `[${v.map((e, i) => text(e, isScore && i % 2 === 1)).join(", ")}]`;
  if (v instanceof Uint8Array) return `"${bytes(v).toString("base64")}"`;
  return isScore ? `"${hex(Number(v))}"` : String(v);
}
const line = (r) => `[${r.map((v, i) => text(v, r[0] === 5 && i === 4)).join(", ")}]`;
const part = (r) => (r[0] === 7 || r[0] === 16 ? 3 : r[3]);
const first = (r) => (r[0] === 16 ? 0 : part(r) & 1);
const elements = (r) => r[0] === 16 ? 0 : r[0] === 1 || r[0] === 7 ? first(r) : r[4].length / (r[0] === 2 || r[0] === 5 ? 2 : 1);

function read(path) {
  const data = fs.readFileSync(path);
  const end = data.length - 9; // §3.3
  const count = end > 0 && data.subarray(end + 4).equals(Buffer.from("80b1ea928f", "hex")) ? data.readUInt32LE(end) : 0;
  const table = data.length - 17 - 12 * count;
  check(count > 2 && table > 40 && data.readUInt32LE(table) === 0x184d2a5e && data.readUInt32LE(table + 4) === 12 * count + 9, "no seek table");
  const frames = [];
  let begin = 0, size, content, xxh;
  for (let at = table + 8; at < end; at += 12) {
    [size, content, xxh] = [0, 4, 8].map((i) => data.readUInt32LE(at + i));
    check(begin + size <= table && (content === 0 || (size > 4 && data.readUInt32LE(begin + size - 4) === xxh)), "no frame where the table says");
    frames.push([data.subarray(begin, (begin += size)), content]);
  }
  check(begin === table && size === 40 && content === 0 && xxh === 0x51d8e999, "the seek table does not fit the file");
  const digest = crypto.createHash("sha256").update(data.subarray(0, table - 40)).digest(); // §3.2
  check(data.subarray(table - 40, table).equals(Buffer.concat([Buffer.from("502a4d1820000000", "hex"), digest])), "digest mismatch");

  const values = frames.slice(0, -1).map(([frame, content]) => {
    const raw = decompress(frame);
    check(raw.length === content, "the seek table does not fit the content");
    return [...decodeMulti(raw, { useBigInt64: true })];
  });
  const [header] = values.shift(), [footer] = values.pop(); // §4
  check(header.magic === "pika2kvrocks chunk" && [1, 2].includes(header.version), "no chunk of version 1 or 2");
  const kinds = header.version === 1 ? KINDS[header.type] : [...KINDS[header.type], 16], start = bytes(header.start);
  const stats = { records: 0, keys: 0, elements: 0, expiring: 0, raw: 0, deleted: 0 };
  let open = header.continues, last = open ? start : null;
  values.forEach((records, frame) => {
    stats.raw += frames[frame + 1][1];
    records.forEach((r) => { // §5
      const key = bytes(r[1]), order = last && Buffer.compare(key, last);
      check(kinds.includes(r[0]) && Buffer.compare(key, start) >= 0, "a record of another kind or range");
      check(open ? order === 0 : last === null || order > 0, "records out of order"); // §5.3
      check(open !== Boolean(part(r) & 1), "parts out of order");
      [last, open] = [key, part(r) < 2];
      stats.records++; stats.keys += first(r); stats.elements += elements(r);
      stats.expiring += first(r) && r[2] ? 1 : 0; stats.deleted += r[0] === 16 ? 1 : 0;
      console.log(line(r));
    });
    check(bytes(footer.index[frame]).equals(bytes(records[0][1])), "the index does not fit the records");
  });
  const fits = Object.entries(stats).every(([name, n]) => Number(footer.stats[name] ?? 0) === n);
  check(fits && footer.open === open && footer.index.length === values.length, "the footer does not fit the records");
}

for (const path of process.argv.slice(2)) {
  try {
    read(path);
  } catch (e) {
    console.error(`${path}: ${e}`);
    process.exit(1);
  }
}
