package resp

import (
	"bytes"
	"strings"
	"testing"
)

// BenchmarkReplies: a page of keys and values, the TTLs of as many keys, and as many statuses, by
// the ways of the reader and of a load.
func BenchmarkReplies(b *testing.B) {
	const n = 256
	page := "*2\r\n$4\r\nnext\r\n*512\r\n" + strings.Repeat("$16\r\nkey:000000000000\r\n$100\r\n"+strings.Repeat("v", 100)+"\r\n", n)
	for _, bm := range []struct {
		name, text string
		replies    int
		take       func(p *Replies)
	}{
		{"page", page, 1, func(p *Replies) { p.Page(nil, 2) }},
		{"integers", strings.Repeat(":86400\r\n", n), n, func(p *Replies) { p.Integer() }},
		{"statuses", strings.Repeat("+OK\r\n", n), n, func(p *Replies) { p.Status() }},
	} {
		b.Run("reader/"+bm.name, func(b *testing.B) {
			in := strings.NewReader(bm.text)
			var buf Buffer
			b.SetBytes(int64(len(bm.text)))
			b.ReportAllocs()
			for b.Loop() {
				in.Reset(bm.text)
				buf.Reset()
				if err := buf.Fill(in, bm.replies); err != nil {
					b.Fatal(err)
				}
				p := buf.Replies("")
				for range bm.replies {
					bm.take(p)
				}
				if p.Offset() != p.Len() {
					b.Fatal(p.Offset())
				}
			}
		})
		b.Run("load/"+bm.name, func(b *testing.B) {
			text := []byte(bm.text)
			in := bytes.NewReader(text)
			r := NewReader(in)
			replies := make([]Reply, bm.replies)
			at := func(i int) *Reply { return &replies[i] }
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				in.Reset(text)
				r.Reset()
				if got, err := r.Read(bm.replies, at); got != bm.replies || err != nil {
					b.Fatal(got, err)
				}
			}
		})
	}
}
