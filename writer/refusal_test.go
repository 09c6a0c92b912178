package writer

import (
	"context"
	"errors"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

const wrongType = "-ERR Invalid argument: WRONGTYPE Operation against a key holding the wrong kind of value\r\n"

// TestRefused: what a Kvrocks refuses is reported, and the rest goes on.
func TestRefused(t *testing.T) {
	for _, tc := range []struct {
		name    string
		options Options
		replies map[string]string
		records []format.Record
		want    []LeftOut
		keys    int64
		sent    []string // nil: not looked at
	}{
		{
			name:    "nan and subnormal scores",
			replies: map[string]string{"ZADD z nan": "-ERR score is not a valid float\r\n", "ZADD z 5e-324": "-ERR value is not a valid float\r\n"},
			records: []format.Record{zset("z", []float64{math.NaN(), 4.9e-324, 1}, "n\xff", "s", "one"), str("zz", "1", 0)},
			want: []LeftOut{
				{Kind: format.Zset, Key: b("z"), Reason: ReasonRefused, Member: b("n\xff"), Command: `ZADD "n\xff"`, Reply: "ERR score is not a valid float"},
				{Kind: format.Zset, Key: b("z"), Reason: ReasonRefused, Member: b("s"), Command: `ZADD "s"`, Reply: "ERR value is not a valid float"},
			},
			keys: 2,
		},
		{
			name:    "no score was taken, so that there is nothing to expire",
			replies: map[string]string{"ZADD z nan": "-ERR score is not a valid float\r\n", "PEXPIREAT": ":0\r\n"},
			records: []format.Record{expiring(zset("z", []float64{math.NaN()}, "n"), farFuture)},
			want: []LeftOut{
				{Kind: format.Zset, Key: b("z"), Reason: ReasonRefused, Member: b("n"), Command: `ZADD "n"`, Reply: "ERR score is not a valid float"},
				{Kind: format.Zset, Key: b("z"), Reason: ReasonRefused, Reply: "nothing of it could be written"},
			},
		},
		{
			name:    "wrong type, in parts",
			options: Options{CommandElements: 1},
			replies: map[string]string{"RPUSH l": wrongType},
			records: append(parts(whole(format.List, "l", "a", "b"), whole(format.List, "l", "c")), str("m", "1", 0)),
			want:    []LeftOut{{Kind: format.List, Key: b("l"), Reason: ReasonRefused, Command: "RPUSH", Reply: strings.TrimSpace(wrongType[1:])}},
			keys:    1,
			sent:    []string{"RPUSH l a", "SET m 1"},
		},
		{
			name:    "a list from its second piece on",
			options: Options{CommandElements: 1},
			replies: map[string]string{"RPUSH l b": "-ERR Operation aborted: Memory limit reached\r\n"},
			records: []format.Record{whole(format.List, "l", "a", "b", "c")},
			want:    []LeftOut{{Kind: format.List, Key: b("l"), Reason: ReasonRefused, Partial: true, Command: "RPUSH", Reply: "ERR Operation aborted: Memory limit reached"}},
			sent:    []string{"RPUSH l a", "RPUSH l b"},
		},
		{
			name:    "one string of an MSET",
			replies: map[string]string{"MSET": "-ERR Operation aborted: Memory limit reached\r\n", "SET b": "-ERR Operation aborted: Memory limit reached\r\n"},
			records: []format.Record{str("a", "1", 0), str("b", "2", 0), str("c", "3", 0)},
			want:    []LeftOut{{Kind: format.String, Key: b("b"), Reason: ReasonRefused, Command: "SET", Reply: "ERR Operation aborted: Memory limit reached"}},
			keys:    2,
			sent:    []string{"MSET a 1 b 2 c 3", "SET a 1", "SET b 2", "SET c 3"},
		},
		{
			name: "an entry without fields",
			records: []format.Record{{Kind: format.Stream, Key: b("x"), Part: format.PartWhole, State: &format.StreamState{LastID: id(2, 0), EntriesAdded: 2},
				Entries: []format.Entry{{ID: id(1, 0)}, {ID: id(2, 0), Fields: bs("a", "b")}}}},
			want: []LeftOut{{Kind: format.Stream, Key: b("x"), Reason: ReasonRefused, Member: b("1-0"), Command: `XADD "1-0"`,
				Reply: "an entry without fields: XADD takes none"}},
			keys: 1,
		},
		{
			name: "entries out of order",
			records: []format.Record{{Kind: format.Stream, Key: b("x"), Part: format.PartWhole, State: &format.StreamState{LastID: id(2, 0), EntriesAdded: 2},
				Entries: []format.Entry{{ID: id(2, 0), Fields: bs("a", "b")}, {ID: id(2, 0), Fields: bs("a", "b")}}}},
			want: []LeftOut{{Kind: format.Stream, Key: b("x"), Reason: ReasonRefused, Command: "XADD", Reply: "entry 2-0 comes behind 2-0 in the dump"}},
		},
		{
			name:    "too long for the target",
			replies: map[string]string{"CONFIG GET": "*2\r\n$18\r\nproto-max-bulk-len\r\n$1\r\n4\r\n"},
			records: []format.Record{str("longname", "1", 0), str("s", "12345", 0), whole(format.Hash, "t", "f", "12345", "g", "1"),
				whole(format.List, "u", "1", "12345"), zset("v", []float64{1, 2}, "12345", "m")},
			want: []LeftOut{
				{Kind: format.String, Key: b("longname"), Reason: ReasonRefused, Reply: "name of 8 bytes: the target takes at most 4 (proto-max-bulk-len)"},
				{Kind: format.String, Key: b("s"), Reason: ReasonRefused, Command: "SET", Reply: "value of 5 bytes: the target takes at most 4 (proto-max-bulk-len)"},
				{Kind: format.Hash, Key: b("t"), Reason: ReasonRefused, Member: b("f"), Command: `HSET "f"`, Reply: "element of 5 bytes: the target takes at most 4 (proto-max-bulk-len)"},
				{Kind: format.List, Key: b("u"), Reason: ReasonRefused, Command: "RPUSH", Reply: "element of 5 bytes: the target takes at most 4 (proto-max-bulk-len)"},
				{Kind: format.Zset, Key: b("v"), Reason: ReasonRefused, Member: b("12345"), Command: `ZADD "12345"`, Reply: "element of 5 bytes: the target takes at most 4 (proto-max-bulk-len)"},
			},
			keys: 2,
		},
		{
			name:    "exists",
			options: Options{OnExists: Skip},
			replies: map[string]string{"EXISTS l": ":1\r\n"},
			records: append(parts(whole(format.List, "l", "a", "b"), whole(format.List, "l", "c")), str("m", "1", 0)),
			want:    []LeftOut{{Kind: format.List, Key: b("l"), Reason: ReasonExists}},
			keys:    1,
			sent:    []string{"EXISTS l", "EXISTS m", "SET m 1"},
		},
		{
			name:    "hyperloglog",
			records: []format.Record{{Kind: format.HyperLogLog, Key: b("p"), Value: b("x"), Part: format.PartWhole}},
			want:    []LeftOut{{Kind: format.HyperLogLog, Key: b("p"), Reason: ReasonHyperLogLog}},
			sent:    nil,
		},
		{
			name:    "conflict",
			options: Options{Rename: func(int, format.Kind, []byte) ([]byte, string) { return nil, ReasonConflict }},
			records: parts(whole(format.Set, "s", "a"), whole(format.Set, "s", "b")),
			want:    []LeftOut{{Kind: format.Set, Key: b("s"), Reason: ReasonConflict}},
		},
		{
			name:    "a collection without elements",
			records: []format.Record{whole(format.Hash, "h")},
			want:    []LeftOut{{Kind: format.Hash, Key: b("h"), Reason: ReasonRefused, Reply: "nothing of it could be written"}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := testserver.Start(t, testserver.Answer(tc.replies))
			tc.options.Target.Addr = f.Addr
			s, left := mustLoad(t, tc.options, tc.records...)
			for i := range left {
				if i >= len(tc.want) || !sameLeftOut(left[i], tc.want[i]) {
					t.Errorf("left out %+v", left[i])
				}
			}
			reasons := make(map[string]int64)
			for _, l := range tc.want {
				reasons[l.Reason]++
			}
			if len(left) != len(tc.want) || s.Keys != tc.keys || !maps.Equal(s.LeftOut, reasons) {
				t.Errorf("%d left out of %d, %d keys of %d written, counted %v", len(left), len(tc.want), s.Keys, tc.keys, s.LeftOut)
			}
			if got := f.Commands(); tc.sent != nil && !slices.Equal(got, tc.sent) {
				t.Errorf("sent\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(tc.sent, "\n  "))
			}
		})
	}
}

func sameLeftOut(a, b LeftOut) bool {
	sameMember := string(a.Member) == string(b.Member) && (a.Member == nil) == (b.Member == nil)
	sameKey := string(a.Key) == string(b.Key)
	a.Member, b.Member, a.Key, b.Key = nil, nil, nil, nil
	return sameMember && sameKey && a.Kind == b.Kind && a.Reason == b.Reason && a.Partial == b.Partial && a.Command == b.Command && a.Reply == b.Reply
}

// TestStops: replies after which the load cannot go on.
func TestStops(t *testing.T) {
	list := whole(format.List, "l\xff", "a", "b")
	for _, tc := range []struct {
		name    string
		replies map[string]string
		record  format.Record
		want    string // part of the error
		is      error
	}{
		{"full", map[string]string{"RPUSH": "-ERR write command not allowed when reached max-db-size.\r\n"}, list, "raise it", nil},
		{"full, an older one", map[string]string{"RPUSH": "-ERR IO error: Space limit reached\r\n"}, list, "max-db-size", nil},
		{"disk full", map[string]string{"RPUSH": "-ERR IO error: No space left on device\r\n"}, list, "make room", nil},
		{"out of memory", map[string]string{"RPUSH": "-OOM command not allowed when used memory > 'maxmemory'.\r\n"}, list, "maxmemory", nil},
		{"cannot save", map[string]string{"RPUSH": "-MISCONF Redis is configured to save RDB snapshots\r\n"}, list, "takes no writes", nil},
		{"read only", map[string]string{"RPUSH": "-READONLY You can't write against a read only slave.\r\n"}, list, "master", nil},
		{"moved", map[string]string{"RPUSH": "-MOVED 12182 127.0.0.1:16674\r\n"}, list, "cluster", nil},
		{"moved, Kvrocks 2.6", map[string]string{"RPUSH": "-ERR MOVED 12182 127.0.0.1:16674\r\n"}, list, "cluster", nil},
		{"cluster down", map[string]string{"RPUSH": "-CLUSTERDOWN Hash slot not served\r\n"}, list, "cluster", nil},
		{"loading", map[string]string{"RPUSH": "-LOADING kvrocks is restoring the db from backup\r\n"}, list, "when it is done", nil},
		{"no auth", map[string]string{"RPUSH": "-NOAUTH Authentication required.\r\n"}, list, "password", ErrAuth},
		{"unknown", map[string]string{"RPUSH": "-ERR unknown command `RPUSH`, with args beginning with: \r\n"}, list, "does not know", nil},
		{"protocol", map[string]string{"RPUSH": "-ERR Protocol error: invalid bulk length\r\n"}, list, "proto-max-bulk-len", nil},
		{"in an MSET", map[string]string{"SET": "-ERR write command not allowed when reached max-db-size.\r\n"}, str("s", "1", 0), "SET answered", nil},

		{"list was not fresh", map[string]string{"RPUSH": ":3\r\n"}, list, `key "l\xff": RPUSH answered "3": expected 2`, nil},
		{"set was not fresh", map[string]string{"SADD": ":0\r\n"}, whole(format.Set, "s", "a"), "expected 1", nil},
		{"hash was not fresh", map[string]string{"HSET": ":0\r\n"}, whole(format.Hash, "h", "f", "v"), "expected 1", nil},
		{"zset was not fresh", map[string]string{"ZADD": ":1\r\n"}, zset("z", []float64{1, 2}, "a", "b"), "expected 2", nil},
		{"string grew", map[string]string{"APPEND": ":9\r\n"}, str("s", "12", 0), "expected 4", nil},
		{"stream was not fresh", map[string]string{"XADD": "-ERR The ID specified in XADD is equal or smaller than the target stream top item\r\n"},
			format.Record{Kind: format.Stream, Key: b("x"), Part: format.PartWhole, Entries: []format.Entry{{ID: id(1, 0), Fields: bs("a", "b")}},
				State: &format.StreamState{LastID: id(1, 0), EntriesAdded: 1}}, "does something else write to it", nil},
		{"another id", map[string]string{"XADD": "$3\r\n9-9\r\n"}, format.Record{Kind: format.Stream, Key: b("x"), Part: format.PartWhole,
			Entries: []format.Entry{{ID: id(1, 0), Fields: bs("a", "b")}}, State: &format.StreamState{LastID: id(1, 0), EntriesAdded: 1}}, "expected 1-0", nil},
		{"no expiry", map[string]string{"PEXPIREAT": ":0\r\n"}, expiring(list, farFuture), "expiry", nil},
		{"not ok", map[string]string{"SET": "$-1\r\n"}, str("s", "1", farFuture), "", nil},
		{"a number for ok", map[string]string{"SET": ":1\r\n"}, str("s", "1", farFuture), "no such answer", nil},
		{"cut off", map[string]string{"RPUSH": ""}, list, "closed the connection", io.ErrUnexpectedEOF},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := testserver.Start(t, testserver.Answer(tc.replies))
			records := []format.Record{tc.record, whole(format.Set, "t", "a")}
			if tc.name == "string grew" {
				records = parts(tc.record, tc.record)
			}
			_, left, err := load(t, Options{Target: target.Options{Addr: f.Addr}, JoinBytes: 1}, records...)
			if tc.name == "not ok" {
				// A nil is taken for a refusal, which is reported.
				if err != nil || len(left) != 1 {
					t.Fatalf("error %v, left out %v", err, left)
				}
				return
			}
			if err == nil {
				t.Fatal("the load went on")
			}
			var ce *CommandError
			if !errors.As(err, &ce) || ce.Key == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %q does not say %q", err, tc.want)
			}
			if tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("error %q is not %q", err, tc.is)
			}
			if errors.Is(err, io.EOF) {
				t.Errorf("error %q can be taken for the end of a source", err)
			}
		})
	}
}

