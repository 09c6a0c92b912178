// Package dumpreport shows what is in a dump, as it was counted by package stats.
//
//	s, err := stats.Run(ctx, stats.Options{Archive: a, Workers: 2})
//	dumpreport.Text(os.Stdout, s, columns)
//
// It reads no records: only what was counted, the lists, and the journals of loads.
package dumpreport

import (
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/stats"
)

// Page is what a page shows.
type Page struct {
	Stats    *stats.Stats
	Manifest *format.Manifest
	Place    string // where the dump is, without what is secret
	Tool     string // that makes the page, with its version
	Now      time.Time
	Lang     Lang
	// Conflicts and Skipped are some of the names of the dump's lists.
	Conflicts []archive.ConflictKey
	Skipped   []archive.SkippedKey
	Loads     []Load
	Encrypted bool // the dump is
	// Deltas is how many were put above the dump, and Until of when the last one is.
	Deltas int
	Until  time.Time
	// DeltaLoads are the loads of the newest of them.
	DeltaLoads []DeltaLoad
}

// A DeltaLoad is a load of the delta of that number.
type DeltaLoad struct {
	Number int
	Load
}

// A Load is what is known of a load of the dump.
type Load struct {
	Place         string // of its state
	Status        *loadstate.Status
	Verifications []loadstate.Verification
}

// A maker makes what a page shows, as page.html asks for it.
type maker struct {
	*Page
	s *stats.Stats
}

func (m *maker) say(text string, args ...any) string { return m.Lang.say(text, args...) }

// count writes a number with what it counts.
func (m *maker) count(n int64, one, many string) string {
	if m.Lang == Chinese {
		return m.say("%s of "+many, progress.Count(n))
	}
	return progress.Plural(n, one, many)
}

// meaning says what a reason or a kind of difference means.
func (m *maker) meaning(table map[string]string, reason string) string {
	if m.Lang == Chinese {
		if zh, ok := chinese().Meanings[reason]; ok {
			return zh
		}
	}
	return table[reason]
}
