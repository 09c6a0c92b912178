package keyset

import (
	"fmt"
	"testing"
)

// TestSet: what does not fit into memory is found in a file, and nothing else is.
func TestSet(t *testing.T) {
	for _, n := range []int{0, 1, 99, 100, 101, 5000} {
		s := New()
		s.most = 100
		for i := range n {
			if err := s.Add(i%3, "set", fmt.Append(nil, i*2), nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Seal(); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			name, member := fmt.Append(nil, i*2), fmt.Append(nil, i)
			if !s.Holds(i%3, "set", name, nil) || s.Holds(i%3, "zset", name, nil) || s.Holds(i%3, "set", name, member) || s.Holds(i%3, "set", fmt.Append(nil, i*2+1), nil) || s.Holds(3, "set", name, nil) {
				t.Errorf("of %d, %d", n, i)
			}
		}
		if s.f != nil {
			s.f.Close()
			if s.Holds(0, "set", []byte("0"), nil); s.Close() == nil {
				t.Error("a file that cannot be read is not told")
			}
		}
	}
}
