package conn

import (
	"fmt"
	"strconv"
	"strings"
)

// shownBytes is how much of a key or member an error shows.
const shownBytes = 128

// Quote writes b so that any bytes can stand in a line of text.
func Quote(b []byte) string {
	if len(b) > shownBytes {
		return strconv.Quote(string(b[:shownBytes])) + "…"
	}
	return strconv.Quote(string(b))
}

// Shown is the beginning of a reply, fit for a line.
func Shown(reply string) string {
	if reply = strings.Map(printable, reply); len(reply) > shownBytes {
		return reply[:shownBytes] + "…"
	}
	return reply
}

func printable(r rune) rune {
	if strconv.IsPrint(r) {
		return r
	}
	return '?'
}

// Size writes bytes in GiB, or MiB below.
func Size(n int64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
