package dumpreport

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// A Lang is the language of a page.
type Lang string

// The languages.
const (
	English Lang = "en"
	Chinese Lang = "zh"
)

// ParseLang returns the language of that name.
func ParseLang(s string) (Lang, error) {
	switch l := Lang(s); l {
	case English, Chinese:
		return l, nil
	}
	return "", exitcode.Usagef("--lang %q: it is en or zh", s)
}

// HTML is the name of the language in HTML.
func (l Lang) HTML() string {
	if l == Chinese {
		return "zh-CN"
	}
	return "en"
}

// say writes a text in the language, with what is filled in. A text that has no translation stays
// as it is: reasons of a server, and what is not ours.
func (l Lang) say(text string, args ...any) string {
	if l == Chinese {
		if zh, ok := chinese().Texts[text]; ok {
			text = zh
		}
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// A translation has each text of a page in another language, and what reasons and kinds of
// differences mean, as docs/zh/operations/results.md says. A test holds that nothing is missing.
type translation struct {
	Texts    map[string]string `json:"texts"`
	Meanings map[string]string `json:"meanings"`
}

//go:embed chinese.json
var chineseText []byte

var chinese = sync.OnceValue(func() (t translation) {
	if err := json.Unmarshal(chineseText, &t); err != nil {
		panic(err)
	}
	return t
})

// reasons has what a dump gives as reasons for its consistency, piece by piece, in Chinese.
var reasons = []struct {
	is *regexp.Regexp
	zh string
}{
	{regexp.MustCompile(`^the binlog positions before and after the dump are equal$`), "dump 前后的 binlog 位置相同"},
	{regexp.MustCompile(`^the binlog positions before and after the dump are equal, but the source counts other keys: (.*)$`), "dump 前后的 binlog 位置相同，但源端统计的 key 数不同：$1"},
	{regexp.MustCompile(`^the source's own count has as many keys without expiry, ([0-9,]+), and no more with one$`), "源端自己统计的不过期 key 数与之相同（$1），带过期时间的不比它多"},
	{regexp.MustCompile(`^not counted: (.*)$`), "未统计：$1"},
	{regexp.MustCompile(`^not held against the source's own count: (.*)$`), "未与源端自己的统计核对：$1"},
	{regexp.MustCompile(`^whether the source writes a binlog is not known$`), "不知道源端是否写 binlog"},
	{regexp.MustCompile(`^the source writes no binlog \(write-binlog is (.*)\)$`), "源端不写 binlog（write-binlog 为 $1）"},
	{regexp.MustCompile(`^the source did not show its binlog positions, or it was restarted meanwhile or another server took its address$`), "源端没有给出 binlog 位置，或期间重启过，或地址换成了另一个服务器"},
	{regexp.MustCompile(`^the binlog position of (db[0-9]+) moved: keys that were written meanwhile are in the dump as they were at one moment or another$`), "$1 的 binlog 位置有移动：期间写入的 key 是其某一时刻的状态"},
}

// reason writes why a dump is, or is not, of one moment.
func (m *maker) reason(text string) string {
	if m.Lang != Chinese {
		if text == "" {
			return ""
		}
		first := []rune(text)
		first[0] = unicode.ToUpper(first[0])
		return string(first) + "."
	}
	pieces := strings.Split(text, "; ")
	for i, piece := range pieces {
		for _, r := range reasons {
			if r.is.MatchString(piece) {
				pieces[i] = r.is.ReplaceAllString(piece, r.zh)
				break
			}
		}
	}
	return strings.Join(pieces, "；")
}
