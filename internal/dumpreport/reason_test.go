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
	for _, reason := range all {
		if got := zh.reason(reason); got == reason || strings.Contains(got, "source") {
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
