#!/usr/bin/env python3
"""Records the write batches that a real, empty Kvrocks makes of commands. See README.md.

usage: record.py HOST:PORT NAME > NAME.jsonl      (requirepass secret, log-level as it is)
"""
import json, socket, sys

FAR, BIG = 4102444800123, "x" * 300
DO = [
    # strings
    ["SET", "s", "value"], ["SET", "s-ttl", "v", "PXAT", FAR], ["SET", "s-empty", ""],
    ["SET", b"\x00\xff\r\n", b"\xff\x00"], ["SET", "s-big", BIG], ["MSET", "m1", "a", "m2", "b"],
    ["APPEND", "s", "+"], ["PEXPIREAT", "m1", FAR], ["SET", "gone", "x"], ["DEL", "gone"],
    # hashes
    ["HSET", "h", "f", "v", "g", "", "", "empty", b"\x00\xff", b"\xfe"], ["HDEL", "h", "g"],
    ["HSET", "h-ttl", "a", "1"], ["PEXPIREAT", "h-ttl", FAR],
    ["HSET", "h-gone", "a", "1"], ["DEL", "h-gone"],
    ["HSET", "h-new", "old", "1"], ["DEL", "h-new"], ["HSET", "h-new", "new", "2"],
    ["HSET", "h-big"] + [w for i in range(200) for w in (f"field{i:03d}", f"value{i}")],
    # lists
    ["RPUSH", "l", "a", "b", "b", ""], ["LPUSH", "l", "z", "y"], ["RPOP", "l"],
    ["LSET", "l", 1, "Z"], ["RPUSH", "l", b"\x00\r\n"], ["RPUSH", "l-gone", "a"], ["LPOP", "l-gone"],
    ["RPUSH", "l-ttl"] + [f"e{i}" for i in range(150)], ["PEXPIREAT", "l-ttl", FAR],
    # sets
    ["SADD", "t", "a", "b", "", b"\x00\xff"], ["SREM", "t", "b"],
    # zsets
    ["ZADD", "z", "1.5", "a", "-0", "negzero", "0", "zero", "inf", "inf", "-inf", "minf",
     "-1.5", b"\xff\x00", "1e308", "big", "3.0000000000000004", "odd", "2.2250738585072014e-308", "small"],
    ["ZADD", "z", "7", "a"], ["ZREM", "z", "odd"], ["PEXPIREAT", "z", FAR],
    # streams
    ["XADD", "x", "1-1", "f", "v", "", ""], ["XADD", "x", "1-2", "f", "v2"], ["XADD", "x", "5-0", b"\x00", b"\xff"],
    ["XDEL", "x", "1-2"], ["XSETID", "x", "9-9", "ENTRIESADDED", 12, "MAXDELETEDID", "4-4"],
    ["XGROUP", "CREATE", "x-empty", "g", "0", "MKSTREAM"], ["XGROUP", "DESTROY", "x-empty", "g"],
    ["PEXPIREAT", "x", FAR],
    # a key of another type over one that was deleted
    ["SADD", "over", "m"], ["DEL", "over"], ["ZADD", "over", "1", "m"], ["SET", "over", "text"],
    ["AUTH", "tok"], ["HSET", "h", "in", "ns1"], ["SET", "s", "ns1"], ["AUTH", "secret"],
]
ASK = [["GET", k] for k in ("s", "s-ttl", "s-empty", b"\x00\xff\r\n", "s-big", "m1", "m2", "gone", "over")]
ASK += [["TYPE", k] for k in ("s", "h", "l", "t", "z", "x", "gone", "h-gone", "l-gone", "over")]
ASK += [["PEXPIRETIME", k] for k in ("s", "s-ttl", "m1", "m2", "h", "h-ttl", "l-ttl", "z", "x", "gone")]
ASK += [["HGETALL", k] for k in ("h", "h-ttl", "h-gone", "h-new", "h-big")]
ASK += [["LRANGE", k, 0, -1] for k in ("l", "l-gone", "l-ttl")]
ASK += [["SMEMBERS", "t"], ["ZRANGE", "z", 0, -1, "WITHSCORES"], ["ZCARD", "z"]]
ASK += [["XRANGE", "x", "-", "+"], ["XLEN", "x-empty"], ["XINFO", "STREAM", "x"], ["XINFO", "STREAM", "x-empty"]]
ASK += [["AUTH", "tok"], ["HGETALL", "h"], ["GET", "s"], ["EXISTS", "l"], ["AUTH", "secret"]]


def raw(a):
    return a if isinstance(a, bytes) else str(a).encode()


class Conn:
    def __init__(self, addr):
        host, port = addr.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=5)
        self.file = self.socket.makefile("rb")

    def send(self, *args):
        args = [raw(a) for a in args]
        self.socket.sendall(b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in args))

    def reply(self):
        line = self.file.readline()
        n = int(line[1:]) if line[:1] in b"$*" else 0
        if line[:1] == b"$":
            return line + (self.file.read(n + 2) if n >= 0 else b"")
        return line + b"".join(self.reply() for _ in range(max(n, 0)))

    def do(self, *args):
        self.send(*args)
        return self.reply()


def main():
    addr, name = sys.argv[1:]
    client, replica = Conn(addr), Conn(addr)
    assert client.do("AUTH", "secret") == b"+OK\r\n" == replica.do("AUTH", "secret")
    assert client.do("NAMESPACE", "ADD", "ns1", "tok") == b"+OK\r\n"
    assert client.do("DBSIZE") == b":0\r\n", "the server holds keys"
    client.do("SET", "first", "")
    assert replica.do("PSYNC", 1) == b"+OK\r\n"
    n = 0

    def put(args, reply, **more):
        nonlocal n
        n += 1
        cmd = [raw(a).decode("latin-1") for a in args]
        print(json.dumps({"server": name, "n": n, "cmd": cmd, "reply": reply.decode("latin-1"), **more}, ensure_ascii=False))

    def batches(marker):
        """The batches up to the one that sets marker."""
        out = []
        while True:
            bulk = replica.reply()
            assert bulk[:1] == b"$", bulk
            batch = bulk[bulk.index(b"\n") + 1:-2]
            if raw(marker) in batch:
                return out
            if batch != b"ping":
                out.append(batch.decode("latin-1"))

    batches("first")
    for i, args in enumerate(DO):
        reply = client.do(*args)
        other = Conn(addr)
        other.do("AUTH", "secret")
        other.do("SET", f"marker-{i}-", "")
        put(args, reply, batches=batches(f"marker-{i}-"))
    for args in ASK:
        put(args, client.do(*args))


main()
