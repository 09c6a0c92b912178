package verify

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
)

// TestBound holds the bound against published values of Clopper and Pearson's one-sided limit.
func TestBound(t *testing.T) {
	for _, c := range []struct {
		n, differ int64
		want      float64
	}{
		{0, 0, 1}, {5, 5, 1}, {200_000, 0, 1.498e-5}, {59, 0, 0.04951}, {10, 1, 0.39416}, {100, 5, 0.10225}, {1_000_000, 100_000, 0.100494},
	} {
		if got := Bound(c.n, c.differ); math.Abs(got-c.want) > 0.0005*c.want {
			t.Errorf("%d of %d: %g, want %g", c.differ, c.n, got, c.want)
		}
	}
	var b bytes.Buffer
	tally := &Tally{keys: 200_000}
	tally.Summary(&b, &sample.Sample{})
	if want := "0 of 200,000 sampled keys differ: with 95 % confidence fewer than 0.0015 % of all do\nthe sample is equal\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

// TestSampled: a sample compares the same keys each time, and no others.
func TestSampled(t *testing.T) {
	s, err := sample.Parse("10%")
	if err != nil {
		t.Fatal(err)
	}
	var dump []*format.Record
	for i := range 1000 {
		dump = append(dump, str(fmt.Sprintf("key:%05d", i), "x"))
	}
	found, tally := check(t, Options{Sample: s}, holding(), dump)
	if int64(len(found)) != tally.Keys() || len(found) < 50 || len(found) > 150 {
		t.Errorf("%d keys compared, %d differ", tally.Keys(), len(found))
	}
	for key := range found {
		if !s.Holds([]byte(key)) {
			t.Errorf("%s is not of the sample", key)
		}
	}
}

func TestLeftOutList(t *testing.T) {
	const report = `{"db":0,"kind":"zset","key":"eg==","name":"\"z\"","reason":"refused","member":"bQ=="}
{"db":1,"kind":"list","key":"bA==","name":"\"l\"","reason":"refused"}
{"db":1,"kind":"hyperloglog","key":"aA==","name":"\"h\"","reason":"hyperloglog"}
`
	for _, most := range []int{1, 2, mostDigests} { // in memory
		set := newDigestSet()
		set.most = most
		l, err := readLeftOut(strings.NewReader(report), set)
		if err != nil {
			t.Fatal(err)
		}
		if (set.f != nil) != (most == 1) {
			t.Errorf("with %d in memory: file %v", most, set.f)
		}
		checkLeftOut(t, l)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"x", "{}\n", `{"class":"missing","key":"eg=="}`} {
		if _, err := ReadLeftOut(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

func checkLeftOut(t *testing.T, l *LeftOutList) {
	t.Helper()
	for _, c := range []struct {
		db          int
		kind        format.Kind
		key, member string
		want        bool
	}{
		{0, format.Zset, "z", "m", true}, {0, format.Zset, "z", "n", false}, {1, format.Zset, "z", "m", false}, {0, format.Set, "z", "m", false},
		{0, format.Zset, "z", "", false}, {1, format.List, "l", "", true}, {1, format.HyperLogLog, "h", "", false},
	} {
		var member []byte
		if c.member != "" {
			member = []byte(c.member)
		}
		if got := l.Holds(c.db, c.kind, []byte(c.key), member); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestKeySet: what does not fit into memory is found in a file, and nothing else is.
func TestKeySet(t *testing.T) {
	for _, n := range []int{0, 1, 99, 100, 101, 5000} {
		s := NewKeySet()
		s.set.most = 100
		for i := range n {
			if err := s.Add(i%3, fmt.Append(nil, i*2)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Seal(); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if !s.Holds(i%3, fmt.Append(nil, i*2)) || s.Holds(i%3, fmt.Append(nil, i*2+1)) || s.Holds(3, fmt.Append(nil, i*2)) {
				t.Errorf("of %d, %d", n, i)
			}
		}
		if s.set.f != nil {
			s.set.f.Close()
			if s.Holds(0, []byte("0")); s.Close() == nil {
				t.Error("a file that cannot be read is not told")
			}
		}
	}
}
