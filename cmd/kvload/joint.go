package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/share"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// jointName is the file in --state that the shares of a load have in common.
const jointName = "load.json"

// maxJoint bounds its size.
const maxJoint = 8 << 20

// A joint load is one that several shares do. Whichever begins first says what it is of, when it has seen what was
// on the target before: those that come later find keys of the others there.
type joint struct {
	Version int       `json:"version"`
	ID      string    `json:"id"` // random
	Shares  int       `json:"shares"`
	Began   time.Time `json:"began"`
	Empty   bool      `json:"empty"` // the target was seen to be empty
	journal.Binding
}

const jointVersion = 1

// readJoint returns what the shares in a store have in common; nil: there are none.
func readJoint(root storage.Store) (*joint, error) {
	data, err := storage.ReadFile(root, jointName, maxJoint)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	jt := &joint{}
	if err := json.Unmarshal(data, jt); err != nil || jt.Shares < 1 || jt.Shares > share.Max || jt.ID == "" {
		return nil, fmt.Errorf("%w: %s is damaged; remove what is in %s, and load again with --on-exists replace", journal.ErrDamaged, root.Path(jointName), root.Path(""))
	}
	if jt.Version != jointVersion {
		return nil, fmt.Errorf("%w: the version of %s is %d, this tool knows %d", journal.ErrDamaged, root.Path(jointName), jt.Version, jointVersion)
	}
	return jt, nil
}

// check compares it with a run at hand.
func (jt *joint) check(b journal.Binding, s share.Share, root string) error {
	if !s.IsAll() && s.Of != jt.Shares {
		return fmt.Errorf("%w: the load in %s was begun in %d shares, and this is one of %d; give what it was begun with, or another place with --state",
			journal.ErrDiffers, root, jt.Shares, s.Of)
	}
	return b.Check(jt.Binding, root)
}

// share returns one of the shares.
func (jt *joint) share(i int) share.Share { return share.Share{Index: i, Of: jt.Shares} }

// join returns what the shares have in common, and says it if none has yet. Look sees whether the target is empty,
// and refuses one that must be and is not.
func join(ctx context.Context, root storage.Store, b journal.Binding, s share.Share, look func(context.Context) (empty bool, err error)) (*joint, error) {
	jt, err := readJoint(root)
	if err != nil {
		return nil, err
	}
	if jt == nil {
		empty, refused := look(ctx)
		if refused == nil {
			jt = &joint{Version: jointVersion, ID: rand.Text(), Shares: s.Of, Began: time.Now().UTC().Truncate(time.Millisecond), Empty: empty, Binding: b}
			data, err := json.Marshal(jt)
			if err == nil {
				err = storage.WriteOnce(root, jointName, append(data, '\n'))
			}
			if err == nil {
				return jt, nil
			}
			if !errors.Is(err, fs.ErrExist) {
				return nil, fmt.Errorf("%w: %w; choose another place with --state", journal.ErrNoPlace, err)
			}
		}
		// Another share was faster. What it has loaded is there only after it said so.
		if jt, err = readJoint(root); err != nil || jt == nil {
			return nil, errors.Join(refused, err)
		}
	}
	return jt, jt.check(b, s, root.Path(""))
}
