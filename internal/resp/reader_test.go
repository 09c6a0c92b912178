package resp

import (
	"bufio"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

// bare takes out where texts and lists lay.
func bare(v Reply) Reply {
	v.at, v.size = 0, 0
	v.List = append([]Reply(nil), v.List...)
	for i := range v.List {
		v.List[i] = bare(v.List[i])
	}
	return v
}

// readAll reads n replies with a small buffer.
func readAll(in io.Reader, n int) (list []Reply, rest string, err error) {
	r := &Reader{in: bufio.NewReaderSize(in, 16)}
	list = make([]Reply, n)
	n, err = r.Read(n, func(i int) *Reply { return &list[i] })
	left, _ := io.ReadAll(r.in)
	return list[:n], string(left), err
}

func TestReader(t *testing.T) {
	long := strings.Repeat("x", 300<<10)
	text := func(s string) Reply { return Reply{Kind: '$', Text: s} }
	for in, want := range map[string]Reply{
		"+OK\r\n":                        {Kind: '+', Text: "OK"},
		"-WRONGTYPE x\r\n":               {Kind: '-', Text: "WRONGTYPE x"},
		"-" + long + "\r\n":              {Kind: '-', Text: long},
		":12\r\n":                        {Kind: ':', N: 12},
		":-7\r\n":                        {Kind: ':', N: -7},
		"$-1\r\n":                        {},
		"*-1\r\n":                        {},
		"$0\r\n\r\n":                     text(""),
		"$3\r\na\r\n\r\n":                text("a\r\n"),
		"$307200\r\n" + long + "\r\n":    text(long),
		"*0\r\n":                         {Kind: '*'},
		"*3\r\n$1\r\na\r\n$-1\r\n:7\r\n": {Kind: '*', List: []Reply{text("a"), {}, {Kind: ':', N: 7}}},
		"*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n": {Kind: '*', List: []Reply{
			{Kind: '*', List: []Reply{text("1-1"), {Kind: '*', List: []Reply{text("f"), text("v")}}}}}},
	} {
		list, rest, err := readAll(strings.NewReader(in+in+"rest"), 2)
		if err != nil || rest != "rest" {
			t.Fatalf("%.20q: %v, leaves %.20q", in, err, rest)
		}
		for _, got := range list {
			if !reflect.DeepEqual(bare(got), want) {
				t.Errorf("%.20q: %.60v", in, got)
			}
		}
	}
	for _, in := range []string{"\r\n", "x\r\n", "x\n", "OK\r\n", "+OK\n", ":\r\n", ":1x\r\n", ":99999999999999999999\r\n", "%1\r\n",
		"$x\r\n", "$-2\r\n", "*-2\r\n", "*x\r\n", "$3\r\nabcde", "*99999999\r\n",
		"-" + strings.Repeat("x", 2<<20), strings.Repeat("*1\r\n", 10) + ":1\r\n"} {
		if _, _, err := readAll(strings.NewReader(in), 1); !errors.Is(err, ErrReply) {
			t.Errorf("%.20q: %v", in, err)
		}
	}
	if _, _, err := readAll(strings.NewReader("$99999999999\r\n"), 1); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	for _, in := range []string{"", "+", "+OK\r", "*2\r\n:1\r\n", "$3\r\nab", "$300000\r\nab", "$3\r\nabc\r", "*4000000\r\n"} {
		if _, _, err := readAll(strings.NewReader(in), 1); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v", in, err)
		}
	}
	if list, _, err := readAll(strings.NewReader("-OOM x\r\n:1\r\n"), 3); len(list) != 2 || list[0].Text != "OOM x" || !errors.Is(err, io.EOF) {
		t.Errorf("of a connection that ends: %v, %v", list, err)
	}
}
