package merge

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

func newKeys(t *testing.T) encryption.Keys {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return encryption.Keys{Recipients: []age.Recipient{id.Recipient()}, Identities: []age.Identity{id}}
}

// run is Run that sees that it says whether the dump lacks keys, and takes that for no error.
func run(ctx context.Context, t *testing.T, o Options) (*Result, error) {
	r, err := Run(ctx, o)
	if r == nil || r.Manifest == nil {
		return r, err
	}
	if lost, _ := report.Lost(r.Manifest.Skipped); lost > 0 != exitcode.IsEnd(err) {
		t.Errorf("%d keys are lacking, and %v", lost, err)
	} else if lost > 0 {
		err = nil
	}
	return r, err
}

// TestMerge: what random chains amount to, on a disk and in a bucket, encrypted or not, short ones
// and such as are merged in rounds, is what a full dump of the source would hold.
func TestMerge(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	bucket := s3server.Start(t)
	for seed, tc := range []struct {
		deltas int
		where  string
		keys   encryption.Keys
	}{
		{deltas: 1}, {deltas: 3}, {deltas: 12}, {deltas: 2}, {deltas: 9, keys: newKeys(t)}, {deltas: 3, keys: newKeys(t)}, {deltas: 3, where: bucket.URL("one")}, {deltas: 2, where: bucket.URL("two"), keys: newKeys(t)},
	} {
		where := tc.where
		if where == "" {
			where = t.TempDir()
		}
		c := newChain(t, uint64(seed), tc.deltas, where, tc.keys)
		out := filepath.Join(t.TempDir(), "out")
		if tc.where != "" {
			out = bucket.URL("out" + string(rune('a'+seed)))
		}
		r, err := run(t.Context(), t, c.options(out))
		if err != nil {
			t.Fatalf("%d: %v", seed, err)
		}
		m := c.is(out)
		last := c.deltas[len(c.deltas)-1]
		if len(r.Deltas) != tc.deltas || r.Rest != 0 || r.Done || r.Base != c.first.Dump || r.Manifest.Dump != m.Dump {
			t.Errorf("%d: %+v", seed, r)
		}
		if m.Version != format.Version1 || m.Dump != format.MergedID(c.first.Dump, last.Dump) || !reflect.DeepEqual(m.Source.Binlog, last.Delta.To) || !reflect.DeepEqual(m.BinlogAfter, last.BinlogAfter) ||
			!m.Started.Equal(last.Delta.Until.Add(-250*time.Millisecond)) || !reflect.DeepEqual(m.Options, c.first.Options) || m.Consistency.Statement != format.NoWrites {
			t.Errorf("%d: its manifest is %+v, %+v", seed, m.Info, m.Consistency)
		}
		if t.Failed() {
			t.Fatalf("chain %d, of %d deltas", seed, tc.deltas)
		}
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestAgain: a chain behind a merged dump is merged with it, and so on.
func TestAgain(t *testing.T) {
	c := newChain(t, 11, 2, t.TempDir(), encryption.Keys{})
	for range 3 {
		out := filepath.Join(t.TempDir(), "out")
		if _, err := run(t.Context(), t, c.options(out)); err != nil {
			t.Fatal(err)
		}
		c.first = c.is(out)
		c.base, c.dir, c.deltas = out, filepath.Join(t.TempDir(), "chain"), nil
		for range 2 {
			c.delta()
		}
	}
}

// TestStopped: a run that is stopped behind any chunk is continued by the next, to the same dump,
// which takes only the deltas that there were then. One that is finished is left alone.
func TestStopped(t *testing.T) {
	for _, keys := range []encryption.Keys{{}, newKeys(t)} {
		c := newChain(t, 21, 3, t.TempDir(), keys)
		out := filepath.Join(t.TempDir(), "out")
		taken := 0
		for stopAt := 1; ; stopAt += 2 {
			ctx, stop := context.WithCancelCause(t.Context())
			var log bytes.Buffer
			o := c.options(out)
			o.Log = &log
			sealed := 0
			o.Archive.Sealed = func() {
				if sealed++; sealed == stopAt {
					stop(context.DeadlineExceeded)
				}
			}
			r, err := run(ctx, t, o)
			if strings.Contains(log.String(), "there already: ") {
				taken++
			}
			if err == nil {
				if r.Done || taken < 3 {
					t.Errorf("done %v, %d runs have taken up chunks", r.Done, taken)
				}
				break
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
		}
		was := c.is(out)
		r, err := run(t.Context(), t, c.options(out))
		if err != nil || !r.Done || !reflect.DeepEqual(r.Manifest, was) {
			t.Errorf("a finished one: %v, %+v", err, r)
		}

		more := filepath.Join(t.TempDir(), "more")
		ctx, stop := context.WithCancelCause(t.Context())
		o := c.options(more)
		o.Archive.Sealed = func() { stop(context.DeadlineExceeded) }
		if _, err := run(ctx, t, o); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		c.delta()
		if _, err := run(t.Context(), t, c.options(out)); !errors.Is(err, archive.ErrExists) || !strings.Contains(err.Error(), "of the first 3 deltas") {
			t.Errorf("a merge of fewer deltas is overwritten: %v", err)
		}
		var log bytes.Buffer
		o = c.options(more)
		o.Log = &log
		r, err = run(t.Context(), t, o)
		if err != nil || len(r.Deltas) != 3 || r.Rest != 1 || !strings.Contains(log.String(), "first 3 deltas") {
			t.Fatalf("%v, %+v, %s", err, r, &log)
		}
		if m := r.Manifest; m.Dump != was.Dump || !reflect.DeepEqual(m.Source, was.Source) || !m.Started.Equal(was.Started) {
			t.Errorf("it is %+v, not %+v", m.Info, was.Info)
		}
	}
}

// TestRefused: what does not go together is refused, and nothing is written.
func TestRefused(t *testing.T) {
	c, other := newChain(t, 30, 3, t.TempDir(), encryption.Keys{}), newChain(t, 32, 1, t.TempDir(), encryption.Keys{})
	secret := newChain(t, 34, 1, t.TempDir(), newKeys(t))
	part := newChain(t, 36, 2, t.TempDir(), encryption.Keys{})
	remove := func(parts ...string) {
		if err := os.RemoveAll(filepath.Join(parts...)); err != nil {
			t.Fatal(err)
		}
	}
	unfinished := newChain(t, 38, 1, t.TempDir(), encryption.Keys{})
	remove(unfinished.dir, "000001", format.ManifestName)
	gap := newChain(t, 40, 3, t.TempDir(), encryption.Keys{})
	remove(gap.dir, "000002")
	damaged := newChain(t, 42, 2, t.TempDir(), encryption.Keys{})
	lost := damaged.deltas[1].Chunks[0].Name
	remove(damaged.dir, "000002", lost)
	broken := newChain(t, 44, 2, t.TempDir(), encryption.Keys{})
	remove(broken.base, broken.first.Chunks[2].Name)
	remove(part.dir, "000002", format.ManifestName)
	full := filepath.Join(t.TempDir(), "full")
	if _, err := run(t.Context(), t, c.options(full)); err != nil {
		t.Fatal(err)
	}
	for what, tc := range map[string]struct {
		base, chain, out string
		keys             encryption.Keys
		code             int
		says             string
	}{
		"wrong order":         {c.dir, c.base, "", encryption.Keys{}, exitcode.Usage, "give the full dump first"},
		"two bases":           {c.base, other.base, "", encryption.Keys{}, exitcode.Usage, "neither a chain of deltas nor"},
		"a delta as base":     {archive.DeltaPath(c.dir, 1), c.dir, "", encryption.Keys{}, exitcode.Refused, "this is a delta dump"},
		"another base":        {other.base, c.dir, "", encryption.Keys{}, exitcode.Refused, "000001 does not follow"},
		"no base":             {filepath.Join(t.TempDir(), "no"), c.dir, "", encryption.Keys{}, exitcode.NoDump, "the base: no finished dump"},
		"no chain":            {c.base, filepath.Join(t.TempDir(), "no"), "", encryption.Keys{}, exitcode.Usage, "neither a chain"},
		"no such delta":       {c.base, archive.DeltaPath(c.dir, 9), "", encryption.Keys{}, exitcode.NoDump, "there is no"},
		"nothing finished":    {unfinished.base, unfinished.dir, "", encryption.Keys{}, exitcode.Refused, "has no finished delta"},
		"a gap":               {gap.base, gap.dir, "", encryption.Keys{}, exitcode.Corrupt, "has delta 3, but no delta 2"},
		"a damaged delta":     {damaged.base, damaged.dir, "", encryption.Keys{}, exitcode.Corrupt, lost},
		"a damaged base":      {broken.base, broken.dir, "", encryption.Keys{}, exitcode.Corrupt, "the manifest lists this file, but it is not there"},
		"out is not empty":    {c.base, c.dir, other.base, encryption.Keys{}, exitcode.Refused, "holds another dump"},
		"out is a merge":      {c.base, archive.DeltaPath(c.dir, 2), full, encryption.Keys{}, exitcode.Refused, "holds another dump"},
		"out is in the chain": {c.base, c.dir, archive.DeltaPath(c.dir, 4), encryption.Keys{}, exitcode.Usage, "lies in a chain"},
		"out is the chain":    {c.base, c.dir, c.dir, encryption.Keys{}, exitcode.Refused, "the output is not empty"},
		"no identity":         {secret.base, secret.dir, "", encryption.Keys{}, exitcode.Auth, "--identity FILE"},
		"no recipient":        {secret.base, secret.dir, "", encryption.Keys{Identities: secret.keys.Identities}, exitcode.Usage, "give --encrypt-to RECIPIENT, or --plain"},
	} {
		o := c.options(tc.out)
		if tc.out == "" {
			o.Out = filepath.Join(t.TempDir(), "out")
		}
		o.Base, o.Chain, o.Archive.Keys = tc.base, tc.chain, tc.keys
		_, err := run(t.Context(), t, o)
		if err == nil || load.ExitCode(err) != tc.code || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want exit code %d and %q", what, err, tc.code, tc.says)
		}
		if _, err := os.Stat(o.Out); tc.out == "" && what != "a damaged base" && err == nil {
			t.Errorf("%s: something was written", what)
		}
	}
	o := c.options(filepath.Join(t.TempDir(), "out"))
	o.Base, o.Chain = part.base, part.dir
	r, err := run(t.Context(), t, o)
	if err != nil || len(r.Deltas) != 1 || r.Rest != 1 {
		t.Errorf("an unfinished delta: %v, %+v", err, r)
	}
	o.Out, o.Chain, o.Base = filepath.Join(t.TempDir(), "two"), archive.DeltaPath(c.dir, 2), c.base
	if r, err := run(t.Context(), t, o); err != nil || len(r.Deltas) != 2 || r.Manifest.Dump != format.MergedID(c.first.Dump, c.deltas[1].Dump) {
		t.Errorf("up to a delta: %v, %+v", err, r)
	}
	o.Out, o.Base, o.Chain, o.Archive.Keys = filepath.Join(t.TempDir(), "plain"), secret.base, secret.dir, encryption.Keys{Identities: secret.keys.Identities, Plain: true}
	if _, err := run(t.Context(), t, o); err != nil {
		t.Error(err)
	}
	secret.is(o.Out)
}
