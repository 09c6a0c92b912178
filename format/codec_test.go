package format

import (
	"bufio"
	"bytes"
	"fmt"
	"sync"
	"testing"
)

// TestCodecIsShared: one Codec serves many chunks at once.
func TestCodecIsShared(t *testing.T) {
	for _, level := range []Level{0, Fastest, Default, Better} {
		codec, err := NewCodec(level, 2)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for n := 1; n < 1<<21; n *= 5 {
					raw := bytes.Repeat(fmt.Appendf(nil, "%d %d ", i, n), n/4+1)
					z := codec.encode(raw, nil)
					f, err := readFrame(bufio.NewReader(bytes.NewReader(z)), nil, nil)
					if err != nil {
						t.Error(err)
						return
					}
					if got, err := codec.decode(f, nil); err != nil || !bytes.Equal(got, raw) {
						t.Errorf("%d bytes: %v", len(raw), err)
					}
				}
			})
		}
		wg.Wait()
		codec.Close()
	}
	if _, err := NewCodec(0, -1); err == nil {
		t.Error("accepted a negative concurrency")
	}
}
