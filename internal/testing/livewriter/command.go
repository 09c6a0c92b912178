package livewriter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// table is what is written: how often in comparison, on which versions, and how. A word in braces
// is made anew for each command; with a star one or several of them, with a plus many. What stands
// behind "after" goes before, in the same pipeline, so that a blocking pop never waits: 4.0.1 has
// left one without an answer that stood among other commands.
const table = `
	8  all  set {string} {value}
	2  all  set {string} {value} ex {seconds}
	1  all  set {string} {value} px {millis}
	1  all  set {string} {value} nx
	1  all  set {string} {value} xx
	2  all  setex {string} {seconds} {value}
	2  all  psetex {string} {millis} {value}
	1  all  pksetexat {string} {second} {value}
	1  all  setnx {string} {value}
	1  all  getset {string} {value}
	3  all  append {string} {value}
	3  all  append {fresh} {value}
	1  3.5  setrange {string} {small} {value}
	1  all  setbit {string} {bit} 1
	1  all  setbit {bitmap} {bit} 1
	1  all  setbit {bitmap} {bit} 0
	1  all  bitop or {bitmap} {bitmap} {string}
	1  all  bitop and {string} {bitmap} {nothing}
	1  all  bitop not {bitmap} {bitmap}
	2  all  mset {string} {value} {string} {value} {any} {value}
	1  all  msetnx {string} {value} {fresh} {value}
	1  all  msetnx {fresh} {value} {fresh} {value}
	2  all  incr {number}
	2  all  incrby {number} {small}
	1  all  decr {number}
	1  all  decrby {number} {small}
	1  all  incrbyfloat {number} {small}
	1  all  incrbyfloat {float} {score}
	1  all  setex {number} {seconds} 7
	1  all  pfadd {hll} {member*}
	1  3.5  pfmerge {hll} {hll} {hll}
	1  3.4  pfmerge {hll} {hll} {hll}
	6  all  hset {hash} {field} {value}
	3  all  hmset {hash} {fieldvalue*}
	1  all  hsetnx {hash} {field} {value}
	1  all  hincrby {hash} count {small}
	1  all  hincrbyfloat {hash} sum {score}
	3  all  hdel {hash} {field*}
	1  all  hmset {big}h {fieldvalue+}
	1  all  hdel {big}h {field+}
	4  all  rpush {list} {value*}
	4  all  lpush {list} {value*}
	1  all  lpushx {list} {value}
	1  all  rpushx {list} {value}
	1  all  linsert {list} before {member} {value}
	1  all  rpush {list} {member*}
	1  all  lset {list} -1 {value}
	1  all  lset {list} 0 {member}
	1  all  lrem {list} 1 {member}
	1  all  lrem {list} -2 {member}
	2  all  ltrim {list} 1 30
	2  all  lpop {list}
	2  all  rpop {list}
	2  all  rpoplpush {list} {list2}
	1  3.5  blpop popped 1 after lpush popped {value*}
	1  3.5  brpop popped 1 after rpush popped {value*}
	1  all  rpush {big}l {value+}
	1  all  lpush {big}l {value+}
	1  all  ltrim {big}l 50 2000
	6  all  sadd {set} {member*}
	3  all  srem {set} {member*}
	2  all  spop {set}
	1  3.5  spop {set} 3
	2  all  smove {set} {set2} {member}
	1  all  sunionstore {set} {set} {set2}
	1  all  sinterstore {set2} {set} {set}
	1  all  sdiffstore {set2} {set} {set}
	1  4.0  sinter {set} {set2}
	1  all  sadd {big}s {member+}
	1  all  srem {big}s {member+}
	6  all  zadd {zset} {scoremember*}
	2  all  zincrby {zset} {score} {member}
	2  all  zrem {zset} {member*}
	1  all  zremrangebyrank {zset} 0 1
	1  all  zremrangebyscore {zset} -inf {score}
	1  all  zremrangebylex {zset} [m1 (m2
	1  all  zpopmin {zset}
	1  all  zpopmax {zset} 2
	1  all  zunionstore {zset} 2 {zset} {zset2} weights 2 1
	1  all  zinterstore {zset2} 2 {zset} {zset2} aggregate max
	1  all  geoadd {zset2} 13.361389 38.115556 {member}
	1  all  zadd {big}z {scoremember+}
	1  all  zremrangebyrank {big}z 10 90
	4  3.5  xadd {stream} * {fieldvalue*}
	1  3.5  xadd {stream} {id} {fieldvalue*}
	1  3.5  xdel {stream} {id}
	1  3.5  xtrim {stream} maxlen 20
	1  3.5  xadd {stream} maxlen 10 * {fieldvalue*}
	3  all  set {any} {value}
	2  all  hset {any} {field} {value}
	2  all  rpush {any} {value*}
	2  all  sadd {any} {member*}
	2  all  zadd {any} {scoremember*}
	2  all  set {fresh} {value}
	2  all  hset {fresh} {field} {value}
	1  all  zadd {fresh} {scoremember*}
	1  3.5  xadd {fresh} 1-1 f v
	5  all  del {past}
	2  all  del {any} {past}
	1  all  del {string} {hash} {list} {nothing}
	1  all  del {set} {zset} {stream} {number}
	1  3.5  unlink {any} {stream}
	1  4.0  pkpatternmatchdel fresh:*{digits}
	2  all  expire {living} {seconds}
	1  all  expire {living} 0
	1  all  pexpire {living} {millis}
	1  all  expireat {living} {second}
	1  3.4  pexpireat {living} {milli}
	1  3.5  expire {past} {seconds}
	3  all  persist {living}
`

