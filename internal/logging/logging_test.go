package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// records returns those of a file.
func records(t *testing.T, data []byte) (all []map[string]any) {
	t.Helper()
	for line := range bytes.Lines(data) {
		r := map[string]any{}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		all = append(all, r)
	}
	return all
}

func openFile(t *testing.T, messages *bytes.Buffer, o Options) (*Log, string) {
	t.Helper()
	o.Tool, o.Command, o.JSON, o.File = "kvload", "load", true, filepath.Join(t.TempDir(), "log")
	l := New(messages, messages)
	if err := l.Record(o); err != nil {
		t.Fatal(err)
	}
	return l, o.File
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestRecords: each message is a record that says of which run and dump it is, however it was
// written, and what people see stays as it was.
func TestRecords(t *testing.T) {
	var seen bytes.Buffer
	l, name := openFile(t, &seen, Options{})
	fmt.Fprint(l, "one\n\n  two")
	SetDump(l, "d1")
	SetDump(l, "d1")
	fmt.Fprint(l, " parts\nwarning: three\n")
	Say(l, slog.LevelError, "kvload: four", slog.Int("exit_code", 5))
	fmt.Fprint(l, "no end")
	if err := l.Close(5); err != nil {
		t.Fatal(err)
	}
	if want := "one\n\n  two parts\nwarning: three\nkvload: four\nno end"; seen.String() != want {
		t.Errorf("people see %q, want %q", seen.String(), want)
	}
	data := read(t, name)
	var got []string
	for _, r := range records(t, data) {
		if r["tool"] != "kvload" || r["command"] != "load" || r["run"] != l.Run || r["time"] == nil {
			t.Errorf("record %v", r)
		}
		got = append(got, fmt.Sprint(r["level"], " ", r["dump"], " ", r["msg"], " ", r["exit_code"]))
	}
	want := "INFO <nil> one <nil>|INFO d1 two parts <nil>|WARN d1 three <nil>|ERROR d1 kvload: four 5|INFO d1 no end <nil>|INFO d1 ended 5"
	if all := strings.Join(got, "|"); all != want {
		t.Errorf("got  %s\nwant %s", all, want)
	}
	if n := bytes.Count(data, []byte(`"dump"`)); n != 5 {
		t.Errorf("the dump is named %d times in\n%s", n, data)
	}
}

// TestNames: names of keys come into a record only if somebody wants them there.
func TestNames(t *testing.T) {
	for _, keys := range []bool{false, true} {
		l, name := openFile(t, new(bytes.Buffer), Options{Keys: keys})
		fmt.Fprintf(l, "load database 0, key %q: HSET answered %q: odd\n", `user:"7" \`, "ERR user:7")
		fmt.Fprintf(l, "a long one %q… and %q\n", "user:7", "user:7")
		Say(l, slog.LevelError, `ACL SETUSER x '~user:7*'`)
		if err := l.Close(0); err != nil {
			t.Fatal(err)
		}
		if data := string(read(t, name)); strings.Contains(data, "user") != keys || !strings.Contains(data, "HSET answered") {
			t.Errorf("--log-keys %v:\n%s", keys, data)
		}
	}
}

// TestInPlace: without a file the records are all that stderr gets, and the least level counts.
func TestInPlace(t *testing.T) {
	var messages, stderr bytes.Buffer
	l := New(&messages, &stderr)
	fmt.Fprintln(l, "before")
	if l.Messages() != &messages {
		t.Error("messages go elsewhere")
	}
	if err := l.Record(Options{JSON: true, Level: slog.LevelWarn}); err != nil {
		t.Fatal(err)
	}
	if l.Messages() != &stderr {
		t.Error("messages for people go elsewhere than to stderr")
	}
	fmt.Fprintln(l, "one")
	fmt.Fprintln(l, "warning: two")
	if err := l.Close(0); err != nil {
		t.Fatal(err)
	}
	if all := records(t, stderr.Bytes()); messages.String() != "before\n" || len(all) != 1 || all[0]["msg"] != "two" {
		t.Errorf("messages %q, records %v", messages.String(), all)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("gone") }

// TestBroken: a terminal that is gone costs no record, and a file that cannot be written is said
// once.
func TestBroken(t *testing.T) {
	l := New(broken{}, broken{})
	name := filepath.Join(t.TempDir(), "log")
	if err := l.Record(Options{File: name}); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(l, "one")
	if err := l.Close(0); err != nil || !strings.Contains(string(read(t, name)), "msg=one") {
		t.Errorf("%v, %q", err, read(t, name))
	}
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("NO /dev/full: a full disk is not tested")
	}
	var seen bytes.Buffer
	l = New(&seen, &seen)
	if err := l.Record(Options{File: "/dev/full"}); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(l, "one\ntwo\n")
	if n := strings.Count(seen.String(), "records are missing"); n != 1 {
		t.Errorf("said %d times: %q", n, seen.String())
	}
	if err := l.Record(Options{File: filepath.Join(name, "x")}); err == nil {
		t.Error("a file below a file was opened")
	}
}
