package format

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// TestWhich: of many names those are found that the chunk has, at the borders of frames, too,
// and the same ones that Find finds.
func TestWhich(t *testing.T) {
	codec, err := NewCodec(0, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer codec.Close()
	var buf bytes.Buffer
	cw, err := NewChunkWriter(&buf, codec, Header{Dump: "0123456789abcdef0123456789abcdef", Type: TypeString, Number: 1, Writer: "test"})
	if err != nil {
		t.Fatal(err)
	}
	value := bytes.Repeat([]byte("x"), 20_000) // some 26 records in a frame
	var names [][]byte
	for i := range 300 {
		key := fmt.Appendf(nil, "key:%04d", 2*i)
		names = append(names, key, fmt.Appendf(nil, "key:%04d", 2*i+1))
		if err := cw.Write(&Record{Kind: String, Key: key, Part: PartWhole, Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := cw.Close(nil); err != nil {
		t.Fatal(err)
	}
	c, err := OpenChunk(bytes.NewReader(buf.Bytes()), int64(buf.Len()), codec, "test")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Footer.Index) < 5 {
		t.Fatalf("only %d frames", len(c.Footer.Index))
	}
	names = append(names, []byte("key:9"), []byte("z"))
	names = slices.Insert(names, 0, []byte(""), []byte("a"))
	for _, step := range []int{1, 2, 7, 100} {
		var asked [][]byte
		for i := 0; i < len(names); i += step {
			asked = append(asked, names[i])
		}
		var got, want []int
		if err := c.Contains(asked, func(i int) { got = append(got, i) }); err != nil {
			t.Fatal(err)
		}
		for i, key := range asked {
			if err := c.Find(key, func(*Record) error { want = append(want, i); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("step %d: %v, want %v", step, got, want)
		}
	}
}
