// Package plan forecasts a dump from a sample of the keys, and divides the keys for a dump in
// shards.
//
//	f, err := plan.Make(ctx, plan.Options{Reader: reader.Options{Addr: "10.0.0.5:9221"}, Shards: 8})
//	f.Show(os.Stdout, 0) // or as JSON, whose division dump.ReadDivision reads
//
// It only reads, and keeps nothing: of each type it looks at some places of the key tree, and
// dumps the first keys to nowhere. Figures of keys are estimates.
package plan

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dump"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// A Forecast is what is known of a dump that was not made.
type Forecast struct {
	Source      format.Source  `json:"source"`
	Scan        string         `json:"scan"`
	Threads     int            `json:"threads"`
	Types       []TypeForecast `json:"types"`
	Keys        int64          `json:"keys"`
	Raw         int64          `json:"raw_bytes"`
	Stored      int64          `json:"stored_bytes"`
	Seconds     float64        `json:"seconds_one_connection"` // at the rate that was measured
	TTL         [6]int64       `json:"expiry_histogram"`       // as expiryNames
	Largest     []LargeKey     `json:"largest_seen"`
	Conflicts   int            `json:"conflicts_seen"` // names that exist under several types
	HyperLogLog int            `json:"hyperloglogs_seen"`
	Sampled     int            `json:"keys_sampled"`
	Warnings    []string       `json:"warnings"`
	// Division is the ranges of keys of so many shards, for dump --plan; nil: none were asked for.
	Division *archive.ShardPlan `json:"division,omitempty"`

	sampled   []weighted      // keys of the database at hand that the dump would hold
	conflicts map[string]bool // names of it that exist under several types
}

// A TypeForecast is of one type in one database.
type TypeForecast struct {
	DB       int         `json:"db"`
	Type     format.Type `json:"type"`
	Keys     int64       `json:"keys"`
	Elements int64       `json:"elements"`
	Expiring int64       `json:"expiring"`
	Raw      int64       `json:"raw_bytes"`
	Stored   int64       `json:"stored_bytes"`
	Seconds  float64     `json:"seconds"`
}

// A LargeKey is one of the largest of the sample.
type LargeKey struct {
	DB     int         `json:"db"`
	Type   format.Type `json:"type"`
	Key    []byte      `json:"key"` // base64
	Length int64       `json:"length"`
	Bytes  int64       `json:"bytes"`
}

// expiryNames name the classes of Forecast.TTL.
var expiryNames = [6]string{"never", "within an hour", "within a day", "within a week", "within a month", "later"}

const hour = 3600 * 1000

// expiryEnds is how many ms from now the classes between the first and the last end.
var expiryEnds = []int64{hour, 24 * hour, 7 * 24 * hour, 30 * 24 * hour}

const (
	picks         = 24       // subtrees of the key tree that are looked into per type
	picksPerShard = 4        // at the least, when keys are divided
	leafKeys      = 2        // keys read of each
	typesAsked    = 200      // keys per type of which it is asked in how many types their names stand
	largestShown  = 10       // keys shown
	measuredKeys  = 20_000   // keys per type that are dumped to nowhere, to measure
	measuredBytes = 32 << 20 // and how many bytes of them at most
)

// Options say what is forecast.
type Options struct {
	Reader    reader.Options
	Selection dump.Selection
	Threads   int // of the dump; 0: by the server's thread pool
	Level     format.Level
	Shards    int // ranges into which the keys are divided; 0: they are not
	Cache     dump.CacheSwitch
	// Say is told what is looked at, which can take minutes; nil: nobody is.
	Say func(string)
}

// Make samples the source.
func Make(ctx context.Context, o Options) (*Forecast, error) {
	s, err := dump.Open(ctx, o.Reader)
	if err != nil {
		return nil, err
	}
	var f *Forecast
	err = o.Cache.Run(ctx, s, func() (err error) {
		f, err = sample(ctx, s, &o)
		return err
	})
	return f, err
}

