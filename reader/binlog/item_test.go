package binlog

import (
	"errors"
	"strings"
	"testing"
)

// TestCommandsWithoutNames: what deleted keys that it does not name, and what is not known, are
// errors of their own.
func TestCommandsWithoutNames(t *testing.T) {
	_, err := parseItem(encode("flushdb"), 1<<20)
	if e, ok := errors.AsType[*CommandError](err); !ok || e.Command != "flushdb" || e.At != at(0, 7) || !strings.Contains(err.Error(), "flushdb deleted all keys") {
		t.Error(err)
	}
	_, err = parseItem(encode("FLUSHDB", "string"), 1<<20)
	if e, ok := errors.AsType[*CommandError](err); !ok || e.Command != "flushdb string" {
		t.Error(err)
	}
	_, err = parseItem(encode("pkpatternmatchdel", "user:*", "hash"), 1<<20)
	if e, ok := errors.AsType[*CommandError](err); !ok || e.Command != "pkpatternmatchdel user:* hash" || e.At != at(0, 7) {
		t.Error(err)
	}
	_, err = parseItem(encode("pkpatternmatchdel", "user:*"), 1<<20)
	if _, ok := errors.AsType[*CommandError](err); !ok || !strings.Contains(err.Error(), `"pkpatternmatchdel user:*" deleted keys that the binlog does not name`) {
		t.Error(err)
	}
	for _, name := range []string{"copy", "georadius", "", strings.Repeat("x", maxCommand)} {
		_, err := parseItem(encode(name, "k"), 1<<20)
		if e, ok := errors.AsType[*CommandError](err); !ok || e.Command != name || e.At != at(0, 7) || !strings.Contains(err.Error(), "is not known") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMalformedItem: what no Pika writes is refused, with its place.
func TestMalformedItem(t *testing.T) {
	ok := string(encode("set", "k", "v"))
	for name, item := range map[string]string{
		"short":              ok[:HeaderSize-1],
		"type":               "\x02" + ok[1:],
		"length":             ok[:30] + "\xff" + ok[31:],
		"cut":                string(header([]byte("*3\r\n$3\r\nset\r\n$1\r\nk\r\n$1\r\n"))),
		"too many arguments": string(header([]byte("*4\r\n$3\r\nset\r\n$1\r\nk\r\n$1\r\nv\r\n"))),
		"too few arguments":  string(header([]byte("*2\r\n$3\r\nset\r\n$1\r\nk\r\n$1\r\nv\r\n"))),
		"no argument":        string(header([]byte("*0\r\n"))),
		"nothing":            string(header(nil)),
		"text":               string(header([]byte("set k v\r\n"))),
		"giant argument":     string(header([]byte("*3\r\n$3\r\nset\r\n$999999999\r\nk\r\n$1\r\nv\r\n"))),
		"giant count":        string(header([]byte("*9999999999\r\n$3\r\nset\r\n"))),
		"endless count":      string(header([]byte("*00000000000000000000000001\r\n$3\r\nset\r\n"))),
		"negative":           string(header([]byte("*-1\r\n$3\r\nset\r\n"))),
		"no line end":        string(header([]byte("*3\r\n$3\r\nset\r\n$1\r\nk$$$1\r\nv\r\n"))),
		"no number":          string(header([]byte("*\r\n$3\r\nset\r\n"))),
		"long name":          string(encode(strings.Repeat("x", maxCommand+1))),
		"no name":            string(encode("set")),
		"half of two names":  string(encode("smove", "a")),
	} {
		got, err := parseItem([]byte(item), 1<<20)
		if e, ok := errors.AsType[*ItemError](err); !ok || e.At != at(0, 7) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// TestMaxNames: names of an item are bounded, values are not kept.
func TestMaxNames(t *testing.T) {
	if item, err := parseItem(encode("set", "k", strings.Repeat("v", 1<<20)), 100); err != nil || len(item.Names) != 1 {
		t.Error(err)
	}
	for _, args := range [][]string{
		{"set", strings.Repeat("k", 100), "v"},
		append([]string{"del"}, make([]string, 100/nameCost+1)...), // empty names cost too
	} {
		_, err := parseItem(encode(args...), 100)
		if e, ok := errors.AsType[*ItemError](err); !ok || !strings.Contains(err.Error(), "the names of a "+args[0]+" take more than 100 bytes") || e.At != at(0, 7) {
			t.Error(err)
		}
	}
}
