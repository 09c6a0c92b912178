package loadchain

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
)

// sayLacks warns of what the deltas up to one list as skipped. A later one may have it.
func sayLacks(ctx context.Context, s *load.Spec, chain string, last int, log io.Writer) error {
	numbers, err := archive.WithSkipped(ctx, chain, last)
	if err != nil || len(numbers) == 0 {
		return err
	}
	var all []format.Reason
	list := ""
	for _, n := range numbers {
		a, err := archive.OpenAny(ctx, archive.DeltaPath(chain, n), 1, s.Keys.Identities...)
		if err != nil {
			return fmt.Errorf("read what delta %d lacks: %w", n, err)
		}
		if report.Lacks("", a.Manifest.Skipped, "") != "" {
			list = a.SkippedList()
		}
		for _, r := range a.Manifest.Skipped {
			i := slices.IndexFunc(all, func(have format.Reason) bool { return have.Reason == r.Reason })
			if i < 0 {
				i, all = len(all), append(all, format.Reason{Reason: r.Reason})
			}
			all[i].Keys += r.Keys
		}
		a.Close()
	}
	if len(numbers) > 1 {
		list += " and those of deltas before, a key once for each"
	}
	if slices.Min(numbers) < last {
		list += "; what a later delta has is not missing"
	}
	if text := report.Lacks(fmt.Sprintf("the chain up to delta %d", last), all, list); text != "" {
		fmt.Fprintln(log, "warning:", text)
		s.Summary.Note(text)
	}
	return nil
}
