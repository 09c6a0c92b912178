package dump

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// A Shard is the part of a dump that one of several runs makes.
type Shard struct {
	shard.Shard
	Division *archive.ShardPlan
}

// ReadDivision returns the division of keys in what pikadump plan --json wrote.
func ReadDivision(r io.Reader) (*archive.ShardPlan, error) {
	data, err := io.ReadAll(io.LimitReader(r, format.MaxManifest+1))
	if err != nil {
		return nil, err
	}
	if len(data) > format.MaxManifest {
		return nil, fmt.Errorf("it is larger than %d bytes: %w", format.MaxManifest, format.ErrLimit)
	}
	var plan struct{ Division json.RawMessage }
	if err := json.Unmarshal(data, &plan); err != nil {
		return nil, exitcode.Usagef("it is not what pikadump plan --json wrote: %w", err)
	}
	if plan.Division == nil {
		return nil, exitcode.Usagef("it says nothing of shards: make it by pikadump plan --json --shards N")
	}
	d, err := archive.ParseShardPlan(plan.Division)
	if err != nil {
		return nil, &exitcode.UsageError{Err: err}
	}
	return d, nil
}

// check refuses sources of which no shard can be dumped.
func (d *Shard) check(s *reader.Scanner, options *format.Options) error {
	if s.ByCursor() {
		return fmt.Errorf("%w: keys are listed by SCAN here, which knows no ranges of keys: dump without --plan and --shard", reader.ErrRefused)
	}
	for _, db := range options.Databases {
		if !d.Division.Has(db) {
			return exitcode.Usagef("--plan: it does not divide db%d: make the plan with the same --db as the dump", db)
		}
	}
	return nil
}

// gaps returns what the shard has to read of a database and type, of which no chunk covers all.
func (d *Shard) gaps(all []archive.Range, db int, t format.Type) (own []archive.Range) {
	whole, some := d.Division.Range(d.Index, db, t)
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
