package reader

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// Source is what the server said of itself when it was opened.
type Source struct {
	format.Source
	ThreadPool int           // thread-pool-size; 0: unknown
	Timeout    time.Duration // after which it closes idle connections, and busy ones too; 0: never or unknown
	CacheModel string        // cache-model; empty: the version has none, or it is unknown
	NoConfig   error         // what CONFIG GET is refused with; nil: it is not

	version version
}

// A version of Pika: 4.0.0 and 4.0.1 both call themselves 4.0.0 (SERVERS.md P3).
type version struct{ major, minor, patch int }

func (v version) atLeast(major, minor, patch int) bool {
	w := version{major, minor, patch}
	if v.major != w.major {
		return v.major > w.major
	}
	if v.minor != w.minor {
		return v.minor > w.minor
	}
	return v.patch >= w.patch
}

// Streams reports whether the version has streams.
func (s *Source) Streams() bool { return s.version.atLeast(3, 5, 3) }

// ManyTypes reports whether one name can hold values of several types (SERVERS.md P5).
func (s *Source) ManyTypes() bool { return !s.version.atLeast(4, 0, 0) }

var versionPattern = regexp.MustCompile(`^(\d+)\.(\d+)\.(\d+)`)

func parseVersion(s string) (version, bool) {
	m := versionPattern.FindStringSubmatch(s)
	if m == nil {
		return version{}, false
	}
	var n [3]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1])
	}
	return version{n[0], n[1], n[2]}, true
}

// identify finds out what the server is and refuses what cannot be dumped.
func identify(ctx context.Context, c *conn, o *Options) (*Source, error) {
	info, err := c.info(ctx, "server")
	if err != nil {
		var re *ReplyError
		if errors.As(err, &re) && errors.Is(err, ErrAuth) && !strings.Contains(re.Reply, "NOPERM") {
			return nil, fmt.Errorf("%w (give the password of an account that may read; a Pika with a limited user accepts any password as that user's)", err)
		}
		return nil, err
	}
	s := &Source{Source: format.Source{Address: o.Addr, Server: "pika", RunID: info["run_id"], Databases: 1}}
	s.Version = info["pika_version"]
	var ok bool
	if s.version, ok = parseVersion(s.Version); !ok {
		return nil, fmt.Errorf("%w: %s is %s, not a Pika; give the address of a Pika server (behind a proxy, of each server itself)", ErrRefused, o.Addr, otherServer(info))
	}
	if !s.version.atLeast(2, 0, 0) {
		return nil, fmt.Errorf("%w: Pika %s is too old; this pikadump reads 2.0 and newer", ErrRefused, s.Version)
	}
	if err := s.configure(ctx, c); err != nil {
		return nil, err
	}
	if err := s.describe(ctx, c); err != nil {
		return nil, err
	}
	again, err := c.info(ctx, "server")
	if err != nil {
		return nil, err
	}
	if newSighting(again).RunID != newSighting(info).RunID {
		return nil, fmt.Errorf("%w: it was restarted while it was looked at: run it again", ErrUnavailable)
	}
	o.seen = newIdentity(s, again)
	return s, nil
}

func otherServer(info map[string]string) string {
	for _, f := range []struct{ field, name string }{
		{"kvrocks_version", "a Kvrocks"}, {"dragonfly_version", "a Dragonfly"}, {"valkey_version", "a Valkey"},
		{"keydb_version", "a KeyDB"}, {"redis_version", "a Redis"},
	} {
		if v := info[f.field]; v != "" {
			return f.name + " " + v
		}
	}
	return "a server that gives no pika_version, such as a proxy"
}

