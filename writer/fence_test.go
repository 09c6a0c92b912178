package writer

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// TestFence: after a connection was lost under a pipeline, no other is used before the target shows
// that it is gone.
func TestFence(t *testing.T) {
	for _, tc := range []struct {
		name   string
		list   func(names []string) string // the reply to CLIENT LIST
		unsure string
		err    error
	}{
		{"gone", func(names []string) string { return testserver.Bulk(listed(names[len(names)-1:])) }, "", nil},
		{"refused", func([]string) string { return "-NOPERM no right\r\n" }, "refuses CLIENT LIST: NOPERM no right", nil},
		{"who asks is not shown", func([]string) string { return testserver.Bulk(listed(nil)) }, "does not show who asks", nil},
		{"it stays", func(names []string) string { return testserver.Bulk(listed(names)) }, "", ErrTransient},
		{"the target starts", func([]string) string { return "-LOADING its data\r\n" }, "", ErrTransient},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var names, killed []string
			f := testserver.Start(t, func(cmd []string) (string, bool) {
				switch strings.Join(cmd[:min(2, len(cmd))], " ") {
				case "CLIENT SETNAME":
					names = append(names, cmd[2])
				case "CLIENT LIST":
					return tc.list(names), true
				case "CLIENT KILL":
					killed = append(killed, cmd[3])
					return "-NOPERM no right\r\n", true
				case "SET a":
					return "", true
				}
				return "", false
			})
			l, err := Open(t.Context(), Options{Target: target.Options{Addr: f.Addr}})
			if err != nil {
				t.Fatal(err)
			}
			unsure := ""
			l.Fence(target.Fence{Name: "this-load:", Unsure: func(why string) error { unsure = why; return nil }})
			if err := loadJob(t, l, Job{Source: source(str("a", "1", 0))}); !errors.Is(err, ErrTransient) {
				t.Fatal(err)
			}
			w, err := l.NewWorker(t.Context(), 0)
			if err == nil {
				w.Close()
			}
			if !errors.Is(err, tc.err) || unsure != "" != (tc.unsure != "") || !strings.Contains(unsure, tc.unsure) || l.IsSettled() != (tc.err == nil) {
				t.Errorf("%v, unsure: %q, settled: %v", err, unsure, l.IsSettled())
			}
			if !strings.HasPrefix(names[0], "this-load:") || len(killed) > 0 != (tc.name == "it stays") || len(killed) > 0 && killed[0] != "1" {
				t.Errorf("names %q, killed %q", names, killed)
			}
		})
	}
}

// listed is a CLIENT LIST of connections with these names, and one of somebody else.
func listed(names []string) string {
	list := "id=99 addr=127.0.0.1:1 name= db=0\n"
	for i, name := range names {
		list += fmt.Sprintf("id=%d addr=127.0.0.1:%d name=%s db=0\n", i+1, i+2, name)
	}
	return list
}

// TestFenceOther: connections of the same load that are not this run's are those of a run that is
// at work, and not touched, unless it is known that one was killed.
func TestFenceOther(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		var names, killed []string
		f := testserver.Start(t, func(cmd []string) (string, bool) {
			switch strings.Join(cmd[:min(2, len(cmd))], " ") {
			case "CLIENT SETNAME":
				names = append(names, cmd[2])
			case "CLIENT LIST":
				if len(killed) > 0 {
					return testserver.Bulk(listed(names)), true
				}
				return testserver.Bulk(listed(append(names, "this-load:all:OTHER:1"))), true
			case "CLIENT KILL":
				killed = append(killed, cmd[3])
			}
			return "", false
		})
		l, err := Open(t.Context(), Options{Target: target.Options{Addr: f.Addr}})
		if err != nil {
			t.Fatal(err)
		}
		l.Fence(target.Fence{Name: "this-load:all:", Dead: []string{"this-load:"}, Stopped: stopped})
		w, err := l.NewWorker(t.Context(), 0)
		if err == nil {
			w.Close()
		}
		if stopped && (err != nil || len(killed) != 1) || !stopped && (!errors.Is(err, ErrBusy) || len(killed) > 0 || l.IsSettled()) {
			t.Errorf("stopped %v: %v, killed %q", stopped, err, killed)
		}
	}
}
