package stats

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
)

// candidates are bytes at which names may be split; a colon always is one.
const candidates = "/|._-#@,;=+~ {}()[]"

const (
	sampledUnits = 24       // at most that are looked into for separators
	leastSampled = 8        // of a dump that is not small
	bytesSampled = 32 << 20 // of such a dump, for one of them: a frame of it is read twice
	sampledKeys  = 2000     // of each
	sampledBytes = 2 << 20  // of each
)

// A separatorSample counts, by candidate, in how many names it stands, and before which beginnings.
type separatorSample struct {
	mu    sync.Mutex
	names int
	in    [256]int
	heads [256]map[string]bool
	head  []byte
}

// add takes in a name. The beginnings of names are compared without regard to their digits: user1_
// and user2_ are of one kind.
func (s *separatorSample) add(name []byte) {
	s.names++
	name = name[:min(len(name), nameRead)]
	seen := [256]bool{':': true}
	s.head = s.head[:0]
	for i, b := range name {
		if strings.IndexByte(candidates, b) >= 0 && !seen[b] && i > 0 && i < len(name)-1 {
			seen[b] = true
			s.in[b]++
			if s.heads[b] == nil {
				s.heads[b] = map[string]bool{}
			}
			s.heads[b][string(s.head)] = true
		}
		if isDigit(b) {
			b = '0'
			if n := len(s.head); n > 0 && s.head[n-1] == '0' {
				continue
			}
		}
		s.head = append(s.head, b)
	}
}

// found returns the separators: those that stand in at least one of 500 names, behind
// beginnings that many of them share.
func (s *separatorSample) found() (set [256]bool, list []string) {
	set[':'], list = true, []string{":"}
	for _, b := range []byte(candidates) {
		if n := s.in[b]; n >= 20 && 500*n >= s.names && 8*len(s.heads[b]) <= n {
			set[b] = true
			list = append(list, string(b))
		}
	}
	return set, list
}

// sampled returns the units that are looked into.
func sampled(units []archive.Unit) (some []archive.Unit) {
	bytes := int64(0)
	for _, u := range units {
		for _, c := range u {
			bytes += c.Raw
		}
	}
	most := int64(sampledUnits)
	if bytes > leastSampled*bytesSampled {
		most = min(most, max(leastSampled, bytes/bytesSampled))
	}
	each := (len(units) + int(most) - 1) / int(most)
	for part := range slices.Chunk(units, max(1, each)) {
		some = append(some, part[0])
	}
	return some
}

// addUnit takes in the names at the beginning of a unit. It may be called for several at once.
func (s *separatorSample) addUnit(_ context.Context, _ int, _ archive.Unit, src *archive.UnitSource) error {
	for keys, size := 0, 0; keys < sampledKeys && size < sampledBytes; keys++ {
		r, err := src.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.add(r.Key)
		s.mu.Unlock()
		size += r.Size()
	}
	return nil
}