// configure reads the parameters that a dump needs. Where CONFIG is renamed or forbidden it does without.
func (s *Source) configure(ctx context.Context, c *conn) error {
	value := map[string]string{}
	for _, name := range []string{"instance-mode", "databases", "thread-pool-size", "timeout", "write-binlog", "cache-model"} {
		v, err := c.config(ctx, name)
		if re := (*ReplyError)(nil); errors.As(err, &re) && !re.Transient() {
			s.NoConfig = err
			break
		}
		if err != nil {
			return err
		}
		value[name] = v // empty: the version has none of that name
	}
	s.WriteBinlog, s.CacheModel = cmp.Or(value["write-binlog"], "unknown"), value["cache-model"]
	s.ThreadPool, _ = strconv.Atoi(value["thread-pool-size"])
	seconds, _ := strconv.Atoi(value["timeout"])
	s.Timeout = time.Duration(seconds) * time.Second
	sharding := value["instance-mode"] == "sharding"
	// Before 3.1 there is one keyspace, and SELECT of any number says OK (SERVERS.md P6).
	if s.version.atLeast(3, 1, 0) {
		n, err := strconv.Atoi(value["databases"])
		if s.NoConfig != nil {
			n, sharding, err = c.countDatabases(ctx)
		}
		if errors.As(err, new(*ReplyError)) || errors.Is(err, ErrUnavailable) {
			return err
		}
		if !sharding && (err != nil || n < 1 || n > format.MaxDatabase) {
			return fmt.Errorf("%w: the source says that it has %d databases", ErrRefused, n)
		}
		s.Databases = n
	}
	if sharding {
		return fmt.Errorf("%w: %s runs in sharding mode, where a key range lies in many slots; move it to classic mode first", ErrRefused, c.o.Addr)
	}
	return nil
}

// countDatabases counts the databases that SELECT knows. In sharding mode it refuses all but the first, in words of its own (SERVERS.md P6).
func (c *conn) countDatabases(ctx context.Context) (n int, sharding bool, err error) {
	for ; n <= format.MaxDatabase; n++ {
		p, err := c.do(ctx, "SELECT", n)
		if err != nil {
			return 0, false, err
		}
		err = p.Status()
		if re := (*ReplyError)(nil); errors.As(err, &re) && n > 0 && !re.Transient() {
			sharding = strings.Contains(re.Reply, "invalid Table")
			break
		}
		if err != nil {
			return 0, false, err
		}
	}
	p, err := c.do(ctx, "SELECT", c.db)
	if err == nil {
		err = p.Status()
	}
	return n, sharding, err
}

// describe reads what else a dump needs to know.
func (s *Source) describe(ctx context.Context, c *conn) error {
	repl, err := c.info(ctx, "replication")
	if err != nil {
		return err
	}
	s.Role, s.Link = repl["role"], repl["master_link_status"]
	now, err := c.time(ctx)
	if err != nil {
		return err
	}
	s.ClockDifference = time.Until(time.UnixMilli(now)).Milliseconds()
	s.Binlog, err = c.binlogPositions(ctx, s)
	return err
}

// info reads one section of INFO into its fields.
func (c *conn) info(ctx context.Context, section string) (map[string]string, error) {
	p, err := c.do(ctx, "INFO", section)
	if err != nil {
		return nil, err
	}
	return readInfo(p)
}

// readInfo takes the reply of INFO.
func readInfo(p *resp.Replies) (map[string]string, error) {
	text, err := p.Bulk()
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for sc := bufio.NewScanner(bytes.NewReader(text)); sc.Scan(); {
		if k, v, ok := strings.Cut(sc.Text(), ":"); ok && !strings.HasPrefix(k, "#") {
			fields[k] = strings.TrimSpace(v)
		}
	}
	return fields, nil
}

// config reads one parameter; empty if the server has none of that name.
func (c *conn) config(ctx context.Context, name string) (string, error) {
	p, err := c.do(ctx, "CONFIG", "GET", name)
	if err != nil {
		return "", err
	}
	pair, err := p.Bulks(nil, 1)
	if err != nil || len(pair) < 2 {
		return "", err
	}
	return string(pair[1]), nil
}

// readTime returns the server's clock in Unix ms.
func (c *conn) time(ctx context.Context) (int64, error) {
	p, err := c.do(ctx, "TIME")
	if err != nil {
		return 0, err
	}
	return readTime(p)
}

