package verifytarget

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadchain"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// TestDoubt: once a delta is found to differ, all loads behind it end with 4, and name what is to
// be compared, until a comparison of base and deltas, of all of them, has found no difference. Of
// the delta that was loaded last some keys are compared before the first one behind it.
func TestDoubt(t *testing.T) {
	m, err := minitarget.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	spec := load.Spec{Workers: 1, Rewrite: rewrite.Options{Conflict: rewrite.Fail, TTL: rewrite.TTL{Mode: rewrite.Keep}}}
	spec.Target.Target.Addr = m.Addr()
	base := smalldump.Make(t, smalldump.Options{}, []format.Record{smalldump.String("a", "1"), smalldump.String("b", "1")})
	chain, last := filepath.Join(t.TempDir(), "chain"), base
	delta := func(n int, records ...format.Record) {
		dir := archive.DeltaPath(chain, n)
		smalldump.Delta(t, dir, last, records)
		last = dir
	}
	ended := func(code int, says string, run func(s load.Spec, log *bytes.Buffer) error) {
		t.Helper()
		s, log := spec, &bytes.Buffer{}
		s.Dump, s.Base, s.Summary = chain, base, summary.New("test", "", "test")
		err := run(s, log)
		if text := log.String(); err != nil {
			log.WriteString(err.Error())
		} else if code != 0 {
			t.Error(text)
		}
		if got := load.ExitCode(err); err != nil && got != code || !strings.Contains(log.String(), says) {
			t.Errorf("exit code %d, want %d and %q:\n%s", got, code, says, log)
		}
	}
	into := func(code int, compare load.Verify) {
		t.Helper()
		says := ""
		if code != 0 {
			says = "kvload verify --uri redis://" + m.Addr() + " --in " + chain + " --base " + base
		}
		ended(code, says, func(s load.Spec, log *bytes.Buffer) error {
			return loadchain.Run(t.Context(), []load.Options{{Spec: s, MaxErrors: -1, Verify: compare, VerifySome: Options{Rounds: 1}.VerifySome}}, false, log, log)
		})
	}
	verify := func(code int, o Options) {
		t.Helper()
		ended(code, "", func(s load.Spec, log *bytes.Buffer) error {
			o.Spec, o.Rounds = s, 1
			return Run(t.Context(), o, log, log)
		})
	}
	ended(0, "", func(s load.Spec, log *bytes.Buffer) error {
		s.Dump, s.Base = base, ""
		return load.Run(t.Context(), load.Options{Spec: s, MaxErrors: -1}, log, log)
	})
	again := func(code int, compare load.Verify) (s load.Spec) { // the base alone
		t.Helper()
		ended(code, "", func(spec load.Spec, log *bytes.Buffer) error {
			s = spec
			s.Dump, s.Base = base, ""
			return load.Run(t.Context(), load.Options{Spec: s, MaxErrors: -1, Resume: true, Verify: compare}, log, log)
		})
		return s
	}
	delta(1, smalldump.String("a", "2"))
	m.Set("b", "0")
	again(4, Options{Rounds: 1}.Verify)
	into(4, nil)
	again(4, nil)
	m.Set("b", "1")
	verify(0, Options{})
	again(0, nil) // which that comparison was about as well
	s := again(4, Options{Rounds: 1}.Verify)
	if help := []string{"kvload verify", "--in", chain, "--base", base}; !slices.Equal(s.Summary.Instead, help) {
		t.Errorf("what helps is %q, want %q", s.Summary.Instead, help)
	}
	again(0, nil) // what a delta has changed is no doubt
	m.Set("a", "1")
	into(4, Options{Rounds: 1}.Verify)
	delta(2, smalldump.String("b", "2"))
	into(4, nil)
	into(4, Options{Rounds: 1}.Verify)
	verify(4, Options{})
	m.Set("a", "2")
	verify(0, Options{KeysOnly: true})
	verify(0, Options{Sample: sample.Of(0.999)})
	into(4, nil)
	verify(0, Options{})
	into(0, nil)
	delta(3, smalldump.String("b", "3"))
	into(0, nil)
	m.Set("b", "2") // as it was in a backup
	into(0, nil)
	delta(4, smalldump.String("a", "4"))
	into(4, nil)
	into(4, nil)
	m.Set("b", "3")
	verify(0, Options{})
	into(0, nil)
}
