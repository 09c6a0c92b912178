package retry

import (
	"errors"
	"strings"
	"testing"
	"time"
)

var errs = map[Kind]error{Fatal: errors.New("fatal"), Transient: errors.New("transient"), Doubtful: errors.New("doubtful")}

func kind(err error) Kind {
	for k, e := range errs {
		if errors.Is(err, e) {
			return k
		}
	}
	return Fatal
}

// TestWaits: waits grow while nothing is done, and begin anew with progress.
func TestWaits(t *testing.T) {
	said := 0
	b := Policy{For: time.Hour, Kind: kind, Say: func(error, time.Duration) { said++ }}.Start()
	for i, tc := range []struct {
		progress bool
		want     time.Duration
	}{{false, firstWait}, {false, 2 * firstWait}, {false, 4 * firstWait}, {true, firstWait}, {false, 2 * firstWait}} {
		if got, err := b.Next(errs[Transient], tc.progress); got != tc.want || err != nil || said != i+1 {
			t.Errorf("%d: %v, %v, said %d times; want %v", i, got, err, said, tc.want)
		}
	}
	for range 20 {
		if got, err := b.Next(errs[Transient], false); got > lastWait || err != nil {
			t.Errorf("%v, %v", got, err)
		}
	}
}

// TestGivenUp: an error is returned that is not retried, or no more.
func TestGivenUp(t *testing.T) {
	late := Policy{For: time.Minute, Kind: kind}.Start()
	late.since = time.Now().Add(-time.Hour)
	for _, tc := range []struct {
		name string
		b    *Backoff
		err  error
		text string
	}{
		{"fatal", Policy{For: time.Hour, Kind: kind}.Start(), errs[Fatal], "fatal"},
		{"never retried", Policy{Kind: kind}.Start(), errs[Transient], "transient"},
		{"for too long", late, errs[Transient], "given up after 1m0s without progress (--retry-for): transient"},
	} {
		if _, err := tc.b.Next(tc.err, false); !errors.Is(err, tc.err) || err.Error() != tc.text {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	if _, err := late.Next(errs[Transient], true); err != nil {
		t.Errorf("there was progress since: %v", err)
	}
}

// TestDoubtful: it is retried a few times in a row, whatever For is.
func TestDoubtful(t *testing.T) {
	b := Policy{Kind: kind}.Start()
	for range 3 {
		for range mostDoubtful {
			if wait, err := b.Next(errs[Doubtful], false); wait != firstWait || err != nil {
				t.Fatal(wait, err)
			}
		}
		if _, err := b.Next(errs[Doubtful], false); err == nil || !strings.Contains(err.Error(), "doubtful") {
			t.Fatal(err)
		}
		if _, err := b.Next(errs[Doubtful], true); err != nil {
			t.Fatal(err)
		}
		b.doubtful = 0
	}
}
