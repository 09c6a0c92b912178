package leftout

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/keyset"
)

// A List is what a report has as left out: of each key and member a digest, of many in a file. Nil
// has nothing.
type List struct{ set *keyset.Set }

// ReadList reads the report of kvload load. What the rules tell as well is passed over.
func ReadList(r io.Reader) (*List, error) {
	set := keyset.New()
	br := bufio.NewReader(r)
	for n := 1; ; n++ {
		text, err := br.ReadBytes('\n')
		if err == io.EOF && len(text) == 0 {
			break
		}
		if err != nil && err != io.EOF {
			return nil, errors.Join(err, set.Close())
		}
		var line Line
		if err := json.Unmarshal(text, &line); err != nil || line.Reason == "" {
			return nil, errors.Join(fmt.Errorf("line %d is not of a report of kvload load: %w", n, err), set.Close())
		}
		switch line.Reason {
		case HyperLogLog, Conflict, Prefix:
			continue
		}
		if err := set.Add(line.DB, line.Kind, line.Key, line.Member); err != nil {
			return nil, errors.Join(err, set.Close())
		}
	}
	if err := set.Seal(); err != nil {
		return nil, errors.Join(err, set.Close())
	}
	return &List{set}, nil
}

// Holds reports whether a key is left out, or, if member is not nil, a member of it.
func (l *List) Holds(db int, kind format.Kind, key, member []byte) bool {
	return l.set.Holds(db, kind.String(), key, member)
}

// Empty reports whether the list has nothing that the rules do not tell. Nil is empty.
func (l *List) Empty() bool { return l == nil || l.set.Empty() }

// Close frees the file, and returns why answers of Holds may have been wrong. Nil needs none.
func (l *List) Close() error {
	if l == nil {
		return nil
	}
	if err := l.set.Close(); err != nil {
		return fmt.Errorf("the list of what was left out: %w", err)
	}
	return nil
}
