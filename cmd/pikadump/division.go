package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/share"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// A weighted key is one of a sample.
type weighted struct {
	key    []byte
	weight float64 // what it stands for: about bytes
}

// What a sampled key weighs, for each key that it stands for: its bytes, and what it takes to ask for it. A single large
// one says little of others.
const (
	weightOfKey  = 128
	weightAtMost = 64 << 10
)

// weigh returns the weight of a sampled key of size bytes that stands for so many.
func weigh(keys float64, size int64) float64 {
	return keys * float64(weightOfKey+min(size, weightAtMost))
}

// bounds divides a sample of the keys of one database into n parts of about the same weight, and returns the first key
// of each but the first. Of fewer keys than parts, parts are empty.
func bounds(sample []weighted, n int) []archive.Bound {
	slices.SortFunc(sample, func(a, b weighted) int { return bytes.Compare(a.key, b.key) })
	all := 0.0
	for _, k := range sample {
		all += k.weight
	}
	out := make([]archive.Bound, 0, n-1)
	before, at := 0.0, 0
	for i := 1; i < n; i++ {
		for at < len(sample)-1 && before+sample[at].weight/2 < all*float64(i)/float64(n) {
			before += sample[at].weight
			at++
		}
		var key []byte
		if len(sample) > 0 {
			key = sample[at].key
		}
		out = append(out, archive.NewBound(key))
	}
	return out
}

// ownShare is the share of the dump that a run makes; nil: it makes all of it.
type ownShare struct {
	share.Share
	division *archive.Division
}

// shareFlags are the flags by which a share is chosen.
func shareFlags(env func(string) []string) []cli.Flag {
	const many = "Many machines"
	return []cli.Flag{
		&cli.StringFlag{Name: "plan", Usage: "`FILE` that pikadump plan --json --shards N wrote: dump only one of those shares, the same FILE for all", EnvVars: env("plan"), Category: many},
		&cli.StringFlag{Name: "shard", Usage: "the share `I/N`, I from 0 to N-1 (default: the index that the scheduler names: " + share.KubernetesIndex + " or " + share.SlurmIndex + ")", EnvVars: env("shard"), Category: many},
	}
}

// shareFromFlags reads --plan and --shard, and what schedulers say in the environment.
func shareFromFlags(c *cli.Context, getenv func(string) string) (*ownShare, error) {
	path, text := c.String("plan"), c.String("shard")
	if path == "" {
		if text != "" {
			return nil, command.Usage("--shard %s without --plan: the shares are what pikadump plan --json --shards N says: keep it in a file, and give the file to each share", text)
		}
		return nil, nil
	}
	if c.String("out") == "-" {
		return nil, command.Usage("--out - does not go with --shard: the shares write into one directory or bucket")
	}
	for _, not := range []struct{ flag, why string }{
		{"limit-keys", "which keys are the first is known only for all of them together"},
		{"encrypt-to", "shares cannot encrypt yet: dump with one pikadump"},
		{"source-cache-off", "another share may need what this one sets back: set cache-model at the source for the time of all shares"},
		{"require-consistent", "give it to the run that finishes the dump"},
	} {
		if c.IsSet(not.flag) {
			return nil, command.Usage("--%s does not go with --shard: %s", not.flag, not.why)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, command.Usage("--plan: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, format.MaxManifest+1))
	if err == nil && len(data) > format.MaxManifest {
		err = fmt.Errorf("%s is larger than %d bytes: %w", path, format.MaxManifest, format.ErrLimit)
	}
	if err != nil {
		return nil, fmt.Errorf("--plan: %w", err)
	}
	var plan struct{ Division json.RawMessage }
	if err := json.Unmarshal(data, &plan); err != nil {
		return nil, command.Usage("--plan %s: it is not what pikadump plan --json wrote: %w", path, err)
	}
	if plan.Division == nil {
		return nil, command.Usage("--plan %s: it says nothing of shares: make it by pikadump plan --json --shards N", path)
	}
	own := &ownShare{}
	if own.division, err = archive.ParseDivision(plan.Division); err != nil {
		return nil, command.Usage("--plan %s: %w", path, err)
	}
	own.Share, err = share.Parse(text, own.division.Shares, "the plan", getenv)
	return own, err
}

// check refuses sources of which no share can be dumped.
func (o *ownShare) check(s *reader.Scanner, options *format.Options) error {
	if s.ByCursor() {
		return fmt.Errorf("%w: keys are listed by SCAN here, which knows no ranges of keys: dump without --plan and --shard", reader.ErrRefused)
	}
	for _, db := range options.Databases {
		if !o.division.Has(db) {
			return command.Usage("--plan: it does not divide db%d: make the plan with the same --db as the dump", db)
		}
	}
	return nil
}

// gaps returns what the share has to read of a database and type.
func (o *ownShare) gaps(all []archive.Range, db int, t format.Type) (own []archive.Range) {
	whole, some := o.division.Range(o.Index, db, t)
	if !some {
		return nil
	}
	for _, g := range all {
		if r, some := g.Within(whole); some {
			own = append(own, r)
		}
	}
	return own
}
