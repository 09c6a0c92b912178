package main

import (
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestNothingChosen: a load or comparison of no key of a dump that holds some is no unremarked
// success.
func TestNothingChosen(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "1"), text("b", "2")})
	m := startTarget(t)
	at := []string{"--uri", m.Addr(), "--in", dir}
	for _, command := range []string{"load", "verify"} {
		for _, flags := range [][]string{{"--db", "5"}, {"--type", "zset"}} {
			runCommand(append(append([]string{command}, at...), flags...)...).failed(t, 5, "choose none of the dump's keys; it has db0 string (2)")
		}
	}
	runCommand(append([]string{"verify", "--match", "nosuch*"}, at...)...).failed(t, 5, "no key was compared, which proves nothing")
	runCommand(append([]string{"verify", "--sample", "0.0001%"}, at...)...).failed(t, 5, "no key was compared, which proves nothing")
	r := runCommand(append([]string{"load", "--match", "nosuch*"}, at...)...)
	if r.code != 0 || !strings.Contains(r.stderr, "NOTHING WAS LOADED") {
		t.Errorf("load --match: %d, %s", r.code, r.stderr)
	}
}

// TestTrialIsSaid: a dump of a part of its source says so wherever it is used.
func TestTrialIsSaid(t *testing.T) {
	dir := makeDumpWith(t, 1, format.Options{LimitKeys: 1000, Sample: 0.01}, []format.Record{text("a", "1")})
	m := startTarget(t)
	at := []string{"--uri", m.Addr(), "--in", dir}
	for _, args := range [][]string{
		{"inspect", dir}, {"check", dir}, append([]string{"load", "--dry-run"}, at...), append([]string{"load"}, at...), append([]string{"verify"}, at...),
	} {
		r := runCommand(args...)
		for _, want := range []string{"a trial: only a sample of 1 % of the keys", "a trial: only the first 1,000 keys of each database and type"} {
			if r.code != 0 || !strings.Contains(r.stdout+r.stderr, want) {
				t.Errorf("%s: %d, no %q in %s%s", args[0], r.code, want, r.stdout, r.stderr)
			}
		}
	}
}

// TestFlagsBehind: flags may stand behind the dump.
func TestFlagsBehind(t *testing.T) {
	r := runCommand("inspect", makeDump(t, []format.Record{text("a", "1")}), "--json")
	if r.code != 0 || !strings.HasPrefix(r.stdout, "{") {
		t.Errorf("%d, %s%s", r.code, r.stdout, r.stderr)
	}
}