// readTime takes the reply of TIME: Unix ms.
func readTime(p *resp.Replies) (int64, error) {
	if _, err := p.Array(2); err != nil {
		return 0, err
	}
	sec, err := p.Bulk()
	if err != nil {
		return 0, err
	}
	us, err := p.Bulk()
	if err != nil {
		return 0, err
	}
	s, err1 := resp.ParseInt(sec)
	u, err2 := resp.ParseInt(us)
	if err1 != nil || err2 != nil || s < 0 || s > 1<<40 || u < 0 || u > 999_999 {
		return 0, &ReplyError{Command: "TIME", Reply: fmt.Sprintf("%q %q", sec, us)}
	}
	return s*1000 + u/1000, nil
}

// binlogPattern finds a position in the lines of INFO replication of 3.1 ("db0:binlog_offset=0 0,…"),
// 3.2 to 3.5.2 ("db0 binlog_offset=…") and later, and of 3.0 ("binlog_offset:0 0").
var binlogPattern = regexp.MustCompile(`(?m)^(?:db(\d+)[ :])?binlog_offset[=:](\d+) (\d+)`)

// rolePattern finds the role in INFO replication.
var rolePattern = regexp.MustCompile(`(?m)^role:([^\r\n]*)`)

// binlogSection is the section of INFO that has the positions.
func (v version) binlogSection() string {
	if v.atLeast(3, 1, 0) {
		return "replication"
	}
	return "log"
}

// binlogPositions reads how far each database's binlog is written (SERVERS.md P9).
func (c *conn) binlogPositions(ctx context.Context, s *Source) ([]format.BinlogPosition, error) {
	p, err := c.do(ctx, "INFO", s.version.binlogSection())
	if err != nil {
		return nil, err
	}
	_, positions, err := readReplication(p)
	return positions, err
}

// readReplication takes the reply of INFO with the binlog positions; the role is empty where that section has none.
func readReplication(p *resp.Replies) (role string, positions []format.BinlogPosition, err error) {
	text, err := p.Bulk()
	if err != nil {
		return "", nil, err
	}
	if m := rolePattern.FindSubmatch(text); m != nil {
		role = string(m[1])
	}
	positions = []format.BinlogPosition{}
	for _, m := range binlogPattern.FindAllSubmatch(text, -1) {
		db, _ := strconv.Atoi(string(m[1]))
		file, err1 := strconv.ParseInt(string(m[2]), 10, 64)
		offset, err2 := strconv.ParseInt(string(m[3]), 10, 64)
		if err1 == nil && err2 == nil {
			positions = append(positions, format.BinlogPosition{DB: db, File: file, Offset: offset})
		}
	}
	return role, positions, nil
}

// rowsPattern finds RocksDB's estimates in INFO rocksdb (3.5+): one per type and database up
// to 3.5, one per instance and database on 4.0.
var rowsPattern = regexp.MustCompile(`(?m)_estimate_num_keys:(\d+)`)

// EstimateRows returns about how many rows RocksDB holds in all databases: one per string, and
// for a collection one for the key and one or two per element (Rows). It counts dead rows
// too. 0: the version does not tell.
func (s *Scanner) EstimateRows(ctx context.Context) (int64, error) {
	c, err := dial(ctx, &s.o, 0)
	if err != nil {
		return 0, fmt.Errorf("connect to %s: %w", s.o.Addr, err)
	}
	defer c.close()
	p, err := c.do(ctx, "INFO", "rocksdb")
	if err != nil {
		return 0, err
	}
	text, err := p.Bulk()
	if err != nil {
		return 0, err
	}
	total := int64(0)
	for _, m := range rowsPattern.FindAllSubmatch(text, -1) {
		n, _ := strconv.ParseInt(string(m[1]), 10, 64)
		total += n
	}
	return total, nil
}

// Rows returns how many rows of RocksDB the record was made of.
func Rows(r *format.Record) int64 {
	n := int64(r.Part & format.PartFirst)
	switch r.Kind {
	case format.Zset:
		return n + 2*int64(len(r.Elems))
	case format.String, format.HyperLogLog:
		return n
	}
	return n + int64(r.Elements())
}
