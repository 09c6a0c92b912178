package serversettings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// A File says what settings were before a run changed them. It is there from before the first is
// changed until all are set back.
type File struct {
	Store storage.Store
	Name  string
	Side  string   // "source" or "target": whose they are
	Names []string // of the settings that can stand in it
}

// String says where it is.
func (f File) String() string { return f.Store.Path(f.Name) }

// Read returns what a run has left changed; nil if nothing.
func (f File) Read() ([]Change, error) {
	data, err := storage.ReadFile(f.Store, f.Name, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var left []Change
	if err == nil {
		left, err = parse(data)
	}
	for _, c := range left {
		if err == nil && (!slices.Contains(f.Names, c.Name) || c.Was == "" || c.Set == "") {
			err = fmt.Errorf("it names a setting %q", c.Name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s does not say what settings of the %s were: set %s to what should be, and remove the file: %w",
			exitcode.ErrRefused, f, f.Side, strings.Join(f.Names, " and "), err)
	}
	return left, nil
}

// parse reads the list of changes, or the one setting of a source that builds before December
// 2026 wrote.
func parse(data []byte) (left []Change, err error) {
	if !bytes.HasPrefix(data, []byte("{")) {
		return left, json.Unmarshal(data, &left)
	}
	var one struct{ Source, Name, Value string }
	err = json.Unmarshal(data, &one)
	return []Change{{one.Source, one.Name, one.Value, "0"}}, err
}

func (f File) remove() error { return f.Store.Remove(f.Name) }

// Remind says what an earlier run has left changed, for a run that ends before it can set it back.
func (f File) Remind(log io.Writer) {
	left, err := f.Read()
	if err != nil {
		fmt.Fprintf(log, "an earlier run changed settings of the %s: %v\n", f.Side, err)
	}
	for _, c := range left {
		fmt.Fprintf(log, "an earlier run changed %s of %s %s from %s to %s, and nothing has set it back\n", c.Name, f.Side, c.Address, c.Was, c.Set)
	}
}
