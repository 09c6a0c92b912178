package progress

import (
	"math"
	"testing"
)

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 12345: "12,345", 999_999: "999,999", 1_000_000: "1,000,000",
		-1: "-1", -999: "-999", -1000: "-1,000", -123456: "-123,456", math.MaxInt64: "9,223,372,036,854,775,807",
	} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1.0 MiB", 1<<20 - 1<<10: "1023.0 KiB", 1 << 20: "1.0 MiB",
		1<<30 - 1: "1.0 GiB", 5 << 30: "5.0 GiB", 1 << 40: "1.0 TiB", 1 << 50: "1.0 PiB", 1 << 60: "1.0 EiB", math.MaxInt64: "8.0 EiB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestPlural(t *testing.T) {
	for n, want := range map[int]string{0: "0 keys are", 1: "1 key is", 2: "2 keys are", 1_234_567: "1,234,567 keys are"} {
		if got := Plural(n, "key is", "keys are"); got != want {
			t.Errorf("Plural(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestOf(t *testing.T) {
	for n, want := range map[int64]string{0: "0 of 3 keys differ", 1: "1 of 3 keys differs", 3: "3 of 3 keys differ"} {
		if got := Of(n, 3, "key", "keys", "differs", "differ"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestShort(t *testing.T) {
	for f, want := range map[float64]string{0: "0", 7.4: "7", 9999: "9999", 9999.6: "10.0k", 98_234: "98.2k", 123_456: "123k", 999_499: "999k", 999_600: "1.00M", 1_234_567: "1.23M", 12_345_678: "12.3M", 5e9: "5.00G", 5e10: "50.0G", 1e15: "1000T", 1e13: "10.0T"} {
		if got := short(f); got != want {
			t.Errorf("short(%v) = %s, want %s", f, got, want)
		}
	}
}
