package reader

import (
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

// ServerInfo is what the server said of itself when it was opened.
type ServerInfo struct {
	format.Source
	ThreadPool int           // thread-pool-size; 0: unknown
	Timeout    time.Duration // after which it closes idle connections, and busy ones too; 0: never or unknown
	CacheModel string        // cache-model; empty: the version has none, or it is unknown
	NoConfig   error         // what CONFIG GET is refused with; nil: it is not
	Began      time.Time     // when its process was started, by its own clock, at the earliest; a second later at the latest

	version version
}

// Streams reports whether the version has streams.
func (s *ServerInfo) Streams() bool { return s.version.atLeast(3, 5, 3) }

// ManyTypes reports whether one name can hold values of several types (SERVERS.md P5).
func (s *ServerInfo) ManyTypes() bool { return !s.version.atLeast(4, 0, 0) }

// identify finds out what the server is and refuses what cannot be dumped.
func identify(ctx context.Context, c *conn) (*ServerInfo, *identity, error) {
	info, err := c.info(ctx, "server")
	if err != nil {
		if re, ok := errors.AsType[*ReplyError](err); ok && errors.Is(err, ErrAuth) && !strings.Contains(re.Reply, "NOPERM") {
			return nil, nil, fmt.Errorf("%w (give the password of an account that may read; a Pika with a limited user accepts any password as that user's)", err)
		}
		return nil, nil, err
	}
	s := &ServerInfo{Source: format.Source{Address: c.d.Addr, Server: "pika", RunID: info["run_id"], ProcessID: info["process_id"], Databases: 1}}
	s.Version = info["pika_version"]
	var ok bool
	if s.version, ok = parseVersion(s.Version); !ok {
		return nil, nil, fmt.Errorf("%w: %s is %s, not a Pika; give the address of a Pika server (behind a proxy, of each server itself)", ErrRefused, c.d.Addr, otherServer(info))
	}
	if !s.version.atLeast(2, 0, 0) {
		return nil, nil, fmt.Errorf("%w: Pika %s is too old; this pikadump reads 2.0 and newer", ErrRefused, s.Version)
	}
	if err := s.configure(ctx, c); err != nil {
		return nil, nil, err
	}
	if err := s.describe(ctx, c); err != nil {
		return nil, nil, err
	}
	again, err := c.info(ctx, "server")
	if err != nil {
		return nil, nil, err
	}
	if newSighting(again).RunID != newSighting(info).RunID {
		return nil, nil, fmt.Errorf("%w: it was restarted while it was looked at: run it again", ErrUnavailable)
	}
	seen := newIdentity(s, again)
	s.Began = time.Now().Add(time.Duration(s.ClockDifference)*time.Millisecond - time.Duration(seen.last.uptime+1)*time.Second)
	return s, seen, nil
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

// configure reads the parameters that a dump needs. Where CONFIG is renamed or forbidden it does
// without.
func (s *ServerInfo) configure(ctx context.Context, c *conn) error {
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
		return fmt.Errorf("%w: %s runs in sharding mode, where a key range lies in many slots; move it to classic mode first", ErrRefused, c.d.Addr)
	}
	return nil
}

// countDatabases counts the databases that SELECT knows. In sharding mode it refuses all but the
// first, in words of its own (SERVERS.md P6).
func (c *conn) countDatabases(ctx context.Context) (n int, sharding bool, err error) {
	for ; n <= format.MaxDatabase; n++ {
		err = c.do(ctx, "SELECT", n).Status()
		if re := (*ReplyError)(nil); errors.As(err, &re) && n > 0 && !re.Transient() {
			sharding = strings.Contains(re.Reply, "invalid Table")
			break
		}
		if err != nil {
			return 0, false, err
		}
	}
	return n, sharding, c.do(ctx, "SELECT", c.db).Status()
}

// describe reads what else a dump needs to know.
func (s *ServerInfo) describe(ctx context.Context, c *conn) error {
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

// binlogPattern finds a position in the lines of INFO replication of 3.1 ("db0:binlog_offset=0
// 0,…"), 3.2 to 3.5.2 ("db0 binlog_offset=…") and later, and of 3.0 ("binlog_offset:0 0").
var binlogPattern = regexp.MustCompile(`(?m)^(?:db(\d+)[ :])?binlog_offset[=:](\d+) (\d+)`)

// rolePattern finds the role in INFO replication.
var rolePattern = regexp.MustCompile(`(?m)^role:([^\r\n]*)`)

// binlogPositions reads how far each database's binlog is written (SERVERS.md P9).
func (c *conn) binlogPositions(ctx context.Context, s *ServerInfo) ([]format.BinlogPosition, error) {
	p := c.do(ctx, "INFO", s.version.binlogSection())
	_, positions := readReplication(p)
	return positions, p.Err()
}

// readReplication takes the reply of INFO with the binlog positions; the role is empty where that
// section has none.
func readReplication(p *resp.Replies) (role string, positions []format.BinlogPosition) {
	text := p.Bulk()
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
	return role, positions
}

// Follows reports whether the binlog of the version can be followed (SERVERS.md P17).
func (s *ServerInfo) Follows() bool { return s.version.atLeast(3, 4, 0) }
