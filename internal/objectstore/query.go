package objectstore

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A query gives the parameters of a URL one by one. What nobody asked for is an error: nothing that
// a user wrote is ignored.
type query struct {
	scheme string
	rest   url.Values
	asked  []string
	err    error
}

func newQuery(u *url.URL) *query { return &query{scheme: u.Scheme, rest: u.Query()} }

func (q *query) fail(format string, args ...any) {
	if q.err == nil {
		q.err = fmt.Errorf(format, args...)
	}
}

// text returns a parameter; empty: it is not there.
func (q *query) text(name string) string {
	values := q.rest[name]
	delete(q.rest, name)
	q.asked = append(q.asked, name)
	if len(values) > 1 {
		q.fail("%s is there twice", name)
	}
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// flag returns a parameter that is true or false; without it, what is otherwise.
func (q *query) flag(name string, otherwise bool) bool {
	text := q.text(name)
	if text == "" {
		return otherwise
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		q.fail("%s is neither true nor false", name)
	}
	return on
}

// choice returns a parameter that is one of some words, in the spelling of that word.
func (q *query) choice(name string, words ...string) string {
	text := q.text(name)
	if text == "" {
		return ""
	}
	for _, word := range words {
		if strings.EqualFold(word, text) {
			return word
		}
	}
	q.fail("%s is none of %s", name, strings.Join(words, ", "))
	return ""
}

// end returns what was wrong.
func (q *query) end() error {
	if q.err == nil && len(q.rest) > 0 {
		slices.Sort(q.asked)
		name := slices.Sorted(maps.Keys(q.rest))[0]
		q.fail("unknown parameter %q: %s:// takes %s", name, q.scheme, strings.Join(q.asked, ", "))
	}
	return q.err
}
