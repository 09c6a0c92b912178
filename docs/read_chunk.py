#!/usr/bin/python3
"""Usage: read_chunk.py FILE...  Prints the records of chunks (docs/FORMAT.md), one line of JSON each: bytes
in base64, scores as the 16 hexadecimal digits of the float64. A damaged chunk ends it with status 1."""
import base64, hashlib, json, struct, subprocess, sys
try:
    import msgpack
except ImportError:
    sys.exit("read_chunk.py needs the msgpack module: apt install python3-msgpack, or pip install msgpack")

KINDS = {"string": (1, 7), "hash": (2,), "list": (3,), "set": (4,), "zset": (5,), "stream": (6,)}

def check(ok, text):
    if not ok:
        raise ValueError(text)

def plain(v):
    if isinstance(v, (bytes, float)):
        return base64.b64encode(v).decode() if isinstance(v, bytes) else struct.pack(">d", v).hex()
    return [plain(e) for e in v] if isinstance(v, list) else v

part = lambda r: 3 if r[0] in (7, 16) else r[3]
elements = lambda r: r[0] != 16 and (part(r) & 1 if r[0] in (1, 7) else len(r[4]) // (2 if r[0] in (2, 5) else 1))
first = lambda r: part(r) & 1 if r[0] != 16 else 0

def read(path):
    data = open(path, "rb").read()
    count = struct.unpack("<I", data[-9:-5])[0] if data[-5:] == b"\x80\xb1\xea\x92\x8f" else 0  # §3.3
    table = len(data) - 17 - 12 * count
    check(count > 2 and table > 0 and data[table:table + 8] == struct.pack("<II", 0x184D2A5E, 12 * count + 9), "no seek table")
    begin, starts, offset = 0, [], 0  # starts: where frames begin in what the file decompresses to
    for size, content, xxh in struct.iter_unpack("<III", data[table + 8:-9]):
        check(content == 0 or struct.pack("<I", xxh) == data[begin + size - 4:begin + size], "no frame where the table says")
        starts, begin, offset = starts + [offset], begin + size, offset + content
    check(begin == table and (size, content, xxh) == (40, 0, 0x51D8E999), "the seek table does not fit the file")
    digest = struct.pack("<II", 0x184D2A50, 32) + hashlib.sha256(data[:table - 40]).digest()  # §3.2
    check(data[table - 40:table] == digest, "digest mismatch")
    raw = subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout
    values = msgpack.Unpacker(raw=False, max_buffer_size=0)
    values.feed(raw)
    header = values.unpack()  # §4.1
    check(header["magic"] == "pika2kvrocks chunk" and header["version"] in (1, 2), "no chunk of version 1 or 2")
    kinds = KINDS[header["type"]] + (16,) * (header["version"] - 1)  # §13
    check(values.tell() == starts[1] and offset == len(raw), "the seek table does not fit the content")
    stats, index = dict(records=0, keys=0, elements=0, expiring=0, raw=0), []
    if header["version"] == 2:
        stats["deleted"] = 0
    last, is_open = header["start"] if header["continues"] else None, header["continues"]
    while (at := values.tell()) < starts[-2]:
        r = values.unpack()  # §5
        check(r[0] in kinds and r[1] >= header["start"], "a record of another kind or range")
        check(r[1] == last if is_open else last is None or r[1] > last, "records out of order")  # §5.3
        check(is_open != part(r) & 1, "parts out of order")
        last, is_open, index = r[1], part(r) < 2, index + [r[1]] * (at in starts)
        for name, n in zip(stats, (1, first(r), elements(r), first(r) and r[2] > 0, values.tell() - at, r[0] == 16)):
            stats[name] += n
        print(json.dumps(plain(r)))
    footer = values.unpack()  # §4.2
    check(values.tell() == offset and footer["open"] == is_open, "no footer at the end")
    check(footer["stats"] == stats and footer["index"] == index, "the footer does not fit the records")

for name in sys.argv[1:]:
    try:
        read(name)
    except (ValueError, KeyError, TypeError, msgpack.UnpackException, subprocess.CalledProcessError) as e:
        sys.exit(f"{name}: {e!r}")
