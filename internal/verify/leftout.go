package verify

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A LeftOutList is what a load has listed as left out: of each key and member a digest.
type LeftOutList struct {
	digests [][16]byte
}

// maxLeftOut bounds the memory for a list: 32 MiB.
const maxLeftOut = 2 << 20

// ReadLeftOut reads the report of kvload load. What the rules tell as well is passed over.
func ReadLeftOut(r io.Reader) (*LeftOutList, error) {
	l := &LeftOutList{}
	br := bufio.NewReader(r)
	for n := 1; ; n++ {
		text, err := br.ReadBytes('\n')
		if err == io.EOF && len(text) == 0 {
			break
		}
		if err != nil && err != io.EOF {
			return nil, err
		}
		var line struct {
			DB           int
			Kind, Reason string
			Key, Member  []byte
		}
		if err := json.Unmarshal(text, &line); err != nil || line.Reason == "" {
			return nil, fmt.Errorf("line %d is not of a report of kvload load: %w", n, err)
		}
		if line.Reason == "hyperloglog" || line.Reason == "conflict" || line.Reason == "prefix" {
			continue
		}
		if len(l.digests) == maxLeftOut {
			return nil, fmt.Errorf("it lists more than %d keys and members: load them again, or verify without it", maxLeftOut)
		}
		l.digests = append(l.digests, digest(line.DB, line.Kind, line.Key, line.Member))
	}
	slices.SortFunc(l.digests, compareDigests)
	return l, nil
}

// Holds is Options.LeftOut.
func (l *LeftOutList) Holds(db int, kind format.Kind, key, member []byte) bool {
	_, found := slices.BinarySearchFunc(l.digests, digest(db, kind.String(), key, member), compareDigests)
	return found
}

// Empty reports whether the list has nothing that the rules do not tell.
func (l *LeftOutList) Empty() bool { return len(l.digests) == 0 }

func compareDigests(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) }

// digest is of all of a line that says what is left out.
func digest(db int, kind string, key, member []byte) (d [16]byte) {
	h := sha256.New()
	var head []byte
	head = binary.AppendUvarint(head, uint64(db))
	head = append(append(head, kind...), 0)
	head = binary.AppendUvarint(head, uint64(len(key)))
	h.Write(head)
	h.Write(key)
	if member != nil {
		h.Write([]byte{1})
		h.Write(member)
	}
	copy(d[:], h.Sum(nil))
	return d
}
