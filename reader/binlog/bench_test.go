package binlog

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// BenchmarkNext: items as redis-benchmark makes them, and some of other kinds.
func BenchmarkNext(b *testing.B) {
	const messages, each = 100, 100
	var stream []byte
	end := int64(0)
	for i := range messages {
		var chips []chip
		for j := range each {
			n := i*each + j
			item := encode("set", fmt.Sprintf("key:%012d", n), strings.Repeat("v", 100))
			switch n % 10 {
			case 0:
				item = encode("zadd", fmt.Sprintf("zset:%d", n), "1", "member", "2", "other")
			case 1:
				item = encode("pksetexat", fmt.Sprintf("string:%d", n), "0", "7")
			case 2:
				item = encode("mset", "a", "1", "b", "2", "c", "3")
			}
			end += int64(len(item))
			chips = append(chips, chip{at(0, end), 0, item})
		}
		stream = append(stream, items(chips...)...)
	}
	b.SetBytes(int64(len(stream) / (messages * each)))
	b.ReportAllocs()
	for done := 0; done < b.N; {
		s := received(bytes.NewReader(stream), at(0, 0))
		for i := 0; i < messages*each && done < b.N; i++ {
			if _, err := s.Next(b.Context()); err != nil {
				b.Fatal(err)
			}
			done++
		}
	}
}
