package format

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// dumpFormat is the value of "format" in dump.json and manifest.json.
const dumpFormat = "pika2kvrocks dump"

// InfoName is the name of the file that is written first in a dump.
const InfoName = "dump.json"

// Info is dump.json: what a dump is of, written before anything else of it (docs/FORMAT.md §6.2).
type Info struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	Dump    string    `json:"dump"` // id: 32 hexadecimal digits, drawn at random
	Tool    string    `json:"tool"` // name and version of the program
	Started time.Time `json:"started"`
	Source  Source    `json:"source"`
	Options Options   `json:"options"`
	Delta   *Delta    `json:"delta,omitempty"` // nil: a full dump
}

// Source is the server that was dumped, as it was when the dump began. It never holds credentials.
type Source struct {
	Address         string           `json:"address"`
	Server          string           `json:"server"`  // pika
	Version         string           `json:"version"` // as the server calls itself
	RunID           string           `json:"run_id,omitempty"`
	ProcessID       string           `json:"process_id,omitempty"`
	Role            string           `json:"role"`
	Link            string           `json:"link,omitempty"` // of a replica to its master: up or down
	Databases       int              `json:"databases"`
	ClockDifference int64            `json:"clock_difference_ms"` // source minus dumping host
	WriteBinlog     string           `json:"write_binlog"`        // yes, no or unknown
	Binlog          []BinlogPosition `json:"binlog"`
}

// BinlogPosition is how far the binlog of a database was written.
type BinlogPosition struct {
	DB     int   `json:"db"`
	File   int64 `json:"file"`
	Offset int64 `json:"offset"`
}

// PositionOf returns the position of a database; false: there is none.
func PositionOf(all []BinlogPosition, db int) (BinlogPosition, bool) {
	i := slices.IndexFunc(all, func(p BinlogPosition) bool { return p.DB == db })
	if i < 0 {
		return BinlogPosition{}, false
	}
	return all[i], true
}

// Before reports whether p, of the same database, is an earlier position than q.
func (p BinlogPosition) Before(q BinlogPosition) bool {
	return p.File < q.File || p.File == q.File && p.Offset < q.Offset
}

// Contradicts returns why now, which is seen later at the same address, cannot be the Pika that s
// is; nil if it can. A binlog goes on behind a restart, which changes the run id. It never goes
// back, unless all data are replaced (docs/SERVERS.md P9).
func (s *Source) Contradicts(now *Source) error {
	for _, was := range s.Binlog {
		for _, is := range now.Binlog {
			if is.DB == was.DB && is.Before(was) {
				return fmt.Errorf("the binlog of db%d was at %d %d and now is at %d %d, and never goes back on the same Pika", is.DB, was.File, was.Offset, is.File, is.Offset)
			}
		}
	}
	switch {
	case now.RunID == s.RunID:
	case now.Replica() != s.Replica():
		return fmt.Errorf("the run id has changed, and the role from %q to %q", s.Role, now.Role)
	case len(now.Binlog) != len(s.Binlog):
		return fmt.Errorf("the run id has changed, and the number of binlogs from %d to %d", len(s.Binlog), len(now.Binlog))
	}
	return nil
}

// Replica reports whether the server takes its data from a master. Its role is "slave", and
// "master&&slave" as long as it has replicas of its own (docs/SERVERS.md P18).
func (s *Source) Replica() bool { return strings.Contains(s.Role, "slave") }

// Options says which part of the source the dump covers.
type Options struct {
	Databases []int  `json:"databases"`
	Types     []Type `json:"types"`
	Match     string `json:"match,omitempty"` // glob that keys matched; empty: all
	// Sample is the share of the keys that was taken, and LimitKeys how many of each
	// database and type at most: for trials. 0: all.
	Sample    float64 `json:"sample,omitempty"`
	LimitKeys int64   `json:"limit_keys,omitempty"`
	Scan      string  `json:"scan"` // how keys were listed: ScanRange or ScanCursor
}

// The values of Options.Scan.
const (
	ScanRange  = "range"  // by key range: what was done can be gone on from
	ScanCursor = "cursor" // by a cursor that the server keeps: only in one go
)

// NewInfo returns the Info of a new full dump, with an id of its own.
func NewInfo(tool string, started time.Time, source Source, options Options) Info {
	var id [16]byte
	rand.Read(id[:]) // never fails
	options.Scan = cmp.Or(options.Scan, ScanRange)
	return Info{dumpFormat, Version1, hex.EncodeToString(id[:]), tool, started.UTC().Truncate(time.Millisecond), source, options, nil}
}

// Marshal returns the bytes of dump.json.
func (in *Info) Marshal() ([]byte, error) { return marshal(InfoName, in) }

// ParseInfo reads dump.json.
func ParseInfo(data []byte) (*Info, error) {
	return unseal[Info](data, InfoName, dumpFormat, Version2)
}

func (in *Info) validate() error {
	switch {
	case in.Format != dumpFormat || in.Version != Version1 && in.Version != Version2:
		return fmt.Errorf("%w %d of format %q", ErrVersion, in.Version, in.Format)
	case !dumpID.MatchString(in.Dump):
		return fmt.Errorf("dump id %q is not 32 hexadecimal digits", short([]byte(in.Dump)))
	case len(in.Options.Databases) == 0 || len(in.Options.Types) == 0:
		return errors.New("a dump of no databases or no types")
	case in.Options.Scan != ScanRange && in.Options.Scan != ScanCursor:
		return fmt.Errorf("unknown way to list keys %q", short([]byte(in.Options.Scan)))
	case !(in.Options.Sample >= 0 && in.Options.Sample <= 1) || in.Options.LimitKeys < 0:
		return errors.New("the sample is not between 0 and 1, or the limit negative")
	case !utf8.ValidString(in.Options.Match): // JSON cannot hold it
		return fmt.Errorf("the pattern %q is no UTF-8", short([]byte(in.Options.Match)))
	}
	for i, t := range in.Options.Types {
		if _, err := ParseType(string(t)); err != nil {
			return err
		}
		if slices.Contains(in.Options.Types[:i], t) {
			return fmt.Errorf("type %s is named twice", t)
		}
	}
	last := -1
	for _, db := range in.Options.Databases {
		switch {
		case db < 0 || db > MaxDatabase:
			return fmt.Errorf("database %d: %w", db, ErrLimit)
		case db <= last:
			return fmt.Errorf("database %d is out of order or named twice", db)
		}
		last = db
	}
	return in.validateDelta()
}
