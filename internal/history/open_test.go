package history

import "os"

// open are cases of issue 11 that are not mended yet, by what finds them. Histories do without them, or take what comes of
// them, but with HISTORY_ALL=1.
var open = map[string]bool{
	"twins":      true, // 2, 3: names in several types
	"mixture":    true, // 5: a hash, set or zset is deleted and made anew, with the same expiry, between two pieces
	"pairing":    true, // 2: a key is deleted and made anew between the look at its expiry and that at its value
	"far expiry": true, // 7
}

// on reports whether histories have something.
func on(what string) bool { return !open[what] || os.Getenv("HISTORY_ALL") == "1" }