// templates are the words of the rows of a version, each as often as it says.
func templates(version string) (list [][]string) {
	for line := range strings.Lines(strings.TrimSpace(table)) {
		words := strings.Fields(line)
		times, _ := strconv.Atoi(words[0])
		if words[1] == "all" || words[1] == "3.4" && version < "3.5" || words[1] != "3.4" && version >= words[1] {
			list = append(list, slices.Repeat([][]string{words[2:]}, times)...)
		}
	}
	return list
}

// next makes the next command, or two.
func (w *writer) next() [][]any {
	words := w.templates[w.rand.IntN(len(w.templates))]
	if i := slices.Index(words, "after"); i > 0 {
		return [][]any{w.command(words[i+1:]), w.command(words[:i])}
	}
	return [][]any{w.command(words)}
}

func (w *writer) command(template []string) []any {
	args := []any{template[0]}
	for _, word := range template[1:] {
		head, rest, braced := strings.Cut(word, "{")
		name, tail, _ := strings.Cut(rest, "}")
		if !braced {
			args = append(args, word)
			continue
		}
		name, several := strings.CutSuffix(name, "*")
		name, many := strings.CutSuffix(name, "+")
		n := 1
		if several {
			n += w.rand.IntN(4)
		} else if many {
			n = w.o.Grow
		}
		for range n {
			args = append(args, w.words(head, name, tail, many)...)
		}
	}
	return args
}

// words makes what stands for a word in braces. Elements of big collections are of their own.
func (w *writer) words(head, name, tail string, many bool) []any {
	choices := 30
	if many {
		choices = 20 * w.o.Grow
	}
	element := func(prefix string) any { return prefix + strconv.Itoa(w.rand.IntN(choices)) }
	switch name {
	case "fieldvalue":
		return []any{element("f"), w.value()}
	case "scoremember":
		return []any{w.score(), element("m")}
	}
	one, ok := map[string]func() any{
		"value":   func() any { return w.value() },
		"field":   func() any { return element("f") },
		"member":  func() any { return element("m") },
		"score":   func() any { return w.score() },
		"small":   func() any { return w.rand.IntN(100) },
		"bit":     func() any { return w.rand.IntN(4096) },
		"digits":  func() any { return head + fmt.Sprintf("%02d", w.rand.IntN(100)) + tail },
		"id":      func() any { return fmt.Sprintf("%d-%d", 1+w.rand.IntN(1000), w.rand.IntN(3)) },
		"seconds": func() any { return w.life() }, // short ones pass while the test runs
		"millis":  func() any { return w.life() * 1000 },
		"second":  func() any { return time.Now().Unix() + w.life() },
		"milli":   func() any { return time.Now().UnixMilli() + 1000*w.life() },
		"big":     func() any { return "big:" + tail },
	}[name]
	if ok {
		return []any{one()}
	}
	return []any{w.name(name)}
}

// life is how many seconds something lives.
func (w *writer) life() int64 {
	if w.rand.IntN(3) > 0 {
		return 1 + w.rand.Int64N(2)
	}
	return 1000 + w.rand.Int64N(100_000)
}

func (w *writer) score() string {
	return strconv.FormatFloat(float64(w.rand.IntN(4000)-2000)/4, 'g', -1, 64)
}

// value is mostly short; one of a hundred is long, and some are empty or no text.
func (w *writer) value() string {
	n := w.rand.IntN(40)
	if w.rand.IntN(100) == 0 {
		n = 5000
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(w.rand.IntN(256))
	}
	return string(b)
}

// types of names, each with odd ones.
var types = []string{"string", "number", "hash", "list", "set", "zset"}

// odd names stand beside the plain ones. A name with a NUL inside is cut on 4.0.
var odd = []string{
	"\x00", "\xff\xfe", "a b\r\nc", "%s{}*?[", "日本", "", strings.Repeat("long/", 400), "\r\n$3\r\nfoo\r\n", "\x01\x80",
}

func (w *writer) name(kind string) string {
	n := w.rand.IntN(w.o.Names)
	switch kind {
	case "fresh":
		w.fresh++
		return "fresh:" + strconv.Itoa(w.fresh)
	case "past":
		return "fresh:" + strconv.Itoa(max(w.fresh-w.rand.IntN(200), 0))
	case "nothing":
		return "nothing"
	case "hll":
		return "hll:" + strconv.Itoa(n%3)
	case "living":
		if n == 0 {
			return w.name("any")
		}
		return w.name(types[w.rand.IntN(len(types))])
	case "any":
		return "any:" + strconv.Itoa(n)
	}
	if n >= 4 || strings.HasSuffix(kind, "2") {
		return kind + ":" + strconv.Itoa(n)
	}
	name := odd[w.rand.IntN(len(odd))]
	if w.version < "4" && n < 2 || name == "" && kind == "string" {
		return name // up to 3.5 of several types
	}
	if w.version >= "4" {
		name = strings.ReplaceAll(name, "\x00", "\x02")
	}
	return name + "/" + kind
}
