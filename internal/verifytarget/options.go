package verifytarget

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verify"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// Options say what is compared, and how.
type Options struct {
	load.Spec

	Report string // file for what differs; empty: none
	// LeftOut is the list of what the load has left out: a file that the user names, or OpenLeftOut
	// opens it. Neither: there is none.
	LeftOut     string
	OpenLeftOut func() (io.ReadCloser, error)

	KeysOnly bool           // type, length and expiry, without the elements
	Sample   *sample.Sample // nil: all keys
	Rounds   int            // each after the first reads again what differed in the one before
	Reverse  bool           // look for keys that only the target has

	Limits pace.Limits // of reading from the target

	some bool // of VerifySome
}

// budget is how many bytes of the target's answers are held at once, over all connections.
const budget = 8 << 20

// Compare returns how a target is compared with a dump that was loaded by the rules.
func Compare(t *target.Target, rules *rewrite.Rules, hll writer.HLLPolicy) verify.Options {
	o := verify.Options{
		Refuses: t.Refuses, NoZeroSign: !t.KeepsZeroSign(), Expire: rules.ExpireFunc(), Budget: archive.NewMemory(budget),
		Clock: func() time.Time { return time.Now().Add(t.ClockOffset) },
	}
	if !t.KeepsMilliseconds() {
		o.RoundedMs = 1000
	}
	o.Name = func(db int, kind format.Kind, key []byte) ([]byte, verify.Class) {
		name, reason := rules.Rename(db, kind, key)
		switch {
		case kind == format.HyperLogLog && hll == writer.LeaveOut, reason == leftout.Prefix:
			return nil, verify.LeftOut
		case reason != "":
			return nil, verify.ConflictLoser
		case rules.IsSuffixed(db, kind, key):
			return name, verify.Renamed
		}
		return name, ""
	}
	return o
}

// readLeftOut reads the list of what the load has left out; nil if there is none.
func (o *Options) readLeftOut() (*leftout.List, error) {
	open, fail := o.OpenLeftOut, func(err error) error { return fmt.Errorf("read what was left out: %w", err) }
	if o.LeftOut != "" {
		open = func() (io.ReadCloser, error) { return os.Open(o.LeftOut) }
		fail = func(err error) error { return exitcode.Usagef("--left-out %s: %w", o.LeftOut, err) }
	}
	if open == nil {
		return nil, nil
	}
	f, err := open()
	if errors.Is(err, fs.ErrNotExist) && o.LeftOut == "" {
		return nil, nil
	}
	if err != nil {
		return nil, fail(err)
	}
	defer f.Close()
	list, err := leftout.ReadList(f)
	if err != nil {
		return nil, fail(err)
	}
	return list, nil
}

// sayState says if the journal knows why the target differs, but for the deltas of a chain.
func (o *Options) sayState(ctx context.Context, chain bool, log io.Writer) error {
	l := o.Location()
	status, err := l.Status(ctx, l.AsNode())
	if err != nil {
		return err
	}
	if id := status.Identity(); id == nil || id.Dump != o.ID {
		return nil
	}
	why, later, err := status.Differs(ctx)
	if later != nil && !chain {
		o.SayBehind(ctx, later, status.Root, log)
	}
	if err != nil || why == "" {
		return err
	}
	if errors.Is(status.Complete(), loadstate.ErrUnfinished) {
		o.Summary.Instead = []string{"kvload load", "--resume"}
		if !status.Shards[0].IsAll() {
			o.Summary.Instead = append(o.Summary.Instead, "--shard", fmt.Sprintf("I/%d", len(status.Shards)))
		}
	}
	fmt.Fprintf(log, "warning: by the journal in %s %s\n", status.Root, why)
	o.Summary.Note("by the journal " + why)
	return nil
}

// recall finds in the journal of the load when it began, for rules that go by that.
func (o *Options) recall(ctx context.Context, rules *rewrite.Rules, m *format.Manifest) error {
	if !rules.TTL.GoesByBegin() {
		return nil
	}
	path, b, err := o.Location().Identity(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: --ttl shift and --ttl-min go by the time when the load began, and %s holds no journal of it: give the --state of the load",
			exitcode.ErrRefused, path)
	case err != nil:
		return err
	case b.Dump != m.Dump:
		return fmt.Errorf("%w: %s holds the journal of the load of another dump: give the --state of the load", exitcode.ErrRefused, path)
	}
	load.Begin(rules, b, m)
	return rules.CheckRecorded(b.Settings, path)
}
