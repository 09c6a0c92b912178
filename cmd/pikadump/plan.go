package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// A forecast is what pikadump plan says of a dump that was not made. Figures of keys are
// estimates from a sample.
type forecast struct {
	Source      format.Source  `json:"source"`
	Scan        string         `json:"scan"`
	Threads     int            `json:"threads"`
	Types       []typeForecast `json:"types"`
	Keys        int64          `json:"keys"`
	Raw         int64          `json:"raw_bytes"`
	Stored      int64          `json:"stored_bytes"`
	Seconds     float64        `json:"seconds_one_connection"` // at the rate that was measured
	TTL         [6]int64       `json:"expiry_histogram"`       // as expiryNames
	Largest     []largeKey     `json:"largest_seen"`
	Conflicts   int            `json:"conflicts_seen"`
	HyperLogLog int            `json:"hyperloglogs_seen"`
	Sampled     int            `json:"keys_sampled"`
	Warnings    []string       `json:"warnings"`
	// Division is the ranges of keys of so many shares, for dump --plan; nil: none were asked for.
	Division *archive.Division `json:"division,omitempty"`

	sampled []weighted // keys of the database at hand that the dump would hold
}

type typeForecast struct {
	DB       int         `json:"db"`
	Type     format.Type `json:"type"`
	Keys     int64       `json:"keys"`
	Elements int64       `json:"elements"`
	Expiring int64       `json:"expiring"`
	Raw      int64       `json:"raw_bytes"`
	Stored   int64       `json:"stored_bytes"`
	Seconds  float64     `json:"seconds"`
}

type largeKey struct {
	DB     int         `json:"db"`
	Type   format.Type `json:"type"`
	Key    []byte      `json:"key"` // base64
	Length int64       `json:"length"`
	Bytes  int64       `json:"bytes"`
}

// expiryNames name the classes of forecast.TTL.
var expiryNames = [6]string{"never", "within an hour", "within a day", "within a week", "within a month", "later"}

const (
	planPicks         = 24       // subtrees of the key tree that are looked into per type
	planPicksPerShare = 4        // at the least, when keys are divided
	planLeafKeys      = 2        // keys read of each
	planTypes         = 200      // keys per type of which it is asked in how many types their names stand
	planLargest       = 10       // keys shown
	planMeasure       = 20_000   // keys per type that are dumped to nowhere, to measure
	planBytes         = 32 << 20 // and how many bytes of them at most
)

const planDescription = `Reads a sample of the keys and writes nothing: how many keys there are by database and type, how large
they are, when they expire, what a dump would take in bytes and time, and what to know before it. The counts
are estimates: a tree of the key names is walked at random.

EXAMPLES:
   pikadump plan --uri redis://10.0.0.5:9221
   pikadump plan --uri redis://10.0.0.5:9221 --json | jq .keys
   pikadump plan --uri redis://10.0.0.5:9221 --json --shards 8 > plan.json   # for dump --plan plan.json --shard 0/8`

func planAction(c *cli.Context) error {
	if c.Args().Present() {
		return command.Usage("%q is not a flag: the source is given with --uri", c.Args().First())
	}
	o, err := parseSource(c)
	if err != nil {
		return err
	}
	shards := c.Int("shards")
	if c.IsSet("shards") && (shards < 1 || shards > archive.MaxShares) {
		return command.Usage("--shards %d: it is between 1 and %d", shards, archive.MaxShares)
	}
	f, err := makeForecast(c.Context, &o, shards)
	if err != nil {
		return refusedAtOpen(err)
	}
	if c.Bool("json") {
		enc := json.NewEncoder(c.App.Writer)
		enc.SetIndent("", "  ")
		return enc.Encode(f)
	}
	showForecast(c.App.Writer, f)
	return nil
}

// makeForecast samples the source, and divides its keys into so many shares; 0: it does not.
func makeForecast(ctx context.Context, o *dumpOptions, shards int) (*forecast, error) {
	s, err := reader.Open(ctx, o.reader)
	if err != nil {
		return nil, err
	}
	if s.Listing() != "PKSCANRANGE" {
		return nil, fmt.Errorf("%w: plan samples by PKSCANRANGE; dump --sample 1%% can be tried instead, where keys are listed by %s (%s)", reader.ErrRefused, s.Listing(), strings.Join(s.Warnings(), "; "))
	}
	options, err := choose(s, o)
	if err != nil {
		return nil, err
	}
	src := s.Source()
	f := &forecast{Source: src.Source, Scan: format.ScanRange, Threads: threads(o, src), Warnings: append(warnings(src), s.Warnings()...), Types: []typeForecast{}, Largest: []largeKey{}}
	codec, err := format.NewCodec(o.level, 1)
	if err != nil {
		return nil, err
	}
	defer codec.Close()
	if shards > 0 {
		f.Division = &archive.Division{Shares: shards}
	}
	for _, db := range options.Databases {
		for _, t := range options.Types {
			t, err := f.sample(ctx, s, db, t, o.filter.Key())
			if err != nil {
				return nil, err
			}
			if err := t.measure(ctx, s, codec); err != nil {
				return nil, err
			}
			f.Types = append(f.Types, *t)
			f.Keys += t.Keys
			f.Raw += t.Raw
			f.Stored += t.Stored
			f.Seconds += t.Seconds
		}
		if shards > 0 {
			f.Division.Databases = append(f.Division.Databases, archive.DatabaseBounds{DB: db, Bounds: bounds(f.sampled, shards)})
			f.sampled = nil
		}
	}
	return f, nil
}