func sample(ctx context.Context, s *reader.Scanner, o *Options) (*Forecast, error) {
	if s.Listing() != "PKSCANRANGE" {
		return nil, fmt.Errorf("%w: plan samples by PKSCANRANGE; dump --sample 1%% can be tried instead, where keys are listed by %s (%s)",
			reader.ErrRefused, s.Listing(), strings.Join(s.Warnings(), "; "))
	}
	options, err := o.Selection.Of(s)
	if err != nil {
		return nil, err
	}
	src := s.Source()
	f := &Forecast{
		Source: src.Source, Scan: format.ScanRange, Threads: dump.Threads(o.Threads, src),
		Warnings: append(dump.Warnings(s, false), dump.Unselected(ctx, s, options.Databases, "plan")...),
		Types:    []TypeForecast{}, Largest: []LargeKey{}, conflicts: map[string]bool{},
	}
	codec, err := format.NewCodec(o.Level, 1)
	if err != nil {
		return nil, err
	}
	defer codec.Close()
	if o.Shards > 0 {
		f.Division = &archive.ShardPlan{Shards: o.Shards}
	}
	begun := time.Now()
	var dbs []string // that hold keys
	for _, db := range options.Databases {
		before := f.Keys
		for _, t := range options.Types {
			if o.Say != nil {
				o.Say(fmt.Sprintf("sampling db%d %s", db, t))
			}
			t, err := f.sample(ctx, s, db, t, o.Selection.Key())
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
		if o.Shards > 0 {
			f.Division.Databases = append(f.Division.Databases, archive.DatabaseBoundaries{DB: db, Bounds: bounds(f.sampled, o.Shards)})
			f.sampled = nil
		}
		if f.Keys > before {
			dbs = append(dbs, fmt.Sprint("db", db))
		}
		f.Conflicts += len(f.conflicts)
		clear(f.conflicts)
	}
	if len(dbs) > 1 {
		f.Warnings = append(f.Warnings, strings.Join(dbs, ", ")+" hold keys: a Kvrocks has namespaces instead, and kvload load needs --map-db or --db")
	}
	if f.Conflicts > 0 {
		f.Warnings = append(f.Warnings, "there are names with several types, which a Kvrocks cannot hold: kvload load needs --on-conflict")
	}
	if f.HyperLogLog > 0 {
		f.Warnings = append(f.Warnings, "there are hyperloglogs, which a Kvrocks cannot hold: kvload load leaves them out (exit code 3), and stores their bytes with --hyperloglog string")
	}
	return f, f.binlogRoom(ctx, s, time.Since(begun))
}

// binlogRoom warns if the source may delete the binlog from where a dump begins before it ends:
// took is the time of the sampling.
func (f *Forecast) binlogRoom(ctx context.Context, s *reader.Scanner, took time.Duration) error {
	if src := s.Source(); !src.Follows() || src.WriteBinlog == "no" {
		return nil
	}
	now, err := s.BinlogPositions(ctx)
	if err != nil {
		return err
	}
	kept, err := s.BinlogKept(ctx)
	if err != nil {
		return err
	}
	room := dump.BinlogRoom{
		Kept: kept, From: now, Before: f.Source.Binlog, After: now, Between: took,
		Left: time.Duration(f.Seconds * float64(time.Second)),
	}
	if text := room.Warning("while it was sampled"); text != "" {
		f.Warnings = append(f.Warnings, text)
	}
	return nil
}

// sample estimates the figures of one type. The keys that keep (nil: all) reports are what shards
// are divided by.
func (f *Forecast) sample(ctx context.Context, s *reader.Scanner, db int, t format.Type, keep func([]byte) bool) (*TypeForecast, error) {
	out := &TypeForecast{DB: db, Type: t}
	if t == format.TypeStream && !s.Source().ManyTypes() {
		const text = "streams are not in the forecast: on 4.0 it takes a walk over all keys to list them"
		if !slices.Contains(f.Warnings, text) {
			f.Warnings = append(f.Warnings, text)
		}
		return out, nil
	}
	o := reader.TreeSampleOptions{Picks: picks, LeafKeys: leafKeys, Types: typesAsked, Seed: 1}
	if !s.Source().ManyTypes() { // each probe can walk over keys of other types
		o.Picks /= 3
	}
	if f.Division != nil {
		o.Picks = max(o.Picks, picksPerShard*f.Division.Shards)
	}
	var elements, raw float64
	var expiry [len(f.TTL)]float64
	now := time.Now().UnixMilli() + f.Source.ClockDifference
	keys, err := s.TreeSample(ctx, db, t, o, func(weight float64, k reader.Sampled) error {
		size, n := estimateSize(&k)
		elements += weight * float64(n)
		raw += weight * float64(size)
		expiry[expiryClass(k.Record.Expire, now)] += weight
		f.Sampled++
		if k.Types > 1 {
			f.conflicts[string(k.Record.Key)] = true
		}
		if k.Record.Kind == format.HyperLogLog {
			f.HyperLogLog++
		}
		if f.Division != nil && t != format.TypeStream && (keep == nil || keep(k.Record.Key)) {
			f.sampled = append(f.sampled, weighted{slices.Clone(k.Record.Key), weigh(weight, size)})
		}
		f.note(LargeKey{db, t, slices.Clone(k.Record.Key), k.Length, size})
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.Keys, out.Elements, out.Raw = int64(keys+0.5), int64(elements+0.5), int64(raw+0.5)
	for class, n := range divide(out.Keys, expiry[:]) {
		f.TTL[class] += n
		if class > 0 {
			out.Expiring += n
		}
	}
	return out, nil
}

// divide divides n in the proportions of parts, into whole numbers that add up to n: keys of a
// sample may be gone before their expiry is read. With no parts all is in the first.
func divide(n int64, parts []float64) []int64 {
	all := 0.0
	for _, p := range parts {
		all += p
	}
	out := make([]int64, len(parts))
	given, upTo := int64(0), 0.0
	for i, p := range parts {
		upTo += p
		if all > 0 {
			out[i] = int64(float64(n)*upTo/all+0.5) - given
			given += out[i]
		}
	}
	out[0] += n - given
	return out
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
	if expire == 0 {
		return 0
	}
	ended, _ := slices.BinarySearch(expiryEnds, expire-now+1)
	return 1 + ended
}

func (f *Forecast) note(k LargeKey) {
	f.Largest = append(f.Largest, k)
	slices.SortStableFunc(f.Largest, func(a, b LargeKey) int { return cmp.Compare(b.Bytes, a.Bytes) })
	f.Largest = f.Largest[:min(len(f.Largest), largestShown)]
}
