package faultproxy

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// startEcho starts a server that answers the number of bytes it was sent, at their end.
func startEcho(t *testing.T) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lis.Close() })
	go func() {
		for {
			c, err := lis.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				n, err := io.Copy(io.Discard, c)
				if err == nil {
					c.Write(bytes.Repeat([]byte("x"), int(n)))
				}
			}()
		}
	}()
	return lis.Addr().String()
}

// TestPlans: each fault does what it says.
func TestPlans(t *testing.T) {
	for _, tc := range []struct {
		name string
		plan Plan
		want int  // bytes answered to ten
		fail bool // the connection ends with an error
	}{
		{"none", Plan{}, 10, false},
		{"half close", Plan{HalfCloseAfter: 4}, 4, false},
		{"reset", Plan{ResetAfter: 4}, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := Start(startEcho(t), func(int) Plan { return tc.plan })
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			c, err := net.Dial("tcp", p.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Write([]byte("0123456789")); err != nil {
				t.Fatal(err)
			}
			_ = c.(*net.TCPConn).CloseWrite()
			got, err := io.ReadAll(c)
			if len(got) != tc.want || (err != nil) != tc.fail {
				t.Errorf("%d bytes, %v; want %d", len(got), err, tc.want)
			}
			if p.Connections() != 1 {
				t.Errorf("%d connections", p.Connections())
			}
		})
	}
}

// TestHold: what is held comes to the server late and whole, though the client is gone; other
// connections are served.
func TestHold(t *testing.T) {
	got := make(chan string, 2)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	go func() {
		for range 2 {
			c, err := lis.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				data, _ := io.ReadAll(c)
				got <- string(data)
			}()
		}
	}()
	p, err := Start(lis.Addr().String(), func(int) Plan { return Plan{HoldAt: "hold"} })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for i, text := range []string{"hold this", "hold no more"} {
		c, err := net.Dial("tcp", p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		for i == 0 && p.Disturbed() == 0 {
			time.Sleep(time.Millisecond)
		}
		c.Close()
	}
	if text := <-got; text != "hold no more" {
		t.Errorf("%q came first", text)
	}
	p.Release()
	if text := <-got; text != "hold this" {
		t.Errorf("%q came late", text)
	}
}
