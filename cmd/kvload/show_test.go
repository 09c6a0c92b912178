package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// TestLook: what get, cat and ls say, and how they end.
func TestLook(t *testing.T) {
	hll := format.Record{Kind: format.HyperLogLog, Key: []byte("p"), Part: format.PartWhole, Value: []byte("registers")}
	one := makeDump(t, []format.Record{text("a", "1"), text("b", "2"), hll})
	two := makeDump(t, []format.Record{text("a", "1"), hash("a", "f", "v")}, []format.Record{text("c", "3")})
	three := makeDump(t, []format.Record{text("a", "1")}, []format.Record{text("c", "3")}, []format.Record{text("d", "4")})
	empty := makeDump(t, []format.Record{text("b", "2")}, nil) // nothing in db1, as Pika often has it
	list := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(list, []byte("c\na\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args   []string
		code   int
		stdout string // lines that are there, in order, with … for what is not told
		says   string
	}{
		{[]string{"get", one, "b"}, 0, "b  (string, db0)\n  2\n", ""},
		{[]string{"get", one, "b", "no", "\xff"}, 3, "b  (string, db0)\n  2\n", "2 keys are not in the dump"},
		{[]string{"get", "--format", "json", "--keys-from", list, "--db", "0", two}, 3, `{"db":0,"type":"string","key":"a",…{"db":0,"type":"hash","key":"a",`, `not in what is chosen of the dump: "c"`},
		{[]string{"get", "--base64", one, "Yg=="}, 0, "b  (string", ""},
		{[]string{"get", "--base64", one, "b"}, 2, "", "no base64"},
		{[]string{"get", one}, 2, "", "behind it the keys"},
		{[]string{"get", one, "a", "--keys-from", list}, 2, "", "behind it the keys"},
		{[]string{"get", "--keys-from", "/nosuch", one}, 2, "", "--keys-from"},
		{[]string{"get", "--format", "resp", one, "p"}, 3, "", `left out: hyperloglog "p" of db0`},
		{[]string{"get", "--format", "resp", "--hyperloglog", "string", one, "p"}, 0, "SET…registers", ""},
		{[]string{"get", "--format", "resp", three, "a", "c", "d"}, 2, "", "one database at a time, and the keys are in 0, 1, 2: choose"},
		{[]string{"pack", one, "-o", "x.tar"}, 2, "", "there is no flag -o: it writes to standard output, as in kvload pack DIR > FILE"},
		{[]string{"get", "--format", "resp", two, "c"}, 0, "SET…c…3", ""},
		{[]string{"cat", "--quiet", "--format", "resp", two}, 2, "", "one database at a time"},
		{[]string{"get", "--format", "resp", empty, "b"}, 0, "SET…b…2", ""},
		{[]string{"get", "--format", "resp", "--db", "0", two, "a"}, 5, "", "load one type with --type"},
		{[]string{"get", "--format", "resp", "--db", "0", "--type", "hash", two, "a"}, 0, "HSET…f…v", ""},
		{[]string{"get", "--match", "b*", one, "a", "b"}, 3, "b  (string", `not in what is chosen of the dump: "a"`},
		{[]string{"get", "--type", "hash", one, "a"}, 3, "", `not in what is chosen of the dump: "a"`},
		{[]string{"cat", "--db", "7", one}, 5, "", "choose none of the dump's keys; it has the databases [0]"},
		{[]string{"get", "--ttl", "drop", one, "a"}, 2, "", "--ttl goes with --format resp"},
		{[]string{"get", "--format", "xml", one, "a"}, 2, "", "it is table, json, resp or csv"},
		{[]string{"get", t.TempDir(), "a"}, 10, "", "no finished dump"},
		{[]string{"cat", "--quiet", "--format", "csv", "--match", "[bp]", one}, 0, "db,type,key…\n0,string,b,,,2,\n0,hyperloglog,p,,,registers,\n", "wrote 2 keys"},
		{[]string{"cat", "--quiet", "--limit", "1", "--format", "json", one}, 0, `{"db":0,"type":"string","key":"a"…}`, "wrote 1 key with 1 element"},
		{[]string{"cat", "--quiet", "--key", "b", "--key", "no", one}, 3, "b  2\n", `not in the dump: "no"`},
		{[]string{"cat", "--quiet", "--match", "x*", "--format", "json", one}, 0, "", "wrote 0 keys"},
		{[]string{"cat", "--limit", "-1", one}, 2, "", "--limit -1 is negative"},
		{[]string{"cat", "--quiet", "--format", "resp", one}, 3, "SET…a…SET…b…", "only Pika reads its encoding"},
		{[]string{"ls", one}, 0, "string…1…1…1…B  the first …a\\x00…", ""},
		{[]string{"ls", "--format", "json", "--db", "1", "--type", "string", two}, 0, `{"name":"chunks/db1/string/000001.mpz",`, ""},
		{[]string{"ls", "--format", "resp", two}, 2, "", "it is table or json"},
	} {
		r := runCommand(tc.args...)
		if r.code != tc.code || !strings.Contains(r.stderr, tc.says) {
			t.Errorf("%q: exit code %d, want %d and %q\n%s%s", tc.args, r.code, tc.code, tc.says, r.stdout, r.stderr)
		}
		if tc.says == "" && r.stderr != "" {
			t.Errorf("%q: says %s", tc.args, r.stderr)
		}
		rest, found := r.stdout, true
		for want := range strings.SplitSeq(tc.stdout, "…") {
			if _, rest, found = strings.Cut(rest, want); !found {
				t.Errorf("%q: no %q in\n%s", tc.args, want, r.stdout)
				break
			}
		}
		if tc.code == 2 && r.stdout != "" || tc.code == 10 && r.stdout != "" {
			t.Errorf("%q writes %s", tc.args, r.stdout)
		}
	}
}

// TestLookBroken: whoever reads ends, as head does, and the disk is full.
func TestLookBroken(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", strings.Repeat("1", 1<<20))})
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("NO /dev/full: a full disk is not tested")
	}
	defer full.Close()
	r, unread, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer unread.Close()
	r.Close()
	for _, command := range [][]string{{"cat", "--quiet", "--format", "json", dir}, {"get", dir, "a"}, {"ls", dir}} {
		for to, says := range map[*os.File]string{full: "the disk is full", unread: "whoever reads the stream has ended"} {
			var stderr bytes.Buffer
			code := run(append([]string{"kvload"}, command...), strings.NewReader(""), to, &stderr)
			result{code: code, stderr: stderr.String()}.failed(t, 75, says)
		}
	}
}

