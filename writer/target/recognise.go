package target

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
)

// Info says what server is loaded, without credentials.
type Info struct {
	Addr    string
	Server  string // "kvrocks" or "redis"
	Version string // as the server gives it: "2.10.1", or "unstable" of a nightly Kvrocks
	Mode    string // "standalone" or "cluster"

	// Nodes are those of a cluster when it was opened, replicas too, each as id@host:port, in
	// order. Masters is how many of them own slots. Version, ClockOffset and MaxBulk are what every
	// master can do.
	Nodes   []string
	Masters int

	// ClockOffset is how far the target's clock is ahead of this host's: the target's
	// decides what is expired. Zero when the target has no TIME (Kvrocks before 2.4).
	ClockOffset time.Duration
	// MaxBulk is the most bytes of one key, field, value, member or element that the
	// target takes: proto-max-bulk-len, or 512 MiB when it may not be read.
	MaxBulk   int64
	tellsBulk bool // or is known to have the 512 MiB
}

// Names in Target.Server.
const (
	kvrocks = "kvrocks"
	redis7  = "redis"
)

func (t Info) String() string {
	if t.IsCluster() {
		return fmt.Sprintf("%s %s, a cluster of %d masters, at %s", t.Server, t.Version, t.Masters, t.Addr)
	}
	return fmt.Sprintf("%s %s at %s", t.Server, t.Version, t.Addr)
}

// IsCluster reports whether the target is a cluster.
func (t *Info) IsCluster() bool { return t.Mode == "cluster" }

// identify asks the server at the other end of c what it is, and refuses what cannot be loaded.
func identify(ctx context.Context, c *conn.Conn) (Info, error) {
	server, err := c.Info(ctx, "server")
	if err != nil {
		return Info{}, err
	}
	return Recognise(c.Addr(), server)
}

// examine refuses a server that cannot take writes now, and asks what it can do.
func (t *Info) examine(ctx context.Context, c *conn.Conn) error {
	replication, err := c.Info(ctx, "replication")
	if err != nil {
		return err
	}
	if role := replication["role"]; role == "slave" || role == "replica" {
		return conn.Preflightf("target %s is a replica and takes no writes: give the address of its master %s:%s",
			t.Addr, replication["master_host"], replication["master_port"])
	}
	persistence, err := c.Info(ctx, "persistence")
	if err != nil {
		return err
	}
	if persistence["loading"] == "1" {
		return conn.RefusedAtStart(t.Addr, "INFO", "LOADING")
	}
	if t.ClockOffset, err = ClockOffset(ctx, c); err != nil {
		return err
	}
	t.MaxBulk, t.tellsBulk, err = maxBulk(ctx, c)
	t.tellsBulk = t.tellsBulk || t.Server == kvrocks && !t.AtLeast(2, 10)
	return err
}

// Recognise tells the servers apart by INFO server (SERVERS.md K1), and refuses what cannot be
// loaded.
func Recognise(addr string, info map[string]string) (Info, error) {
	t := Info{Addr: addr}
	switch {
	case info["pika_version"] != "":
		return t, conn.Preflightf("target %s is a Pika %s: this loads Kvrocks (or Redis); are source and target the wrong way round?",
			addr, info["pika_version"])
	case info["kvrocks_version"] != "":
		t.Server, t.Version, t.Mode = kvrocks, info["kvrocks_version"], info["kvrocks_mode"]
	case info["redis_version"] != "":
		t.Server, t.Version, t.Mode = redis7, info["redis_version"], info["redis_mode"]
	case info["version"] != "" && info["git_sha1"] != "":
		t.Server, t.Version = kvrocks, info["version"]
	default:
		return t, conn.Preflightf("target %s is neither a Kvrocks nor a Redis: INFO server names no version of them", addr)
	}
	t.Mode = cmp.Or(t.Mode, info["redis_mode"], "standalone")
	if t.Mode != "standalone" && t.Mode != "cluster" {
		return t, conn.Preflightf("target %s runs in %s mode and holds no keys of others: give the address of the server itself", addr, t.Mode)
	}
	// SET … PXAT came with Kvrocks 2.2 and XSETID with 2.3; XSETID … ENTRIESADDED with Redis 7.
	if t.Server == kvrocks && !t.AtLeast(2, 3) {
		return t, conn.Preflightf("target %s is a Kvrocks %s: 2.3 is the oldest that can be loaded", addr, t.Version)
	}
	if t.Server == redis7 && !t.AtLeast(7, 0) {
		return t, conn.Preflightf("target %s is a Redis %s: 7.0 is the oldest that can be loaded", addr, t.Version)
	}
	return t, nil
}