// TestFailedWorker: a worker whose last pipeline is unknown writes nothing more.
func TestFailedWorker(t *testing.T) {
	f := testserver.Start(t, testserver.Answer(map[string]string{"RPUSH": ""}))
	l, err := Open(t.Context(), Options{Target: target.Options{Addr: f.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := l.NewWorker(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Load(t.Context(), Job{Source: source(whole(format.List, "l", "a"))}); err == nil {
		t.Fatal("no error")
	}
	if err := w.Load(t.Context(), Job{Source: source(str("s", "1", 0))}); err == nil || len(f.Commands()) != 1 {
		t.Errorf("error %v, sent %q", err, f.Commands())
	}
	_ = w.Close()
}

// TestExpired: keys whose time is over are counted, not written, and not left out.
func TestExpired(t *testing.T) {
	f := testserver.Start(t, nil)
	s, left := mustLoad(t, Options{Target: target.Options{Addr: f.Addr}},
		str("a", "1", 1000), expiring(whole(format.List, "l", "a"), 1), str("z", "1", 0))
	if s.Expired != 2 || s.Keys != 1 || len(left) != 0 || !slices.Equal(f.Commands(), []string{"SET z 1"}) {
		t.Errorf("%+v, left out %v, sent %q", s, left, f.Commands())
	}
}

// TestExpiredMeanwhile: a key that was over before it was complete is counted, and what
// may have come after is given its expiry.
func TestExpiredMeanwhile(t *testing.T) {
	f := testserver.Start(t, nil)
	l, err := Open(t.Context(), Options{Target: target.Options{Addr: f.Addr}, CommandElements: 1})
	if err != nil {
		t.Fatal(err)
	}
	w, err := l.NewWorker(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	parts := cut(expiring(whole(format.List, "l", "a", "b", "c", "d", "e", "f"), farFuture), 3)
	src := &sourceThen{Source: source(parts[0]), then: func() { l.SetClock(math.MaxInt64 / 2) }} // well over 100 years
	src.rest = parts[1:]
	if err := errors.Join(w.Load(t.Context(), Job{Source: src}), w.Close()); err != nil {
		t.Fatal(err)
	}
	s := w.account.stats
	if s.Expired != 1 || s.Keys != 0 || len(s.LeftOut) != 0 {
		t.Errorf("%+v", s)
	}
}

// TestExpiryAnswersZero: PEXPIREAT finds no key, and the clock says why.
func TestExpiryAnswersZero(t *testing.T) {
	f := testserver.Start(t, func(cmd []string) (string, bool) {
		if cmd[0] == "PEXPIREAT" {
			return ":0\r\n", true
		}
		return "", false
	})
	l, err := Open(t.Context(), Options{Target: target.Options{Addr: f.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := l.NewWorker(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	src := &sourceThen{Source: source(expiring(whole(format.List, "l", "a"), farFuture)), then: func() { l.SetClock(math.MaxInt64 / 2) }}
	if err := w.Load(t.Context(), Job{Source: src}); err != nil {
		t.Fatal(err)
	}
	if s := w.account.stats; s.Expired != 1 || s.Keys != 0 {
		t.Errorf("%+v", s)
	}
	if got := f.Commands(); !slices.Equal(got, []string{"RPUSH l a", "PEXPIREAT l 4102444800123", "PEXPIREAT l 4102444800123"}) {
		t.Errorf("sent %q", got)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// sourceThen does something when its Source is at its end, before the worker flushes, or goes on.
type sourceThen struct {
	Source
	then func()
	rest []format.Record
}

func (s *sourceThen) Next() (*format.Record, error) {
	r, err := s.Source.Next()
	if err != nil {
		s.then()
		s.Source, s.rest = source(s.rest...), nil
		return s.Source.Next()
	}
	return r, err
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := testserver.Start(t, nil)
	l, err := Open(ctx, Options{Target: target.Options{Addr: f.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := l.NewWorker(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	src := &sourceThen{Source: source(str("a", "1", 0)), then: cancel}
	if err := w.Load(ctx, Job{Source: src}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if got := f.Commands(); len(got) != 0 {
		t.Errorf("sent %q after the end", got)
	}
	_ = w.Close()
}

// TestParts: parts that do not fit together are no key.
func TestParts(t *testing.T) {
	first, last := whole(format.List, "a", "1"), whole(format.List, "a", "2")
	first.Part, last.Part = format.PartFirst, format.PartLast
	other := last
	other.Key = b("b")
	odd := whole(format.Hash, "h", "f")
	for name, list := range map[string][]format.Record{
		"no first part":        {last},
		"no last part":         {first, str("b", "1", 0)},
		"another key's part":   {first, other},
		"never a last part":    {first},
		"another expiry":       {first, expiring(last, farFuture)},
		"a field and no value": {odd},
		"kind deleted":         {{Kind: format.Deleted, Key: b("d"), Part: format.PartWhole}},
	} {
		t.Run(name, func(t *testing.T) {
			f := testserver.Start(t, nil)
			if _, _, err := load(t, Options{Target: target.Options{Addr: f.Addr}}, list...); err == nil {
				t.Error("no error")
			}
		})
	}
}

// A countedSource is the same record again and again. It knows how many were read and not told.
type countedSource struct{ left, waiting, most int }

func (s *countedSource) Next() (*format.Record, error) {
	if s.most = max(s.most, s.waiting); s.left == 0 {
		return nil, io.EOF
	}
	s.left, s.waiting = s.left-1, s.waiting+1
	r := str("a", "", 0)
	return &r, nil
}

// TestManyLeftOut: what is left out is told while a job runs, and takes no memory with the data.
func TestManyLeftOut(t *testing.T) {
	m := testserver.Start(t, nil)
	l := open(t, Options{Target: target.Options{Addr: m.Addr}, Rename: func(int, format.Kind, []byte) ([]byte, string) { return nil, ReasonConflict }})
	w, err := l.NewWorker(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	s := countedSource{left: 100_000}
	if err := w.Load(t.Context(), Job{Source: &s, Report: func(LeftOut) { s.waiting-- }}); err != nil || s.waiting != 0 || s.most > checkpointBytes/128 {
		t.Errorf("%d were kept at once, %d were never told: %v", s.most, s.waiting, err)
	}
}