// TestLookDamaged: of a dump with a damaged chunk the others can be had. What meets it names the
// file and what helps: to look for others first, whatever else could come next.
func TestLookDamaged(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "1"), hash("b", "f", "v")})
	path := filepath.Join(dir, "chunks", "db0", "string", "000001.mpz")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "part")
	m := startTarget(t)
	for _, args := range [][]string{
		{"get", dir, "a"}, {"cat", "--quiet", "--format", "json", dir}, {"extract", "--quiet", "--match", "*", "--out", out, dir}, {"stats", dir},
		{"report", "--out", out + ".html", dir}, {"pack", dir}, {"load", "--uri", m.Addr(), "--in", dir, "--state", out + ".state"},
		{"verify", "--uri", m.Addr(), "--in", dir}, {"rollback", "--uri", m.Addr(), "--in", dir, "--state", out + ".state"},
	} {
		r := runCommand(args...)
		if args[0] == "pack" {
			r.stdout = "" // what was packed before
		}
		r.failed(t, 13, "000001.mpz", "fetch what is damaged again", "to see every damaged file: kvload check "+dir+"\n")
		if strings.Contains(r.stderr, "  next ") || strings.Contains(r.stderr, "NOTHING WAS LOADED") {
			t.Errorf("%q: %s", args, r.stderr)
		}
	}
	if r := runCommand("load", "--uri", m.Addr(), "--in", dir, "--state", out+".json", "--on-exists", "replace", "--json"); !strings.Contains(r.stdout, `"kvload check `+dir+`"`) {
		t.Error(r.stdout)
	}
	for _, args := range [][]string{{"get", "--type", "hash", dir, "b"}, {"extract", "--quiet", "--type", "hash", "--out", out + "2", dir}} {
		if r := runCommand(args...); r.code != 0 {
			t.Errorf("%q: exit code %d: %s", args, r.code, r.stderr)
		}
	}
}