// sample estimates the figures of one type. The keys that keep (nil: all) reports are what shares are divided by.
func (f *forecast) sample(ctx context.Context, s *reader.Scanner, db int, t format.Type, keep func([]byte) bool) (*typeForecast, error) {
	out := &typeForecast{DB: db, Type: t}
	if t == format.TypeStream && !s.Source().ManyTypes() {
		const text = "streams are not in the forecast: on 4.0 it takes a walk over all keys to list them"
		if !slices.Contains(f.Warnings, text) {
			f.Warnings = append(f.Warnings, text)
		}
		return out, nil
	}
	o := reader.CensusOptions{Picks: planPicks, LeafKeys: planLeafKeys, Types: planTypes, Seed: 1}
	if !s.Source().ManyTypes() { // each probe can walk over keys of other types
		o.Picks /= 3
	}
	if f.Division != nil {
		o.Picks = max(o.Picks, planPicksPerShare*f.Division.Shares)
	}
	var elements, expiring, raw float64
	now := time.Now().UnixMilli() + f.Source.ClockDifference
	keys, err := s.Census(ctx, db, t, o, func(weight float64, k reader.Sampled) error {
		size, n := estimateSize(&k)
		elements += weight * float64(n)
		raw += weight * float64(size)
		if k.Record.Expire != 0 {
			expiring += weight
		}
		f.TTL[expiryClass(k.Record.Expire, now)] += int64(weight + 0.5)
		f.Sampled++
		if k.Types > 1 {
			f.Conflicts++
		}
		if k.Record.Kind == format.HyperLogLog {
			f.HyperLogLog++
		}
		if f.Division != nil && t != format.TypeStream && (keep == nil || keep(k.Record.Key)) {
			f.sampled = append(f.sampled, weighted{slices.Clone(k.Record.Key), weigh(weight, size)})
		}
		f.note(largeKey{db, t, slices.Clone(k.Record.Key), k.Length, size})
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.Keys, out.Elements, out.Expiring, out.Raw = int64(keys+0.5), int64(elements+0.5), int64(expiring+0.5), int64(raw+0.5)
	return out, nil
}

// estimateSize returns the bytes that a sampled key takes as msgpack, and its elements; of a
// large collection by its first piece.
func estimateSize(k *reader.Sampled) (bytes, elements int64) {
	bytes = int64(len(format.AppendRecord(nil, k.Record)))
	n := int64(k.Record.Elements())
	if k.Record.Kind == format.String || k.Record.Kind == format.HyperLogLog {
		return bytes, 1
	}
	if n > 0 && k.Length > n {
		bytes = bytes * k.Length / n
	}
	return bytes, max(n, k.Length)
}

func expiryClass(expire, now int64) int {
	const hour = 3600 * 1000
	switch left := expire - now; {
	case expire == 0:
		return 0
	case left < hour:
		return 1
	case left < 24*hour:
		return 2
	case left < 7*24*hour:
		return 3
	case left < 30*24*hour:
		return 4
	}
	return 5
}

// note keeps the largest keys seen.
func (f *forecast) note(k largeKey) {
	f.Largest = append(f.Largest, k)
	slices.SortStableFunc(f.Largest, func(a, b largeKey) int { return cmp.Compare(b.Bytes, a.Bytes) })
	f.Largest = f.Largest[:min(len(f.Largest), planLargest)]
}

// measure dumps the first keys of the type to nowhere, for the rate and the compression.
func (t *typeForecast) measure(ctx context.Context, s *reader.Scanner, codec *format.Codec) error {
	if t.Keys == 0 {
		return nil
	}
	cw, err := format.NewChunkWriter(io.Discard, codec, format.Header{Dump: fmt.Sprintf("%032d", 0), DB: t.DB, Type: t.Type})
	if err != nil {
		return err
	}
	defer cw.Wait()
	start := time.Now()
	err = s.Scan(ctx, reader.NewPass(t.DB, t.Type, nil, nil), &measure{cw})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	took := time.Since(start).Seconds()
	end, open := cw.Open()
	if !open {
		end = nil
	}
	footer, err := cw.Close(end)
	if err != nil {
		return err
	}
	if n := footer.Stats.Raw; n > 0 {
		t.Stored = int64(float64(t.Raw) * float64(cw.Size()) / float64(n))
		t.Seconds = took * float64(t.Raw) / float64(n)
	}
	return nil
}

// errEnough ends a scan that has measured enough.
var errEnough = errors.New("enough")

// measure is a reader.Sink.
type measure struct{ cw *format.ChunkWriter }

func (m *measure) Record(r *format.Record) error {
	if err := m.cw.Write(r); err != nil {
		return err
	}
	if s := m.cw.Stats(); s.Keys >= planMeasure || s.Raw >= planBytes {
		return errEnough
	}
	return nil
}

func (m *measure) Skip([]byte, reader.Reason, string) error { return nil }

// Drop ends the measuring where what the chunk holds of a key cannot be taken out again.
func (m *measure) Drop([]byte) error {
	if !m.cw.Drop() {
		return errEnough
	}
	return nil
}
