package leftout

import (
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

func TestList(t *testing.T) {
	const report = `{"db":0,"kind":"zset","key":"eg==","name":"\"z\"","reason":"refused","member":"bQ=="}
{"db":1,"kind":"list","key":"bA==","name":"\"l\"","reason":"refused"}
{"db":1,"kind":"hyperloglog","key":"aA==","name":"\"h\"","reason":"hyperloglog"}
`
	l, err := ReadList(strings.NewReader(report))
	if err != nil {
		t.Fatal(err)
	}
	checkList(t, l)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"x", "{}\n", `{"class":"missing","key":"eg=="}`} {
		if _, err := ReadList(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

func checkList(t *testing.T, l *List) {
	t.Helper()
	for _, c := range []struct {
		db          int
		kind        format.Kind
		key, member string
		want        bool
	}{
		{0, format.Zset, "z", "m", true}, {0, format.Zset, "z", "n", false}, {1, format.Zset, "z", "m", false}, {0, format.Set, "z", "m", false},
		{0, format.Zset, "z", "", false}, {1, format.List, "l", "", true}, {1, format.HyperLogLog, "h", "", false},
	} {
		var member []byte
		if c.member != "" {
			member = []byte(c.member)
		}
		if got := l.Holds(c.db, c.kind, []byte(c.key), member); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