// TestLookChain: a chain is shown as what it and its base amount to, to its end or to one of its
// deltas; a delta alone as what changed.
func TestLookChain(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "1"), text("b", "2"), hash("c", "f", "v")})
	chain := filepath.Join(t.TempDir(), "chain")
	one, two := archive.DeltaPath(chain, 1), archive.DeltaPath(chain, 2)
	smalldump.Delta(t, one, dir, []format.Record{text("a", "changed"), smalldump.Deleted("b")})
	smalldump.Delta(t, two, one, []format.Record{smalldump.Deleted("a"), text("d", "new")})
	csv := "db,type,key,expire,field,value,base64\n"
	for _, tc := range []struct {
		args   []string
		code   int
		stdout string
		says   string
	}{
		{[]string{"cat", "--format", "csv", "--base", dir, chain}, 0, csv + "0,string,d,,,new,\n0,hash,c,,f,v,\n", ""},
		{[]string{"cat", "--format", "csv", "--base", dir, one}, 0, csv + "0,string,a,,,changed,\n0,hash,c,,f,v,\n", ""},
		{[]string{"get", "--format", "csv", "--base", dir, chain, "b", "d"}, 3, csv + "0,string,d,,,new,\n", `not in the dump: "b"`},
		{[]string{"get", "--format", "csv", "--base", dir, one, "a"}, 0, csv + "0,string,a,,,changed,\n", ""},
		{[]string{"cat", "--format", "json", "--type", "string", two}, 0, `{"db":0,"type":"string","deleted":true,"key":"a"}
{"db":0,"type":"string","key":"d","expire":null,"value":"new"}
`, ""},
		{[]string{"cat", "--format", "csv", "--type", "string", two}, 0, csv + "0,string deleted,a,,,,\n0,string,d,,,new,\n", ""},
		{[]string{"cat", "--format", "resp", "--type", "string", "--base", dir, chain}, 0, "*3\r\n$3\r\nSET\r\n$1\r\nd\r\n$3\r\nnew\r\n", ""},
		{[]string{"cat", "--format", "resp", two}, 5, "", "give its chain and --base"},
		{[]string{"cat", chain}, 10, "", "it is a chain of deltas: give one of them, such as "},
		{[]string{"cat", "--base", dir, dir}, 2, "", "is neither"},
		{[]string{"cat", "--base", dir, archive.DeltaPath(chain, 3)}, 10, "", "there is no"},
		{[]string{"cat", "--base", one, chain}, 5, "", "this is a delta dump"},
		{[]string{"cat", "--base", makeDump(t, []format.Record{text("x", "1")}), chain}, 5, "", "this is not the base of the chain"},
		{[]string{"extract", "--match", "d", "--out", filepath.Join(t.TempDir(), "part"), two}, 5, "", "this is a delta dump"},
	} {
		if tc.args[0] == "cat" {
			tc.args = append([]string{"cat", "--quiet"}, tc.args[1:]...)
		}
		r := runCommand(tc.args...)
		if r.code != tc.code || r.stdout != tc.stdout || !strings.Contains(r.stderr, tc.says) {
			t.Errorf("%q: exit code %d, want %d and %q\n%s%s", tc.args, r.code, tc.code, tc.says, r.stdout, r.stderr)
		}
	}
	if r := runCommand("ls", two); r.code != 0 || !strings.Contains(r.stdout, "string") {
		t.Errorf("ls: exit code %d: %s%s", r.code, r.stdout, r.stderr)
	}
}

// TestExtract: a part of a dump, encrypted or not, is a dump like any other.
func TestExtract(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "1"), text("user:1", "2"), hash("user:2", "f", "v")})
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key.txt")
	if err := os.WriteFile(key, []byte(identity.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := func(name string) string { return filepath.Join(t.TempDir(), name) }
	secret, part, plain := out("secret"), out("part"), out("plain")
	for _, args := range [][]string{
		{"extract", "--quiet", "--match", "user:*", "--encrypt-to", identity.Recipient().String(), "--out", secret, dir},
		{"check", "--quiet", "--identity", key, secret},
		{"extract", "--quiet", "--type", "hash", "--identity", key, "--encrypt-to", identity.Recipient().String(), "--out", part, secret},
		{"extract", "--quiet", "--type", "hash", "--identity", key, "--plain", "--out", plain, secret},
	} {
		if r := runCommand(args...); r.code != 0 {
			t.Fatalf("%q: exit code %d: %s", args, r.code, r.stderr)
		}
	}
	for _, args := range [][]string{{"get", plain, "user:2"}, {"get", "--identity", key, part, "user:2"}} {
		if r := runCommand(args...); r.code != 0 || r.stdout != "user:2  (hash, db0)\n  f=v\n" {
			t.Errorf("%q: exit code %d: %s%s", args, r.code, r.stdout, r.stderr)
		}
	}
	r := runCommand("extract", "--json", "--quiet", "--match", "user:*", "--out", out("json"), dir)
	if r.code != 0 || !strings.Contains(r.stdout, `"keys": 2,`) || !strings.Contains(r.stdout, "only keys that match") || !strings.Contains(r.stdout, `"kvload check `) {
		t.Errorf("exit code %d: %s", r.code, r.stdout)
	}
	runCommand("extract", "--quiet", "--match", "user:*", dir).failed(t, 2, "--out is missing")
	runCommand("extract", "--quiet", "--identity", key, "--out", out("no"), secret).failed(t, 2, "--encrypt-to RECIPIENT, or --plain")
	runCommand("extract", "--quiet", "--match", "no*", "--out", out("no"), dir).failed(t, 5, "no key of the dump is chosen")
	runCommand("extract", "--quiet", "--match", "a*", "--out", plain, dir).failed(t, 5, "finished dump")
	runCommand("extract", "--quiet", "--match", "*1", "--identity", key, "--plain", "--out", out("no"), secret).failed(t, 5, `--match "user:*"`)
}
