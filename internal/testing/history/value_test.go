package history

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A value is what a key holds, and until when. It is never changed: an edit makes another one.
type value struct {
	kind   format.Kind
	text   string    // string
	elems  []element // list and stream: in order; others: by name
	expire int64     // Unix ms; 0: never
	state  format.StreamState
	groups int64 // of a stream
}

// An element is a field and its value, a member ("" as its value), a member and its score, an
// element of a list ("" as its name), or the id and the fields of an entry.
type element struct{ name, value string }

// key tells elements apart: those of a list are all different here.
func (v *value) key(e element) string {
	if v.kind == format.List {
		return e.value
	}
	return e.name
}

func (v *value) ordered() bool { return v.kind == format.List || v.kind == format.Stream }

// equal reports whether two values are the same, with their expiries.
func (v *value) equal(w *value) bool {
	return v != nil && w != nil && v.expire == w.expire && v.same(w)
}

// same reports whether two values are the same but for their expiries.
func (v *value) same(w *value) bool {
	return v.kind == w.kind && v.text == w.text && slices.Equal(v.elems, w.elems) && v.state == w.state && v.groups == w.groups
}

func (v *value) String() string {
	if v == nil {
		return "nothing"
	}
	s := v.kind.String()
	switch {
	case v.kind == format.String:
		s += fmt.Sprintf(" %.30q (%d bytes)", v.text, len(v.text))
	case len(v.elems) > 0:
		s += fmt.Sprintf(" of %d: %.20q … %.20q", len(v.elems), v.key(v.elems[0]), v.key(v.elems[len(v.elems)-1]))
	}
	if v.kind == format.Stream {
		s += fmt.Sprintf(" %+v", v.state)
	}
	if v.groups > 0 {
		s += fmt.Sprintf(", %d groups", v.groups)
	}
	if v.expire != 0 {
		s += fmt.Sprint(", expires at ", v.expire)
	}
	return s
}

// with returns a copy with these elements put at the end of a list or stream, or where they belong.
func (v *value) with(elems ...element) *value {
	w := *v
	w.elems = slices.Clone(v.elems)
	for _, e := range elems {
		i := len(w.elems)
		if !v.ordered() {
			var there bool
			if i, there = slices.BinarySearchFunc(w.elems, e, byName); there {
				w.elems[i] = e
				continue
			}
		}
		w.elems = slices.Insert(w.elems, i, e)
	}
	return &w
}

// without returns a copy without the elements from from to to; nil if none is left.
func (v *value) without(from, to int) *value {
	w := *v
	w.elems = slices.Delete(slices.Clone(v.elems), from, to)
	if len(w.elems) == 0 {
		return nil
	}
	return &w
}

func (v *value) expiring(at int64) *value {
	w := *v
	w.expire = at
	return &w
}

func byName(a, b element) int { return cmp.Compare(a.name, b.name) }

// parseID returns the id of an entry.
func parseID(s string) (id format.StreamID) {
	ms, seq, _ := strings.Cut(s, "-")
	id.Ms, _ = strconv.ParseUint(ms, 10, 64)
	id.Seq, _ = strconv.ParseUint(seq, 10, 64)
	return id
}

// joined puts the fields of an entry into one text, and split takes them out.
func joined[T ~string | ~[]byte](fields []T) string {
	var b strings.Builder
	for _, f := range fields {
		fmt.Fprintf(&b, "%d:%s", len(f), string(f))
	}
	return b.String()
}

func split(s string) (fields []string) {
	for s != "" {
		n, rest, _ := strings.Cut(s, ":")
		size, _ := strconv.Atoi(n)
		fields, s = append(fields, rest[:size]), rest[size:]
	}
	return fields
}

// valueOf returns the value of a record, or adds a part to what came before.
func valueOf(v *value, r *format.Record) *value {
	if v == nil {
		v = &value{kind: r.Kind, expire: r.Expire}
	}
	v.text += string(r.Value)
	for i := 0; i < len(r.Elems); i++ {
		switch r.Kind {
		case format.Hash:
			v.elems = append(v.elems, element{string(r.Elems[i]), string(r.Elems[i+1])})
			i++
		case format.Zset:
			v.elems = append(v.elems, element{string(r.Elems[i]), score(r.Scores[i])})
		case format.List:
			v.elems = append(v.elems, element{value: string(r.Elems[i])})
		default:
			v.elems = append(v.elems, element{name: string(r.Elems[i])})
		}
	}
	for _, e := range r.Entries {
		v.elems = append(v.elems, element{e.ID.String(), joined(e.Fields)})
	}
	if r.State != nil {
		v.state = *r.State
	}
	return v
}

// records returns the value as records of at most size elements, or 16 × size bytes of a string,
// each.
func (v *value) records(key string, size int) (parts []format.Record) {
	n := len(v.elems)
	if v.kind == format.String {
		size *= 16
		n = len(v.text)
	}
	for from := 0; from == 0 || from < n; from += size {
		r := format.Record{Kind: v.kind, Key: []byte(key), Expire: v.expire}
		to := min(n, from+size)
		if v.kind == format.String {
			r.Value = []byte(v.text[from:to])
			parts = append(parts, r)
			continue
		}
		for _, e := range v.elems[from:to] {
			switch v.kind {
			case format.Hash:
				r.Elems = append(r.Elems, []byte(e.name), []byte(e.value))
			case format.Zset:
				f, _ := strconv.ParseFloat(e.value, 64)
				r.Elems, r.Scores = append(r.Elems, []byte(e.name)), append(r.Scores, f)
			case format.List:
				r.Elems = append(r.Elems, []byte(e.value))
			case format.Set:
				r.Elems = append(r.Elems, []byte(e.name))
			case format.Stream:
				entry := format.Entry{ID: parseID(e.name)}
				for _, f := range split(e.value) {
					entry.Fields = append(entry.Fields, []byte(f))
				}
				r.Entries = append(r.Entries, entry)
			}
		}
		parts = append(parts, r)
	}
	parts[0].Part |= format.PartFirst
	last := &parts[len(parts)-1]
	last.Part |= format.PartLast
	if v.kind == format.Stream {
		state := v.state
		last.State = &state
	}
	return parts
}

// commands returns what makes the value of a key that is not there.
func (v *value) commands(key string) (list [][]any) {
	add := func(args ...any) { list = append(list, args) }
	const most = 200
	switch v.kind {
	case format.String:
		add("SET", key, v.text)
	case format.Stream:
		for _, e := range v.elems {
			cmd := []any{"XADD", key, e.name}
			for _, f := range split(e.value) {
				cmd = append(cmd, f)
			}
			add(cmd...)
		}
	default:
		for some := range slices.Chunk(v.elems, most) {
			cmd := []any{map[format.Kind]string{format.Hash: "HMSET", format.List: "RPUSH", format.Set: "SADD", format.Zset: "ZADD"}[v.kind], key}
			for _, e := range some {
				switch v.kind {
				case format.Hash:
					cmd = append(cmd, e.name, e.value)
				case format.Zset:
					cmd = append(cmd, e.value, e.name)
				default:
					cmd = append(cmd, v.key(e))
				}
			}
			add(cmd...)
		}
	}
	return list
}

// score writes a score so that equal texts are equal scores.
func score(f float64) string {
	if math.IsInf(f, 0) {
		return strings.ToLower(strings.TrimPrefix(fmt.Sprint(f), "+"))
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}
