package loadstate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// A Verification is what came of a comparison of the target with the dump: for reports only.
type Verification struct {
	Dump     string    `json:"dump"`
	Target   string    `json:"target"`
	Began    time.Time `json:"began"`
	Ended    time.Time `json:"ended"`
	Shard    string    `json:"shard,omitempty"`     // empty: all
	KeysOnly bool      `json:"keys_only,omitempty"` // without the elements
	Reverse  bool      `json:"reverse,omitempty"`   // with keys that only the target has
	summary.Comparison
}

const (
	verifiedPrefix   = "verified-"
	maxVerification  = 1 << 20
	mostVerification = 20 // that are read: the newest
)

// Keep writes it beside the journal of the load, if that is there.
func (v *Verification) Keep(ctx context.Context, l Location, nodes []string) error {
	root, _, err := l.Find(ctx, nodes)
	if err != nil {
		return err
	}
	store, err := openThere(ctx, root)
	if store == nil || err != nil {
		return err
	}
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	err = storage.WriteFile(store, verifiedPrefix+v.Ended.UTC().Format("20060102T150405.000000")+".json", append(data, '\n'))
	if errors.Is(err, fs.ErrExist) { // another one ended in the same microsecond, and says as much
		return nil
	}
	return err
}

// ReadVerifications returns the newest comparisons of a dump that are kept in a state, in order.
func ReadVerifications(ctx context.Context, root, dump string) (all []Verification, err error) {
	store, err := storage.Open(ctx, root)
	if err != nil {
		return nil, err
	}
	names, err := store.List()
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, verifiedPrefix) })
	for _, name := range names[max(0, len(names)-mostVerification):] {
		data, err := storage.ReadFile(store, name, maxVerification)
		if err != nil {
			return nil, err
		}
		v := Verification{}
		if err := json.Unmarshal(data, &v); err != nil {
			return nil, fmt.Errorf("read %s: %w", store.Path(name), err)
		}
		if v.Dump == dump {
			all = append(all, v)
		}
	}
	return all, nil
}
