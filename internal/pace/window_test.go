package pace

import (
	"testing"
	"time"
)

func TestUntilOpen(t *testing.T) {
	const day = 24 * time.Hour
	for _, tc := range []struct {
		windows []string
		at      string
		want    time.Duration
	}{
		{nil, "12:00", 0},
		{[]string{"09:00-17:00"}, "08:59", time.Minute},
		{[]string{"09:00-17:00"}, "09:00", 0},
		{[]string{"09:00-17:00"}, "16:59", 0},
		{[]string{"09:00-17:00"}, "17:00", 16 * time.Hour},
		{[]string{"23:00-06:00"}, "22:30", 30 * time.Minute},
		{[]string{"23:00-06:00"}, "23:00", 0},
		{[]string{"23:00-06:00"}, "00:00", 0},
		{[]string{"23:00-06:00"}, "05:59", 0},
		{[]string{"23:00-06:00"}, "06:00", 17 * time.Hour},
		{[]string{"00:00-24:00"}, "23:59", 0},
		{[]string{"22:00-24:00"}, "00:00", 22 * time.Hour},
		{[]string{"22:00-24:00", "12:00-13:00"}, "00:00", 12 * time.Hour},
		{[]string{"12:00-13:00", "22:00-24:00"}, "13:00", 9 * time.Hour},
		{[]string{"12:00-13:00", "1:30-2:00"}, "22:30", 3 * time.Hour},
		{[]string{"00:01-00:00"}, "00:00", time.Minute},
		{[]string{"00:00-00:01"}, "00:01", day - time.Minute},
	} {
		var windows []Window
		for _, s := range tc.windows {
			w, err := ParseWindow(s)
			if err != nil {
				t.Fatal(err)
			}
			windows = append(windows, w)
		}
		at, err := time.Parse("2006-01-02 15:04", "2026-12-31 "+tc.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := untilOpen(windows, at); got != tc.want {
			t.Errorf("%v at %s: %v, want %v", tc.windows, tc.at, got, tc.want)
		}
	}
}

// TestUntilOpenSummerTime: a window that opens in the hour that is left out, or after it, opens
// all the same.
func TestUntilOpenSummerTime(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("NO TIME ZONES ARE INSTALLED, summer time is not tested: %v", err)
	}
	at := time.Date(2026, 3, 29, 0, 30, 0, 0, zone) // at 02:00 it is 03:00
	for s, want := range map[string]time.Duration{"04:00-05:00": 150 * time.Minute, "02:30-04:00": 2 * time.Hour} {
		w, err := ParseWindow(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := untilOpen([]Window{w}, at); got != want {
			t.Errorf("%s at %v: %v, want %v", s, at, got, want)
		}
	}
}

func TestParseWindow(t *testing.T) {
	for _, s := range []string{"", "23:00", "23:00-", "-06:00", "23-06", "25:00-06:00", "23:60-06:00", "24:00-06:00", "06:00-06:00", "23:00-06:00-07:00", "a-b"} {
		if w, err := ParseWindow(s); err == nil {
			t.Errorf("%q is %v", s, w)
		}
	}
}
