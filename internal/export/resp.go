package export

import (
	"math"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
)

// How large one command becomes: a command of more than one element has at most so many bytes, or
// elements.
const (
	commandBytes    = 256 << 10
	commandElements = 1024
)

// A respEncoder writes commands as redis-cli --pipe takes them. What the target has under a name is
// replaced.
type respEncoder struct {
	rules        *rewrite.Rules
	hyperLogLogs bool

	name    []byte // of the key at hand, on the target
	expire  int64
	entries bool // it has had some
}

func (e *respEncoder) add(dst []byte, db int, _ format.Type, r *format.Record) ([]byte, string) {
	if r.Part&format.PartFirst != 0 {
		if reason := e.take(db, r); reason != "" {
			return dst, reason
		}
		if r.Kind != format.String && r.Kind != format.HyperLogLog { // SET replaces by itself
			dst = e.command(dst, "DEL", 0)
		}
	}
	switch r.Kind {
	case format.String, format.HyperLogLog:
		name := "SET"
		if r.Part&format.PartFirst == 0 {
			name = "APPEND"
		}
		dst = resp.AppendBulk(e.command(dst, name, 1), r.Value)
	case format.Hash:
		dst = e.elements(dst, "HSET", r.Elems, 2)
	case format.List:
		dst = e.elements(dst, "RPUSH", r.Elems, 1)
	case format.Set:
		dst = e.elements(dst, "SADD", r.Elems, 1)
	case format.Zset:
		dst = e.zset(dst, r)
	case format.Stream:
		dst = e.stream(dst, r)
	}
	// Behind the first part, for a stream of commands may be cut; behind the last, for a key may
	// expire while it is written.
	if e.expire != 0 && r.Part != 0 {
		dst = resp.AppendBulk(e.command(dst, "PEXPIREAT", 1), strconv.FormatInt(e.expire, 10))
	}
	return dst, ""
}

// take begins a key, or returns why it is left out.
func (e *respEncoder) take(db int, r *format.Record) (reason string) {
	if r.Kind == format.HyperLogLog && !e.hyperLogLogs {
		return HyperLogLog
	}
	name, reason := e.rules.Rename(db, r.Kind, r.Key)
	if reason != "" {
		return reason
	}
	if name == nil {
		name = r.Key
	}
	e.name = append(e.name[:0], name...)
	expire, short := e.rules.Expire(r.Expire)
	switch {
	case expire != 0 && expire <= e.rules.Began():
		return Expired
	case short:
		return Short
	}
	e.expire, e.entries = expire, false
	return ""
}

// elements appends commands of bounded size, stride values to an element.
func (e *respEncoder) elements(dst []byte, name string, elems [][]byte, stride int) []byte {
	for len(elems) > 0 {
		n, size := 0, 0
		for n < len(elems) && n < commandElements*stride {
			for _, v := range elems[n : n+stride] {
				size += len(v) + 16
			}
			if n > 0 && size > commandBytes {
				break
			}
			n += stride
		}
		dst = e.command(dst, name, n)
		for _, v := range elems[:n] {
			dst = resp.AppendBulk(dst, v)
		}
		elems = elems[n:]
	}
	return dst
}

// zset appends the members with usual scores, then those that servers may refuse one by one: a
// server refuses the whole command for one of them (SERVERS.md K5).
func (e *respEncoder) zset(dst []byte, r *format.Record) []byte {
	var usual [][]byte
	for i, m := range r.Elems {
		if !unusual(r.Scores[i]) {
			usual = append(usual, appendScore(nil, r.Scores[i], false), m)
		}
	}
	dst = e.elements(dst, "ZADD", usual, 2)
	for i, m := range r.Elems {
		if unusual(r.Scores[i]) {
			dst = e.elements(dst, "ZADD", [][]byte{appendScore(nil, r.Scores[i], false), m}, 2)
		}
	}
	return dst
}

// unusual reports whether a server may refuse a score (SERVERS.md K5).
func unusual(score float64) bool {
	const smallestNormal = 0x1p-1022
	return math.IsNaN(score) || score != 0 && math.Abs(score) < smallestNormal
}

// stream appends XADD for each entry, and at the end what the stream knows beside them.
func (e *respEncoder) stream(dst []byte, r *format.Record) []byte {
	for i := range r.Entries {
		entry := &r.Entries[i]
		e.entries = true
		dst = resp.AppendBulk(e.command(dst, "XADD", 1+len(entry.Fields)), entry.ID.String())
		for _, f := range entry.Fields {
			dst = resp.AppendBulk(dst, f)
		}
	}
	s := r.State
	if s == nil {
		return dst
	}
	if !e.entries { // XSETID makes none (SERVERS.md K11)
		last := s.LastID
		if last == (format.StreamID{}) {
			last.Seq = 1 // 0-0 is no id for XADD
		}
		dst = e.command(dst, "XADD", 5)
		for _, word := range []string{"MAXLEN", "0", last.String(), "x", "y"} {
			dst = resp.AppendBulk(dst, word)
		}
	}
	dst = resp.AppendBulk(e.command(dst, "XSETID", 5), s.LastID.String())
	for _, word := range []string{"ENTRIESADDED", strconv.FormatUint(s.EntriesAdded, 10), "MAXDELETEDID", s.Deleted().String()} {
		dst = resp.AppendBulk(dst, word)
	}
	return dst
}

// command begins a command about the key at hand, with so many arguments behind its name.
func (e *respEncoder) command(dst []byte, name string, arguments int) []byte {
	return resp.AppendBulk(resp.AppendBulk(resp.AppendHead(dst, '*', 2+arguments), name), e.name)
}
