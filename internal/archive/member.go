package archive

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// A Member is a delta of a chain.
type Member struct {
	Number    int
	Location  string
	Info      format.Info // of an unfinished one that has no dump.json yet: nothing
	Finished  bool
	Encrypted bool
}

// DeltaPath returns where the delta of that number is in a chain.
func DeltaPath(chain string, number int) string {
	return storage.Join(chain, deltaDir(number))
}

func deltaDir(number int) string { return fmt.Sprintf("%06d", number) }

var deltaName = regexp.MustCompile(`^[0-9]{6}$`)

// deltaNumber returns which delta a directory of a chain is; 0: none.
func deltaNumber(dir string) int {
	if !deltaName.MatchString(dir) {
		return 0
	}
	n, _ := strconv.Atoi(dir)
	return n
}

// ParseDeltaPath returns which delta of which chain is at a location; not ok: its name is of none.
func ParseDeltaPath(location string) (chain string, number int, ok bool) {
	chain, last := SplitLocation(location)
	if number = deltaNumber(last); number == 0 {
		return "", 0, false
	}
	return chain, number, true
}

// SplitLocation returns what a location is in, and its last element.
func SplitLocation(location string) (dir, last string) {
	query := ""
	if storage.IsURL(location) {
		var has bool
		if location, query, has = strings.Cut(location, "?"); has {
			query = "?" + query
		}
	}
	location = strings.TrimRight(location, "/")
	dir, last = path.Split(location)
	if dir == "" {
		dir = "."
	} else if trimmed := strings.TrimRight(dir, "/"); trimmed != "" {
		dir = trimmed
	}
	return dir + query, last
}
