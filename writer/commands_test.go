package writer

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
)

// parts cuts a record of a collection into two parts.
func parts(first, last format.Record) []format.Record {
	first.Part, last.Part = format.PartFirst, format.PartLast
	return []format.Record{first, last}
}

func expiring(r format.Record, at int64) format.Record {
	r.Expire = at
	return r
}

func TestCommands(t *testing.T) {
	subnormal := 4.9e-324
	streamState := &format.StreamState{LastID: id(5, 0), MaxDeletedID: id(3, 0), EntriesAdded: 7}
	for _, tc := range []struct {
		name    string
		options Options
		records []format.Record
		want    []string
	}{
		{"one string", Options{}, []format.Record{str("a", "1", 0)}, []string{"SET a 1"}},
		{"strings go together", Options{}, []format.Record{str("a", "1", 0), str("b", "2", farFuture), str("c", "3", 0)},
			[]string{"SET b 2 PXAT 4102444800123", "MSET a 1 c 3"}},
		{"a long string goes alone", Options{}, []format.Record{str("a", strings.Repeat("x", 4096), 0), str("b", "1", 0), str("c", "2", 0)},
			[]string{"SET a " + strings.Repeat("x", 4096), "MSET b 1 c 2"}},
		{"strings with skip", Options{OnExists: Skip}, []format.Record{str("a", "1", 0), str("b", "2", 0)},
			[]string{"EXISTS a", "EXISTS b", "SET a 1", "SET b 2"}},
		{"string in parts", Options{JoinBytes: 1}, append(parts(str("a", "12", 0), str("a", "345", 0)), str("b", "1", 0)),
			[]string{"SET a 12", "APPEND a 345", "SET b 1"}},
		{"string in parts with an expiry", Options{OnExists: Replace, JoinBytes: 1}, parts(str("a", "12", farFuture), str("a", "345", farFuture)),
			[]string{"SET a 12 PXAT 4102444800123", "APPEND a 345", "PEXPIREAT a 4102444800123"}},
		{"string in parts that fit one command", Options{}, append(parts(str("a", "12", farFuture), str("a", "345", farFuture)), str("b", "1", 0)),
			[]string{"SET a 12345 PXAT 4102444800123", "SET b 1"}},
		{"a last part without bytes", Options{JoinBytes: 1}, parts(str("a", "12", 0), str("a", "", 0)), []string{"SET a 12"}},
		{"hash", Options{}, []format.Record{whole(format.Hash, "h", "f", "v", "g", "w")}, []string{"HSET h f v g w"}},
		{"hash with an expiry", Options{OnExists: Replace}, []format.Record{expiring(whole(format.Hash, "h", "f", "v"), farFuture)},
			[]string{"DEL h", "HSET h f v", "PEXPIREAT h 4102444800123"}},
		{"pieces by elements", Options{CommandElements: 2}, []format.Record{expiring(whole(format.Set, "s", "a", "b", "c", "d", "e"), farFuture)},
			[]string{"SADD s a b", "PEXPIREAT s 4102444800123", "SADD s c d", "SADD s e", "PEXPIREAT s 4102444800123"}},
		{"pieces by bytes", Options{CommandBytes: 60}, []format.Record{whole(format.List, "l", strings.Repeat("x", 40), "b", "c", strings.Repeat("y", 99), "d")},
			[]string{"RPUSH l " + strings.Repeat("x", 40), "RPUSH l b c", "RPUSH l " + strings.Repeat("y", 99), "RPUSH l d"}},
		{"list in parts", Options{OnExists: Replace}, parts(whole(format.List, "l", "a", "b"), whole(format.List, "l", "c")),
			[]string{"DEL l", "RPUSH l a b", "RPUSH l c"}},
		{"scores", Options{}, []format.Record{zset("z", []float64{1, 2.5, math.Inf(-1), math.Inf(1), 0.1, math.Copysign(0, -1), 1e308, 9007199254740993, 1e21},
			"one", "two", "neg", "pos", "tenth", "zero", "big", "exact", "e")},
			[]string{"ZADD z 1 one 2.5 two -inf neg inf pos 0.1 tenth -0 zero 1e+308 big 9.007199254740992e+15 exact 1e+21 e"}},
		{"scores that may be refused", Options{}, []format.Record{zset("z", []float64{math.NaN(), 1, subnormal, 2}, "nan", "one", "sub", "two")},
			[]string{"ZADD z 1 one 2 two", "ZADD z nan nan", "ZADD z 5e-324 sub"}},
		{"only such scores, with an expiry", Options{}, []format.Record{expiring(zset("z", []float64{math.NaN(), subnormal}, "nan", "sub"), farFuture)},
			[]string{"ZADD z nan nan", "PEXPIREAT z 4102444800123", "ZADD z 5e-324 sub", "PEXPIREAT z 4102444800123", "PEXPIREAT z 4102444800123"}},
		{"stream", Options{OnExists: Replace}, []format.Record{{Kind: format.Stream, Key: b("x"), Expire: farFuture, Part: format.PartWhole,
			Entries: []format.Entry{{ID: id(1, 1), Fields: bs("a", "b")}, {ID: id(math.MaxUint64, 0), Fields: bs("c", "d", "c", "e")}}, State: streamState}},
			[]string{"DEL x", "XADD x 1-1 a b", "PEXPIREAT x 4102444800123", "XADD x 18446744073709551615-0 c d c e",
				"XSETID x 5-0 ENTRIESADDED 7 MAXDELETEDID 3-0", "PEXPIREAT x 4102444800123"}},
		{"stream without entries", Options{}, []format.Record{{Kind: format.Stream, Key: b("x"), Part: format.PartWhole, State: streamState}},
			[]string{"XSETID x 5-0 ENTRIESADDED 7 MAXDELETEDID 3-0"}},
		{"stream that never had entries", Options{}, []format.Record{{Kind: format.Stream, Key: b("x"), Part: format.PartWhole, State: &format.StreamState{}}},
			[]string{"XGROUP CREATE x kvload 0 MKSTREAM", "XGROUP DESTROY x kvload", "XSETID x 0-0 ENTRIESADDED 0 MAXDELETEDID 0-0"}},
		{"hyperloglog as string", Options{HyperLogLog: AsString}, []format.Record{{Kind: format.HyperLogLog, Key: b("p"), Value: b("HYLL"), Part: format.PartWhole}},
			[]string{"SET p HYLL"}},
		{"renamed", Options{Rename: func(_ int, _ format.Kind, key []byte) ([]byte, string) { return append(b("new:"), key...), "" }},
			[]format.Record{str("a", "1", 0), whole(format.List, "l", "x"), str("c", "3", 0)},
			[]string{"RPUSH new:l x", "MSET new:a 1 new:c 3"}},
		{"no more than a batch", Options{BatchCommands: 3}, []format.Record{whole(format.Hash, "h", "f", "v"), whole(format.Hash, "i", "f", "v")},
			[]string{"HSET h f v", "HSET i f v"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := testserver.Start(t, func(cmd []string) (string, bool) {
				switch cmd[0] {
				case "XGROUP":
					if cmd[1] == "CREATE" {
						return "+OK\r\n", true
					}
					return ":1\r\n", true
				case "ZADD": // what a Kvrocks refuses is sent, too
					return fmt.Sprintf(":%d\r\n", len(cmd)/2-1), true
				case "PEXPIREAT":
					return ":1\r\n", true
				case "XSETID":
					return "+OK\r\n", true
				}
				return "", false
			})
			tc.options.Target.Addr = f.Addr
			s, left := mustLoad(t, tc.options, tc.records...)
			if got := f.Commands(); !slices.Equal(got, tc.want) {
				t.Errorf("sent\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(tc.want, "\n  "))
			}
			if len(left) != 0 || s.Commands != int64(len(tc.want)) {
				t.Errorf("%d commands counted, left out %v", s.Commands, left)
			}
			var keys, elements int64
			for i := range tc.records {
				elements += int64(tc.records[i].Elements())
				keys += int64(tc.records[i].Part & format.PartLast / format.PartLast)
			}
			if s.Keys != keys || s.Elements != elements {
				t.Errorf("%d keys and %d elements counted, want %d and %d", s.Keys, s.Elements, keys, elements)
			}
		})
	}
}

// TestAppendScore: the shortest text that gives the same number back.
func TestAppendScore(t *testing.T) {
	for score, want := range map[float64]string{
		0: "0", math.Copysign(0, -1): "-0", 0.1: "0.1", -1.5: "-1.5", math.MaxFloat64: "1.7976931348623157e+308",
		math.Inf(1): "inf", math.Inf(-1): "-inf", 123456789: "1.23456789e+08",
	} {
		if got := string(appendScore(nil, score)); got != want {
			t.Errorf("score %v is written %q, want %q", score, got, want)
		}
	}
	if got := string(appendScore(nil, math.NaN())); got != "nan" {
		t.Errorf("NaN is written %q", got)
	}
}

func TestCheckedOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"batch":       {BatchBytes: -1},
		"command":     {CommandElements: maxCommandElems + 1},
		"on exists":   {OnExists: 7},
		"hyperloglog": {HyperLogLog: -1},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := o.checked(); err == nil {
				t.Error("these options are taken")
			}
		})
	}
	o, err := Options{}.checked()
	if err != nil || o.BatchBytes != 64<<10 || o.BatchCommands != 512 || o.CommandBytes != 512<<10 || o.CommandElements != 512 {
		t.Errorf("defaults: %+v, %v", o, err)
	}
}

func TestParse(t *testing.T) {
	for _, e := range []OnExists{Fail, Skip, Replace} {
		if got, err := ParseOnExists(e.String()); got != e || err != nil {
			t.Errorf("%s parses as %s, %v", e, got, err)
		}
	}
	for _, p := range []HLLPolicy{LeaveOut, AsString} {
		if got, err := ParseHLLPolicy(p.String()); got != p || err != nil {
			t.Errorf("%s parses as %s, %v", p, got, err)
		}
	}
	if _, err := ParseOnExists("Fail"); err == nil {
		t.Error("Fail parses")
	}
	if _, err := ParseHLLPolicy(""); err == nil {
		t.Error("an empty policy parses")
	}
}
