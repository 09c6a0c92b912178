package freeport

import (
	"net"
	"testing"
)

// TestAddr: a port is free, is another one each time, and one on which somebody listens is passed
// over.
func TestAddr(t *testing.T) {
	seen := map[string]bool{}
	for range 50 {
		addr := Addr()
		if seen[addr] {
			t.Fatalf("%s came twice", addr)
		}
		seen[addr] = true
		lis, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { lis.Close() })
	}
	next.Add(^uint32(49)) // back to where those are
	if addr := Addr(); seen[addr] {
		t.Errorf("%s, though somebody listens there", addr)
	}
}
