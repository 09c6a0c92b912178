package testserver

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A Cluster is some Fakes that say which slots they own.
type Cluster struct {
	mu    sync.Mutex
	Nodes []*Fake
	first int // who owns the slots below 8192; the next one has the others
	slots int // how often CLUSTER SLOTS was asked
}

// StartCluster starts nodes that ask script first.
func StartCluster(t *testing.T, count int, script func(node int, cmd []string) (string, bool)) *Cluster {
	fc := &Cluster{}
	for i := range count {
		f := Start(t, func(cmd []string) (string, bool) {
			if script != nil {
				if reply, ok := script(i, cmd); ok {
					return reply, ok
				}
			}
			switch line := strings.Join(cmd[:min(2, len(cmd))], " "); line {
			case "INFO server":
				return Bulk(strings.ReplaceAll(InfoKvrocks, "standalone", "cluster")), true
			case "CLUSTER SLOTS":
				return fc.slotMap(), true
			case "CLUSTER INFO", "CLUSTER NODES":
				return Recorded(t, "kvrocks-2.10.1-cluster.jsonl", line), true
			}
			return "", false
		})
		fc.mu.Lock()
		fc.Nodes = append(fc.Nodes, f)
		fc.mu.Unlock()
	}
	return fc
}

// slotMap is the reply to CLUSTER SLOTS.
func (fc *Cluster) slotMap() string {
	fc.mu.Lock()
	defer fc.mu.Unlock()
	fc.slots++
	entry := func(first, last, n int) string {
		host, port, _ := net.SplitHostPort(fc.Nodes[n%len(fc.Nodes)].Addr)
		return fmt.Sprintf("*3\r\n:%d\r\n:%d\r\n*3\r\n%s:%s\r\n%s", first, last, Bulk(host), port, Bulk("id"+strconv.Itoa(n)))
	}
	return "*2\r\n" + entry(0, 8191, fc.first) + entry(8192, 16383, fc.first+1)
}

// Data returns the commands that a node got, but for those about the cluster.
func (fc *Cluster) Data(n int) []string {
	return slices.DeleteFunc(fc.Nodes[n].Commands(), func(c string) bool { return strings.HasPrefix(c, "CLUSTER ") || strings.HasPrefix(c, "SCAN") })
}

// Move gives the slots of each node to the next one, and returns how often CLUSTER SLOTS was asked.
func (fc *Cluster) Move() (asked int) {
	fc.mu.Lock()
	defer fc.mu.Unlock()
	fc.first++
	return fc.slots
}

// Asked returns how often CLUSTER SLOTS was asked.
func (fc *Cluster) Asked() int {
	fc.mu.Lock()
	defer fc.mu.Unlock()
	return fc.slots
}

// Recorded returns what a real server answered.
func Recorded(t *testing.T, file string, command string) string {
	t.Helper()
	f, err := os.Open(filepath.Join(transcripts(), file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var l struct {
			Cmd   []string
			Reply string
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		if strings.Join(l.Cmd, " ") == command {
			raw := make([]byte, 0, len(l.Reply))
			for _, r := range l.Reply {
				raw = append(raw, byte(r))
			}
			return string(raw)
		}
	}
	t.Fatalf("%s has no %s", file, command)
	return ""
}

// transcripts is where they stand, above the package that is tested.
func transcripts() string {
	dir := "testdata"
	for range 4 {
		if _, err := os.Stat(filepath.Join(dir, "transcripts")); err == nil {
			break
		}
		dir = filepath.Join("..", dir)
	}
	return filepath.Join(dir, "transcripts")
}
