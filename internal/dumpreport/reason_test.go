package dumpreport

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestReasons: what a manifest and the count of the source give as reasons has a Chinese text.
func TestReasons(t *testing.T) {
	zh := maker{Page: &Page{Lang: Chinese}}
	at := []format.BinlogPosition{{DB: 0, File: 1, Offset: 2}}
	var all []string
	for _, m := range []format.Manifest{
		{Info: format.Info{Source: format.Source{WriteBinlog: "unknown"}}},
		{Info: format.Info{Source: format.Source{WriteBinlog: "no"}}},
		{Info: format.Info{Source: format.Source{WriteBinlog: "yes"}}},
		{Info: format.Info{Source: format.Source{WriteBinlog: "yes", Binlog: at}}, BinlogAfter: []format.BinlogPosition{{DB: 0, File: 1, Offset: 3}}},
		{Info: format.Info{Source: format.Source{WriteBinlog: "yes", Binlog: at}}, BinlogAfter: at},
	} {
		m.Judge()
		all = append(all, m.Consistency.Reason)
	}
	source, err := os.ReadFile("../dump/sourcecount.go")
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`"(; [^"]+|the binlog positions[^"]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(said) < 4 {
		t.Fatalf("the count of the source gives these reasons: %q", said)
	}
	for _, m := range said {
		all = append(all, strings.Replace(strings.TrimPrefix(m[1], "; "), "%s", "607,027", 1))
	}
	for _, from := range []struct{ file, texts string }{
		{"../dump/sourcecount.go", `(?m)c\.not = "([^-"][^"]*)"|errWritten = errors.New\("(.*)"\)|Sprintf\("(the source counts[^"]*)"`},
		{"../../reader/keycount.go", `ErrStillCounting = errors.New\("(.*)"\)`},
		{"../merge/merge.go", `Reason = fmt.Sprintf\("(.*)", progress`},
	} {
		data, err := os.ReadFile(from.file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(from.texts).FindAllStringSubmatch(string(data), -1)
		if len(found) == 0 {
			t.Errorf("%s gives no reasons", from.file)
		}
		for _, m := range found {
			reason := strings.Join(m[1:], "")
			if strings.HasPrefix(reason, "the source counts") {
				reason = "db0: the source counts 2 strings without expiry, the dump has 1 (3 more in skipped.jsonl)"
			}
			all = append(all, strings.NewReplacer("%s; of the last: %s", "3 deltas; of the last: "+all[0], "%s", "1 delta").Replace(reason))
		}
	}
	all = append(all, "the binlog positions before and after the dump are equal, but the source counts other keys: db0: the source counts 1 zset with an expiry, the dump has 0")
	for _, reason := range all {
		if got := zh.reason(reason); got == reason || regexp.MustCompile("[a-z]{4,} [a-z]{3,}").MatchString(got) {
			t.Errorf("%q is %q", reason, got)
		}
	}
	if got := zh.reason("what nobody knows; not counted: streams"); got != "what nobody knows；未统计：streams" {
		t.Error(got)
	}
	en := maker{Page: &Page{Lang: English}}
	if got := en.reason("the source writes no binlog"); got != "The source writes no binlog." {
		t.Error(got)
	}
}
