package progress

import (
	"fmt"
	"strings"
	"time"
)

// Count writes a number with its thousands set apart.
func Count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Plural writes a number with what it counts: one of it, or many.
func Plural[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(int64(n)) + " " + many
}

// Of writes how many of all do something: 1 of 3 keys differs, 2 of 3 keys differ.
func Of(n, all int64, one, many, does, do string) string {
	if n == 1 {
		do = does
	}
	return Count(n) + " of " + Plural(all, one, many) + " " + do
}

const units = "KMGTPE"

// Bytes writes a size in the unit that suits it.
func Bytes(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	size, unit := float64(n)/1024, 0
	for ; size >= 1023.95 && unit < len(units)-1; unit++ { // what would round to 1024.0
		size /= 1024
	}
	return fmt.Sprintf("%.1f %ciB", size, units[unit])
}

// short writes a number in three digits and a unit, such as 98.2k, where it has more than four.
func short(f float64) string {
	if f < 9999.5 {
		return fmt.Sprintf("%.0f", f)
	}
	unit := 0
	for ; f >= 999.5 && unit < len(thousands); unit++ {
		f /= 1000
	}
	digits := 0
	switch {
	case f < 9.995:
		digits = 2
	case f < 99.95:
		digits = 1
	}
	return fmt.Sprintf("%.*f%c", digits, f, thousands[unit-1])
}

const thousands = "kMGT"

// Duration writes a time to the second.
func Duration(d time.Duration) string { return d.Round(time.Second).String() }

// WithoutZeros shortens what a time.Duration is as text: 2m0s to 2m, 3h0m0s to 3h.
func WithoutZeros(text string) string {
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// Took is Duration, but of what took less than a second it keeps the first two digits behind it.
func Took(d time.Duration) string {
	if d < time.Second {
		return max(10*time.Millisecond, d.Round(10*time.Millisecond)).String()
	}
	return Duration(d)
}

// seconds is Duration for what a Snapshot has.
func seconds(s float64) string { return Duration(time.Duration(s * float64(time.Second))) }
