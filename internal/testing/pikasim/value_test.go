package pikasim

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestScores(t *testing.T) {
	for in, want := range map[string]string{
		"1": "1", "-0": "-0", "0": "0", "2.5": "2.5", "0.1": "0.10000000000000001", "1e-7": "9.9999999999999995e-08",
		"inf": "inf", "-Inf": "-inf", "+inf": "inf", "nan": "nan", "-nan": "nan", "infinity": "inf",
		"9007199254740993": "9007199254740992", "4503599627370495": "4503599627370495", "4503599627370496": "4503599627370496",
		"1e308": "1e+308", "1e16": "10000000000000000", "1e17": "1e+17", "123456789012345678": "1.2345678901234568e+17",
		"4.9e-324": "4.9406564584124654e-324", "1e999": "inf", "100000.5": "100000.5",
	} {
		f, ok := parseScore(in)
		if got := formatScore(f); !ok || got != want {
			t.Errorf("%s: %s, %v, want %s", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "x", "1_0", "1 ", "++1", "+-nan", "--inf"} {
		if f, ok := parseScore(in); ok {
			t.Errorf("%q: %v", in, f)
		}
	}
}

func TestTimeToLive(t *testing.T) {
	for _, x := range []struct {
		version Version
		command []string
		want    string // TTL and PTTL a second later
	}{
		{V340, []string{"EXPIRE", "k", "100"}, "99 99000"},
		{V340, []string{"PEXPIRE", "k", "100900"}, "99 99000"},
		{V340, []string{"EXPIREAT", "k", "4102444800"}, "-2 -2"},
		{V355, []string{"PEXPIREAT", "k", "1800000100900"}, "99 99000"},
		{V355, []string{"EXPIREAT", "k", "4102444800"}, "2302444799 2302444799000"}, // from the cache
		{V355, []string{"EXPIRE", "k", "0"}, "-2 -2"},
		{V355, []string{"EXPIRE", "k", "-1"}, "-2 -2"},
		{V400, []string{"EXPIRE", "k", "100"}, "99 99"},
		{V400, []string{"EXPIREAT", "k", "4102444800"}, "2302444799 2302444799"},
		{V401, []string{"EXPIRE", "k", "100"}, "99 99000"},
		{V401, []string{"PEXPIRE", "k", "100900"}, "99 99900"},
		{V401, []string{"EXPIREAT", "k", "4102444800"}, "2302444799 2302444799000"},
		{V401, []string{"PEXPIREAT", "k", "1800000100000"}, "99 -2"}, // lost, but for the cache
		{V401, []string{"EXPIRE", "k", "0"}, "0 0"},                  // as if it never was
		{V401, []string{"PERSIST", "k"}, "-1 -1"},
	} {
		clock := newTestClock(time.Unix(1_800_000_000, 0))
		c := dial(t, start(t, Options{Version: x.version, Clock: clock.Now}))
		c.do("SET", "k", "v")
		c.do(x.command...)
		clock.Advance(time.Second)
		got := strings.Trim(c.do("TTL", "k"), ":\r\n") + " " + strings.Trim(c.do("PTTL", "k"), ":\r\n")
		if got != x.want {
			t.Errorf("%s %q: %s, want %s", x.version, x.command, got, x.want)
		}
	}
}

func TestWithoutCacheNothingOutlivesTheStore(t *testing.T) {
	c := dial(t, start(t, Options{Version: V401, Config: map[string]string{"cache-model": "0"}}))
	c.do("SET", "k", "v")
	c.do("PEXPIREAT", "k", "4102444800123")
	if got := c.do("TTL", "k"); got != ":-2\r\n" {
		t.Errorf("TTL %q", got)
	}
}

func TestHyperLogLogCount(t *testing.T) {
	for _, v := range versions {
		c := dial(t, start(t, Options{Version: v}))
		for i := range 5000 {
			c.do("PFADD", "pf", fmt.Sprint("member", i))
		}
		var n float64
		fmt.Sscanf(c.do("PFCOUNT", "pf"), ":%g", &n)
		if math.Abs(n-5000) > 50 {
			t.Errorf("%s: counted %v of 5000", v, n)
		}
		page := c.list("PKSCANRANGE", "string_with_value", "", "")
		if len(page) != 3 || len(page[2]) != hllRegisters {
			t.Errorf("%s: not listed with its registers", v)
		}
		c.do("SET", "plain", "x")
		if got := c.do("PFCOUNT", "plain"); v.oneType() && !strings.Contains(got, "WRONGTYPE") {
			t.Errorf("%s: PFCOUNT of a plain string: %q", v, got)
		}
	}
}

func TestZrangeSkipsMinusInf(t *testing.T) {
	c := dial(t, start(t, Options{}))
	c.do("ZADD", "za", "-inf", "neg", "1", "one")
	if got := c.list("ZRANGE", "za", "0", "-1"); !slices.Equal(got, []string{"one"}) {
		t.Errorf("ZRANGE: %q", got)
	}
	if got := c.list("ZSCAN", "za", "0"); !slices.Equal(got, []string{"0", "neg", "-inf", "one", "1"}) {
		t.Errorf("ZSCAN: %q", got)
	}
}

func TestListEnds(t *testing.T) {
	c := dial(t, start(t, Options{}))
	var model []string
	for i := range 300 {
		e := fmt.Sprint(i)
		switch i % 4 {
		case 0, 1:
			c.do("LPUSH", "l", e)
			model = append([]string{e}, model...)
		case 2:
			c.do("RPUSH", "l", e)
			model = append(model, e)
		case 3:
			if got := c.list("LPOP", "l"); got[0] != model[0] {
				t.Fatalf("LPOP %q, want %q", got, model[0])
			}
			model = model[1:]
		}
	}
	if got := c.list("LRANGE", "l", "0", "-1"); !slices.Equal(got, model) {
		t.Errorf("LRANGE %q", got)
	}
	for range model {
		c.do("RPOP", "l")
	}
	if got := c.do("EXISTS", "l"); got != ":0\r\n" {
		t.Errorf("EXISTS of an empty list: %q", got)
	}
}

func TestXaddRefuses(t *testing.T) {
	c := dial(t, start(t, Options{}))
	c.do("XADD", "st", "5-5", "f", "v")
	for id, want := range map[string]string{
		"5-5": "-ERR Invalid argument: INVALID ID given\r\n",
		"x":   "-ERR Invalid stream ID specified as stream \r\n",
	} {
		if got := c.do("XADD", "st", id, "f", "v"); got != want {
			t.Errorf("%s: %q", id, got)
		}
	}
}
