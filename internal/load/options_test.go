package load

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// TestCheck: options that do not go together are refused by the names of their flags.
func TestCheck(t *testing.T) {
	compare := func(context.Context, Spec, *archive.Archive, *rewrite.Rules, func() (io.ReadCloser, error), io.Writer, io.Writer) error {
		return nil
	}
	half := shard.Shard{Index: 0, Of: 2}
	undone := func(o *Options) { o.Undo, o.Target.OnExists = "undo", writer.Replace }
	for _, x := range []struct {
		says string
		set  func(o *Options)
	}{
		{"", func(*Options) {}},
		{"", undone},
		{"", func(o *Options) { o.Follow, o.Shard = true, shard.Shard{Index: 0, Of: 1} }},
		{"--create-namespaces", func(o *Options) { o.CreateNamespaces = true }},
		{"--on-exists replace", func(o *Options) { o.Undo = "undo" }},
		{"--in - is loaded as it comes", func(o *Options) { o.Dump, o.Follow = loadstate.Stream, true }},
		{"several targets", func(o *Options) { o.Follow = true; o.AmongSeveral() }},
		{"of a finished dump only", func(o *Options) { o.Follow, o.Shard = true, half }},
		{"it needs a finished dump", func(o *Options) { undone(o); o.Follow = true }},
		{"kvload unpack", func(o *Options) { o.Dump, o.DryRun = loadstate.Stream, true }},
		{"kvload unpack", func(o *Options) { o.Dump, o.Verify = loadstate.Stream, compare }},
		{"--encrypt-to", func(o *Options) { o.Keys.Recipients = []age.Recipient{nil} }},
		{"--report", func(o *Options) { o.Report, o.Shard = "report", half }},
		{"--tune", func(o *Options) { o.Tune, o.Shard = true, half }},
		{"--tune", func(o *Options) { o.Tune, o.State = true, "s3://b/state" }},
	} {
		o := Options{Spec: Spec{Dump: "dump", Target: writer.Options{Target: target.Options{Addr: "h:1"}}}}
		x.set(&o)
		err := o.Check()
		if x.says == "" && err != nil || x.says != "" && (ExitCode(err) != exitcode.Usage || !strings.Contains(err.Error(), x.says)) {
			t.Errorf("%v, want %q", err, x.says)
		}
	}
}

// TestAmongSeveral: what a load into one of several targets keeps is apart from that of others.
func TestAmongSeveral(t *testing.T) {
	o := Options{Spec: Spec{State: "state", Target: writer.Options{Target: target.Options{Addr: "h:1"}}}}
	o.AmongSeveral()
	if want := filepath.Join("state", loadstate.TargetName("h:1")); o.State != want || o.Undo != "" {
		t.Errorf("%q, %q, want %q", o.State, o.Undo, want)
	}
}

// TestIsChain: a stream and a dump that is still made are none, and not looked at.
func TestIsChain(t *testing.T) {
	dir := smalldump.Make(t, smalldump.Options{}, []format.Record{smalldump.String("a", "1")})
	chain := filepath.Join(t.TempDir(), "chain")
	smalldump.Delta(t, archive.DeltaPath(chain, 1), dir, []format.Record{smalldump.String("a", "2")})
	for _, x := range []struct {
		in     string
		follow bool
		want   bool
	}{{dir, false, false}, {chain, false, true}, {chain, true, false}, {loadstate.Stream, false, false}} {
		o := Options{Spec: Spec{Dump: x.in}, Follow: x.follow}
		if got, err := o.IsChain(t.Context()); got != x.want || err != nil {
			t.Errorf("%s, %v: %v, %v", x.in, x.follow, got, err)
		}
	}
}
