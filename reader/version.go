package reader

import (
	"cmp"
	"regexp"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A version of Pika: 4.0.0 and 4.0.1 both call themselves 4.0.0 (SERVERS.md P3).
type version struct{ major, minor, patch int }

func (v version) atLeast(major, minor, patch int) bool {
	return cmp.Or(cmp.Compare(v.major, major), cmp.Compare(v.minor, minor), cmp.Compare(v.patch, patch)) >= 0
}

var versionPattern = regexp.MustCompile(`^(\d+)\.(\d+)\.(\d+)`)

func parseVersion(s string) (version, bool) {
	m := versionPattern.FindStringSubmatch(s)
	if m == nil {
		return version{}, false
	}
	var n [3]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1])
	}
	return version{n[0], n[1], n[2]}, true
}

// ttlOrder is the order in which TTL looks for a name; from 3.0.5 on that of TYPE as well.
func (v version) ttlOrder() []format.Type {
	switch {
	case v.atLeast(3, 0, 5):
		return []format.Type{format.TypeString, format.TypeHash, format.TypeList, format.TypeZset, format.TypeSet}
	case v.atLeast(3, 0, 0):
		return []format.Type{format.TypeString, format.TypeHash, format.TypeList, format.TypeSet, format.TypeZset}
	}
	return []format.Type{format.TypeString, format.TypeHash, format.TypeZset, format.TypeSet, format.TypeList}
}

// cursorOrder is the order in which SCAN walks the types. Streams are not among them: where there
// are any, SCAN is not used, or they come last.
func (v version) cursorOrder() []format.Type {
	if !v.atLeast(3, 0, 0) {
		return []format.Type{format.TypeString, format.TypeHash, format.TypeList, format.TypeZset, format.TypeSet}
	}
	return []format.Type{format.TypeString, format.TypeHash, format.TypeSet, format.TypeList, format.TypeZset}
}

// binlogSection is the section of INFO that has the positions.
func (v version) binlogSection() string {
	if v.atLeast(3, 1, 0) {
		return "replication"
	}
	return "log"
}
