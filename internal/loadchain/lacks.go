package loadchain

import (
	"context"
	"fmt"
	"slices"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
)

// lacks says what the deltas up to one list as skipped; empty: nothing. A later one may have it.
func lacks(ctx context.Context, chain string, last int, identities []age.Identity) (string, error) {
	numbers, err := archive.WithSkipped(ctx, chain, last)
	if err != nil || len(numbers) == 0 {
		return "", err
	}
	var all []format.Reason
	list := ""
	for _, n := range numbers {
		a, err := archive.OpenAny(ctx, archive.DeltaPath(chain, n), 1, identities...)
		if err != nil {
			return "", fmt.Errorf("read what delta %d lacks: %w", n, err)
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
		list += " and those of deltas before; what a later delta has is not missing"
	}
	return report.Lacks(fmt.Sprintf("the chain up to delta %d", last), all, list), nil
}
