package writer

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A Target says what server is loaded, without credentials.
type Target struct {
	Addr    string
	Server  string // "kvrocks" or "redis"
	Version string // as the server gives it: "2.10.1", or "unstable" of a nightly Kvrocks
	Mode    string // "standalone" or "cluster"

	// Nodes are those of a cluster when it was opened, replicas too, each as id@host:port, in order. Masters is
	// how many of them own slots. Version, ClockOffset and MaxBulk are what every master can do.
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

func (t Target) String() string {
	if t.IsCluster() {
		return fmt.Sprintf("%s %s, a cluster of %d masters, at %s", t.Server, t.Version, t.Masters, t.Addr)
	}
	return fmt.Sprintf("%s %s at %s", t.Server, t.Version, t.Addr)
}

// IsCluster reports whether the target is a cluster.
func (t *Target) IsCluster() bool { return t.Mode == "cluster" }

// identify asks the server at the other end of c what it is, and refuses what
// cannot be loaded.
func (o *Options) identify(ctx context.Context, c *conn) (Target, error) {
	server, err := o.info(ctx, c, "server")
	if err != nil {
		return Target{}, err
	}
	return o.recognise(server)
}

// examine refuses a server that cannot take writes now, and asks what it can do.
func (o *Options) examine(ctx context.Context, c *conn, t *Target) error {
	replication, err := o.info(ctx, c, "replication")
	if err != nil {
		return err
	}
	if role := replication["role"]; role == "slave" || role == "replica" {
		return preflightError("target %s is a replica and takes no writes: give the address of its master %s:%s",
			o.Addr, replication["master_host"], replication["master_port"])
	}
	persistence, err := o.info(ctx, c, "persistence")
	if err != nil {
		return err
	}
	if persistence["loading"] == "1" {
		return o.refusedAtStart("INFO", "LOADING")
	}
	if t.ClockOffset, err = o.clockOffset(ctx, c); err != nil {
		return err
	}
	t.MaxBulk, t.tellsBulk, err = o.maxBulk(ctx, c)
	t.tellsBulk = t.tellsBulk || t.Server == kvrocks && !t.atLeast(2, 10)
	return err
}

// recognise tells the servers apart by INFO server (SERVERS.md K1).
func (o *Options) recognise(info map[string]string) (Target, error) {
	t := Target{Addr: o.Addr}
	switch {
	case info["pika_version"] != "":
		return t, preflightError("target %s is a Pika %s: this loads Kvrocks (or Redis); are source and target the wrong way round?",
			o.Addr, info["pika_version"])
	case info["kvrocks_version"] != "":
		t.Server, t.Version, t.Mode = kvrocks, info["kvrocks_version"], info["kvrocks_mode"]
	case info["redis_version"] != "":
		t.Server, t.Version, t.Mode = redis7, info["redis_version"], info["redis_mode"]
	case info["version"] != "" && info["git_sha1"] != "":
		t.Server, t.Version = kvrocks, info["version"]
	default:
		return t, preflightError("target %s is neither a Kvrocks nor a Redis: INFO server names no version of them", o.Addr)
	}
	if t.Mode == "" {
		t.Mode = info["redis_mode"]
	}
	if t.Mode == "" {
		t.Mode = "standalone"
	}
	if t.Mode != "standalone" && t.Mode != "cluster" {
		return t, preflightError("target %s runs in %s mode and holds no keys of others: give the address of the server itself", o.Addr, t.Mode)
	}
	// SET … PXAT came with Kvrocks 2.2 and XSETID with 2.3; XSETID … ENTRIESADDED with Redis 7.
	if t.Server == kvrocks && !t.atLeast(2, 3) {
		return t, preflightError("target %s is a Kvrocks %s: 2.3 is the oldest that can be loaded", o.Addr, t.Version)
	}
	if t.Server == redis7 && !t.atLeast(7, 0) {
		return t, preflightError("target %s is a Redis %s: 7.0 is the oldest that can be loaded", o.Addr, t.Version)
	}
	return t, nil
}

// atLeast reports whether the version is major.minor or later. One that is not a
// number is of an unreleased server, and later than all.
func (t *Target) atLeast(major, minor int) bool {
	a, b := t.version()
	return a > major || a == major && b >= minor
}

// isNewer reports whether the version of t is above that of u.
func (t *Target) isNewer(u *Target) bool {
	return !u.atLeast(t.version())
}

// version returns the first two numbers of the version.
func (t *Target) version() (major, minor int) {
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

// oneMSET reports whether MSET is one write, so that a refused one has written nothing
// (SERVERS.md K8).
func (t *Target) oneMSET() bool {
	return t.Server != kvrocks || t.atLeast(2, 6)
}

// info returns the fields of one section: Kvrocks before 2.12 takes no two at a time.
func (o *Options) info(ctx context.Context, c *conn, section string) (map[string]string, error) {
	text, err := c.Do(ctx, "INFO", section).Text()
	if reply, ok := errorReply(err); ok {
		return nil, o.refusedAtStart("INFO", reply)
	}
	if err != nil {
		return nil, o.connectError(err)
	}
	return textFields(text), nil
}

// textFields takes lines of name:value.
func textFields(text string) map[string]string {
	fields := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			fields[name] = strings.TrimSpace(value)
		}
	}
	return fields
}

func (o *Options) clockOffset(ctx context.Context, c *conn) (time.Duration, error) {
	before := time.Now()
	parts, err := c.Do(ctx, "TIME").Int64Slice()
	if _, ok := errorReply(err); ok {
		return 0, nil
	}
	if err != nil {
		return 0, o.connectError(err)
	}
	if len(parts) != 2 {
		return 0, preflightError("target %s answers TIME with %d numbers", o.Addr, len(parts))
	}
	middle := before.Add(time.Since(before) / 2)
	return time.Unix(parts[0], parts[1]*1000).Sub(middle), nil
}

// maxBulk degrades: CONFIG is not for namespace tokens (SERVERS.md K3), and Kvrocks
// before 2.10 has no such setting (K4).
func (o *Options) maxBulk(ctx context.Context, c *conn) (n int64, told bool, err error) {
	pair, err := c.Do(ctx, "CONFIG", "GET", "proto-max-bulk-len").StringSlice()
	if _, ok := errorReply(err); err != nil && !ok {
		return 0, false, o.connectError(err)
	}
	if err == nil && len(pair) == 2 {
		if n, err := strconv.ParseInt(pair[1], 10, 64); err == nil && n > 0 {
			return n, true, nil
		}
	}
	return format.MaxBulk, false, nil
}

// clientField returns a field of a reply to CLIENT INFO: "id=1 addr=… db=0 …".
func clientField(info, name string) string {
	for field := range strings.FieldsSeq(info) {
		if value, ok := strings.CutPrefix(field, name+"="); ok {
			return value
		}
	}
	return ""
}
