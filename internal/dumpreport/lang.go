package dumpreport

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// A Lang is the language of a page.
type Lang string

// The languages.
const (
	English Lang = "en"
	Chinese Lang = "zh"
)

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
	// Reasons has what a dump gives as reasons for its consistency, piece by piece.
	Reasons []struct {
		Is   *regexp.Regexp `json:"is"`
		Text string         `json:"text"`
	} `json:"reasons"`
}

//go:embed chinese.json
var chineseText []byte

var chinese = sync.OnceValue(func() (t translation) {
	if err := json.Unmarshal(chineseText, &t); err != nil {
		panic(err)
	}
	return t
})

// reason writes why a dump is, or is not, of one moment.
func (m *maker) reason(text string) string {
	if m.Lang == Chinese {
		pieces := strings.Split(text, "; ")
		for i := range pieces {
			for _, r := range chinese().Reasons {
				pieces[i] = r.Is.ReplaceAllString(pieces[i], r.Text)
			}
		}
		return strings.Join(pieces, "；")
	}
	if text == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:] + "."
}
