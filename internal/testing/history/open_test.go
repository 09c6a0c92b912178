package history

import "os"

// open are cases of issue 11 that are not mended yet, by what finds them. Histories do without
// them, or take what comes of them, but with HISTORY_ALL=1.
var open = map[string]bool{
	"pairing": true, // 2: a key is overwritten between the looks at its value and its expiry: the old value gets the new expiry, or none
}

// on reports whether histories have something.
func on(what string) bool { return !open[what] || os.Getenv("HISTORY_ALL") == "1" }
