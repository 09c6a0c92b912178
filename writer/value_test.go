package writer

import (
	"bufio"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

// bare takes out where texts and lists lay.
func bare(v value) value {
	v.at, v.size = 0, 0
	v.list = append([]value(nil), v.list...)
	for i := range v.list {
		v.list[i] = bare(v.list[i])
	}
	return v
}

func TestReadValue(t *testing.T) {
	long := strings.Repeat("x", 300<<10)
	text := func(s string) value { return value{kind: '$', text: s} }
	for in, want := range map[string]value{
		"+OK\r\n":                        {kind: '+', text: "OK"},
		"-WRONGTYPE x\r\n":               {kind: '-', text: "WRONGTYPE x"},
		":12\r\n":                        {kind: ':', n: 12},
		"$-1\r\n":                        {},
		"*-1\r\n":                        {},
		"$0\r\n\r\n":                     text(""),
		"$307200\r\n" + long + "\r\n":    text(long),
		"*0\r\n":                         {kind: '*'},
		"*3\r\n$1\r\na\r\n$-1\r\n:7\r\n": {kind: '*', list: []value{text("a"), {}, {kind: ':', n: 7}}},
		"*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n": {kind: '*', list: []value{
			{kind: '*', list: []value{text("1-1"), {kind: '*', list: []value{text("f"), text("v")}}}}}},
	} {
		in2 := bufio.NewReaderSize(strings.NewReader(in+in+"rest"), 16)
		r := valueReader{in: in2}
		for range 2 {
			got, err := r.read()
			if err == nil {
				r.settle(&got, r.texts())
			}
			if err != nil || !reflect.DeepEqual(bare(got), want) {
				t.Errorf("%.20q: %.60v, %v", in, got, err)
			}
		}
		if rest, _ := io.ReadAll(in2); string(rest) != "rest" {
			t.Errorf("%.20q leaves %.20q", in, rest)
		}
	}
	for _, in := range []string{"\r\n", "x\r\n", "$x\r\n", "$-2\r\n", "*-2\r\n", "*x\r\n", "$3\r\nabcde", "$99999999999\r\n", "*99999999\r\n", ":1x\r\n",
		strings.Repeat("*1\r\n", 10) + ":1\r\n"} {
		if _, err := (&valueReader{in: bufio.NewReader(strings.NewReader(in))}).read(); !errors.Is(err, errReply) {
			t.Errorf("%q: %v", in, err)
		}
	}
	for _, in := range []string{"", "*2\r\n:1\r\n", "$3\r\nab", "$300000\r\nab", "$3\r\nabc\r", "*4000000\r\n"} {
		_, err := (&valueReader{in: bufio.NewReader(strings.NewReader(in))}).read()
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v", in, err)
		}
	}
}
