package reader

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// A session is what is known of the source once it was opened, and how it is read.
type session struct {
	o      Options
	d      *dialer
	source *ServerInfo
	seen   *identity
	held   atomic.Pointer[Held]
	unit   pttlUnit
	clock
	listing  listing
	hash     collection // how hashes are read
	probe    []byte     // see probe
	limited  bool       // the account may use keys that begin with Options.Prefix only
	warnings []string
	counts   map[int]*databaseCount // by database; nil: none was ordered

	nameBytes  int   // see nameBytes
	longPrefix int   // see longPrefix
	maxReply   int   // see resp.MaxReply
	scanCount  int64 // see scanCount
}

func (s *session) dial(ctx context.Context, db int) (*conn, error) { return s.d.dial(ctx, db) }

// collection returns how a type of collection is read.
func (s *session) collection(t format.Type) collection {
	switch {
	case t == format.TypeHash:
		return s.hash
	case t == format.TypeList:
		return list{}
	case t == format.TypeSet:
		return sets
	case !s.source.version.atLeast(3, 0, 0):
		return zsetByScore{zsets}
	}
	return zsets
}

// ByCursor reports whether keys are listed by SCAN: such a dump is made by ScanCursor in one
// go, and cannot be resumed.
func (s *session) ByCursor() bool { return s.listing == byCursor }

// Listing names the command that lists the keys.
func (s *session) Listing() string { return [...]string{"PKSCANRANGE", "SCANX", "SCAN"}[s.listing] }

// Warnings returns what the user should know of how the source will be read.
func (s *session) Warnings() []string { return s.warnings }

func (s *session) warn(text string, args ...any) {
	s.warnings = append(s.warnings, fmt.Sprintf(text, args...))
}

// askPage adds the command for a page of a type, as PKSCANRANGE calls it, from start on to b.
func (s *session) askPage(b *resp.Batch, word string, start, end []byte, n int) {
	if s.listing == byStart {
		b.Add("SCANX", word, start, "COUNT", n)
		return
	}
	b.Add("PKSCANRANGE", word, start, end, "LIMIT", n)
}

// adaptiveLimit returns a limit with the targets of the options.
func (s *session) adaptiveLimit(first, most int) adaptiveLimit {
	l := adaptiveLimit{n: min(first, most), max: most, target: s.o.ReplyBytes, latency: s.o.Latency}
	if s.source != nil && s.source.Timeout > 0 {
		// The server closes a connection whose commands run longer than its timeout.
		l.latency = min(l.latency, s.source.Timeout/3)
	}
	return l
}

// uncached reports whether no cache of the source's answers, because it is off or held off.
func (s *session) uncached() bool {
	h := s.held.Load()
	return !s.source.cached() || h != nil && h.Name == "cache-model" && h.Value == "0"
}

// typeCommand is what tells of one key which types have its name, never from the cache (SERVERS.md
// P12): TYPE the first, PTYPE all. Empty: TYPE goes by another order than TTL, and the key's own
// name is listed.
func (s *session) typeCommand() string {
	switch {
	case s.listing == byCursor: // which reads all types of a name anyway
		return "TYPE"
	case !s.source.version.atLeast(3, 0, 5):
		return ""
	case s.source.cached():
		return "PTYPE"
	}
	return "TYPE"
}
