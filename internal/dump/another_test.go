package dump

import (
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// TestResumeAnotherPika: a dump is not resumed from another Pika at the same address. One whose
// binlog is not behind may be the same restarted, but nothing is said of writes.
func TestResumeAnotherPika(t *testing.T) {
	for _, v := range []pikasim.Version{pikasim.V340, pikasim.V355, pikasim.V401} {
		first := smallpika.Start(t, pikasim.Options{Version: v})
		same := smallpika.Start(t, pikasim.Options{Version: v})
		empty := smallpika.StartEmpty(t, pikasim.Options{Version: v})
		p, err := faultproxy.Start(first.Addr(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		dir := newDir(t)
		makeDump(t, p.Addr(), dir).ok(t, "no write happened")
		if err := os.Remove(filepath.Join(dir, "manifest.json")); err != nil {
			t.Fatal(err)
		}
		before := files(t, dir)
		p.SetTarget(empty.Addr())
		makeDump(t, p.Addr(), dir, resume).failed(t, archive.ErrDiffers, "the binlog of db0 was at", "now is at 0 0", "dump into another directory")
		if got := files(t, dir); !slices.Equal(got, before) {
			t.Errorf("%v, want %v", got, before)
		}
		p.SetTarget(same.Addr())
		makeDump(t, p.Addr(), dir, resume).ok(t, "consistency: cannot be told", "took its address: if")
	}
}

// TestResumeSameProcess: what shows that the source was not restarted is enough without a run id.
func TestResumeSameProcess(t *testing.T) {
	var seconds atomic.Int64
	s := smallpika.Start(t, pikasim.Options{Version: pikasim.V340, Clock: func() time.Time { return time.Now().Add(time.Duration(seconds.Load()) * time.Second) }})
	seconds.Add(100)
	again := func(restart bool, says string) {
		t.Helper()
		dir := newDir(t)
		makeDump(t, s.Addr(), dir).ok(t, "no write happened")
		if err := os.Remove(filepath.Join(dir, "manifest.json")); err != nil {
			t.Fatal(err)
		}
		if seconds.Add(10); restart {
			s.Restart()
		}
		makeDump(t, s.Addr(), dir, resume).ok(t, "consistency: "+says)
	}
	again(false, format.NoWrites)
	again(true, format.CannotBeTold)
	again(false, format.CannotBeTold) // the dump was begun just after the start
}

// TestAnotherPikaMeanwhile: a run whose connections are lost does not go on with another Pika,
// however long --retry-for is. When the address leads to the first one again the dump can be
// resumed, and holds nothing of the other.
func TestAnotherPikaMeanwhile(t *testing.T) {
	var p *faultproxy.Proxy
	var swap atomic.Pointer[string]
	first := smallpika.Start(t, pikasim.Options{Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		if to := swap.Load(); to != nil && smallpika.IsOfScan(args, "PKHSCANRANGE") && swap.CompareAndSwap(to, nil) {
			p.SetTarget(*to)
			p.Cut()
		}
		return nil, false, false
	}})
	smallpika.Send(t, first.Addr(), "SET more v")
	other := smallpika.Start(t, pikasim.Options{})
	var err error
	p, err = faultproxy.Start(first.Addr(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	dir := newDir(t)
	patient := func(o *Options) { o.Reader.RetryFor = time.Hour }
	to := other.Addr()
	swap.Store(&to)
	makeDump(t, p.Addr(), dir, patient).failed(t, reader.ErrRefused, "another Pika than before answers at "+p.Addr(), "the binlog of db0 was at", "--resume resumes it")
	if slices.Contains(files(t, dir), "manifest.json") {
		t.Error("the dump is finished")
	}
	makeDump(t, p.Addr(), dir, patient, resume).failed(t, archive.ErrDiffers, "its source is not what answers at")
	p.SetTarget(first.Addr())
	makeDump(t, p.Addr(), dir, patient, resume).ok(t, "no write happened")
}