// AtLeast reports whether the version is major.minor or later. One that is not a
// number is of an unreleased server, and later than all.
func (t *Info) AtLeast(major, minor int) bool {
	a, b := t.version()
	return a > major || a == major && b >= minor
}

// version returns the first two numbers of the version.
func (t *Info) version() (major, minor int) {
	first, rest, _ := strings.Cut(t.Version, ".")
	second, _, _ := strings.Cut(rest, ".")
	major, err := strconv.Atoi(first)
	if err != nil {
		return math.MaxInt, 0
	}
	if minor, err = strconv.Atoi(second); err != nil {
		return major, 0
	}
	return major, minor
}

// ClockOffset asks how far the server's clock is ahead of this host's: zero if it has no TIME, or
// does not let us ask for it, and else never.
func ClockOffset(ctx context.Context, c *conn.Conn) (time.Duration, error) {
	before := time.Now()
	reply, err := c.Do(ctx, "TIME")
	if _, ok := conn.AsReply(err); ok && !errors.Is(c.Refused("TIME", err), conn.ErrTransient) {
		return 0, nil
	}
	if err != nil {
		return 0, c.Refused("TIME", err)
	}
	micros, err := Micros(reply)
	if err != nil {
		return 0, conn.Preflightf("target %s answers TIME with %s", c.Addr(), reply)
	}
	middle := before.Add(time.Since(before) / 2)
	return cmp.Or(time.UnixMicro(micros).Sub(middle), 1), nil
}

// Micros takes the reply to TIME: seconds and microseconds.
func Micros(reply *resp.Reply) (int64, error) {
	if len(reply.List) != 2 {
		return 0, resp.ErrUnexpected
	}
	seconds, err1 := strconv.ParseInt(reply.List[0].Text, 10, 64)
	micros, err2 := strconv.ParseInt(reply.List[1].Text, 10, 64)
	return seconds*1e6 + micros, errors.Join(err1, err2)
}

// maxBulk degrades: CONFIG is not for namespace tokens (SERVERS.md K3), and Kvrocks
// before 2.10 has no such setting (K4).
func maxBulk(ctx context.Context, c *conn.Conn) (n int64, told bool, err error) {
	reply, err := c.Do(ctx, "CONFIG", "GET", "proto-max-bulk-len")
	if _, ok := conn.AsReply(err); err != nil && !ok {
		return 0, false, c.Refused("CONFIG", err)
	}
	if err == nil && len(reply.List) == 2 {
		if n, err := strconv.ParseInt(reply.List[1].Text, 10, 64); err == nil && n > 0 {
			return n, true, nil
		}
	}
	return format.MaxBulk, false, nil
}

// IsKvrocks reports whether the target is a Kvrocks.
func (t *Info) IsKvrocks() bool { return t.Server == kvrocks }

// LengthCommands ask how long a key is.
var LengthCommands = map[format.Kind]string{
	format.String: "STRLEN", format.HyperLogLog: "STRLEN", format.Hash: "HLEN", format.List: "LLEN",
	format.Set: "SCARD", format.Zset: "ZCARD", format.Stream: "XLEN",
}

// LastID is the greatest id of all: the end of a range over all of a stream, for the + that is for
// it leaves out the entries of the last millisecond on a Kvrocks. A range of a Kvrocks that begins
// below it does not show it, one of it alone does (SERVERS.md K11).
var LastID = format.StreamID{Ms: math.MaxUint64, Seq: math.MaxUint64}

// PassingGroup is the consumer group with which an empty stream is made and which is then
// destroyed.
const PassingGroup = "kvload"
