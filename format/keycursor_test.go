package format

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// countedReader counts what is read of a chunk.
type countedReader struct {
	*bytes.Reader
	n int
}

func (r *countedReader) ReadAt(p []byte, off int64) (int, error) {
	r.n += len(p)
	return r.Reader.ReadAt(p, off)
}

// TestKeyCursor: seeks, far and near, find what a search in all keys finds, keys in many records
// and at the borders of frames among them, and read no frame that they need not.
func TestKeyCursor(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var recs []Record
	var keys [][]byte
	value := make([]byte, 60_000)
	for i := range 120 {
		key := fmt.Appendf(nil, "key:%04d", 2*i)
		keys = append(keys, key)
		parts := 1
		if i%17 == 5 { // some two frames and more
			parts = 20
		}
		for p := range parts {
			for j := range value {
				value[j] = byte(rnd.Uint32())
			}
			r := Record{Kind: Hash, Key: key, Elems: [][]byte{fmt.Append(nil, p), bytes.Clone(value)}}
			if p == 0 {
				r.Part |= PartFirst
			}
			if p == parts-1 {
				r.Part |= PartLast
			}
			recs = append(recs, r)
		}
	}
	data := mustChunk(t, testHeader(TypeHash), recs, nil)
	src := &countedReader{Reader: bytes.NewReader(data)}
	c, err := OpenChunk(src, int64(len(data)), testCodec, "test")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Footer.Index) < 20 {
		t.Fatalf("only %d frames", len(c.Footer.Index))
	}
	for _, most := range []int{1, 2, 9, 60, 300} {
		cur, at := c.Keys(), 0
		for {
			want := fmt.Appendf(nil, "key:%04d", at)
			got, err := cur.Seek(want)
			i := 0
			for i < len(keys) && bytes.Compare(keys[i], want) < 0 {
				i++
			}
			if i == len(keys) {
				if err != io.EOF {
					t.Errorf("steps of %d: seeking %s gives %q, %v", most, want, got, err)
				}
				break
			}
			if err != nil || !bytes.Equal(got, keys[i]) {
				t.Fatalf("steps of %d: seeking %s gives %q, %v, not %s", most, want, got, err, keys[i])
			}
			at += 1 + rnd.IntN(most) // an odd number after a key lies behind it
			if at%2 == 0 && bytes.Equal(fmt.Appendf(nil, "key:%04d", at), got) {
				at++
			}
		}
	}
	src.n = 0
	if got, err := c.Keys().Seek(keys[100]); err != nil || !bytes.Equal(got, keys[100]) || src.n > len(data)/8 {
		t.Errorf("%q, %v: %d of %d bytes were read", got, err, src.n, len(data))
	}
	damaged := bytes.Clone(data)
	damaged[len(data)/2]++
	if c, err = OpenChunk(bytes.NewReader(damaged), int64(len(data)), testCodec, "test"); err != nil {
		t.Fatal(err)
	}
	cur := c.Keys()
	for _, key := range keys {
		if _, err = cur.Seek(key); err != nil {
			break
		}
	}
	if _, ok := err.(*CorruptError); !ok {
		t.Errorf("a damaged chunk gives %v", err)
	}
}

// TestKeyCursorWhole: a key over several frames is met at its first record, and asked for again
// gives each of them.
func TestKeyCursorWhole(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var recs []Record
	value := make([]byte, 300_000)
	for _, key := range []string{"a", "b", "c"} {
		for p := range 8 {
			for j := range value {
				value[j] = byte(rnd.Uint32())
			}
			r := Record{Kind: Hash, Key: []byte(key), Elems: [][]byte{fmt.Append(nil, p), bytes.Clone(value)}}
			if p == 0 {
				r.Part |= PartFirst
			}
			if p == 7 {
				r.Part |= PartLast
			}
			recs = append(recs, r)
		}
	}
	data := mustChunk(t, testHeader(TypeHash), recs, nil)
	c, err := OpenChunk(bytes.NewReader(data), int64(len(data)), testCodec, "test")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "b", "c"} {
		cur, n := c.Keys(), 0
		for got, err := cur.Seek([]byte(key)); err == nil && string(got) == key; got, err = cur.Seek([]byte(key)) {
			if p := string(cur.Record().Elems[0]); p != fmt.Sprint(n) {
				t.Errorf("%s: part %s comes as the %d.", key, p, n)
			}
			n++
		}
		if n != 8 {
			t.Errorf("%s: %d parts", key, n)
		}
	}
}
