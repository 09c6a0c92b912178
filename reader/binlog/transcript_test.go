package binlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestTranscripts: a session says what was said to real masters, byte for byte, and gets out of
// their answers which names were written.
func TestTranscripts(t *testing.T) {
	tellEverything(t)
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			all := transcript(t, version)
			from, items := position(t, all[2].message), 0
			ctx, cancel := context.WithCancel(t.Context())
			m := startMaster(t, func(l *line) error {
				for i, s := range all {
					if i == len(all)-2 { // all pings are answered, the goodbye is next
						cancel()
					}
					f := l.want
					if s.byPika {
						f = l.send
					}
					if err := f(s.message); err != nil {
						return fmt.Errorf("message %d: %w", i, err)
					}
				}
				return nil
			})
			s := m.mustFollow(from)
			written := map[string]bool{}
			for !written["last"] {
				item, err := s.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				items++
				for _, n := range item.Names {
					written[string(n)] = true
				}
			}
			// What the script writes, see testdata/transcripts/README.md.
			want := strings.Fields("a b c bits bo f g h hl hm l l2 last m1 m2 m3 m4 n new:append nosuch s s2 sd si sr su t1 t2 u v z z1 z2 zi zu")
			if version != "3.4.0" {
				want = append(want, "st")
			}
			want = append(want, `bin\x00key`)
			if version != "4.0.1" {
				want = append(want, "m*") // the pattern of PKPATTERNMATCHDEL
			}
			slices.Sort(want)
			if got := slices.Sorted(maps.Keys(written)); !slices.Equal(got, want) {
				t.Errorf("of %d items\ngot  %q\nwant %q", items, got, want)
			}
			if p := s.Positions(); len(p) != 1 || !from.Before(p[0]) {
				t.Errorf("from %v to %v", from, p)
			}
			// Pings are answered, until it is cancelled; it can say goodbye all the same.
			if _, err := s.Next(ctx); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if err := s.Goodbye(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// tellEverything has the commands that lose names told like others: transcripts have them in their
// midst.
func tellEverything(t *testing.T) {
	was := maps.Clone(commands)
	t.Cleanup(func() { commands = was })
	for name, c := range commands {
		c.loses = losesNothing
		commands[name] = c
	}
}

// position returns where a TrySync asks to begin.
func position(t *testing.T, m []byte) (p format.BinlogPosition) {
	field := func(b []byte, want protowire.Number, f func(n uint64, v []byte) error) error {
		return eachField(b, func(num protowire.Number, n uint64, v []byte) error {
			if num == want {
				return f(n, v)
			}
			return nil
		})
	}
	err := field(m[4:], 3, func(_ uint64, try []byte) error {
		return field(try, 3, func(_ uint64, at []byte) error {
			return errors.Join(
				field(at, 1, func(n uint64, _ []byte) error { p.File = int64(n); return nil }),
				field(at, 2, func(n uint64, _ []byte) error { p.Offset = int64(n); return nil }))
		})
	})
	if err != nil || p.Offset == 0 {
		t.Fatal(p, err)
	}
	return p
}

// eachField calls f with each field of a message that is a number or bytes.
func eachField(b []byte, f func(num protowire.Number, n uint64, v []byte) error) error {
	for len(b) > 0 {
		num, typ, size := protowire.ConsumeField(b)
		if size < 0 {
			return fmt.Errorf("%w: %w", errMessage, protowire.ParseError(size))
		}
		_, _, tag := protowire.ConsumeTag(b)
		var n uint64
		var v []byte
		switch typ {
		case protowire.VarintType:
			n, _ = protowire.ConsumeVarint(b[tag:])
		case protowire.BytesType:
			v, _ = protowire.ConsumeBytes(b[tag:])
		}
		if err := f(num, n, v); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}
