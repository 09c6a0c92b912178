package dumpreport

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
)

//go:embed page.html
var pageText string

//go:embed style.css
var style string

// WritePage writes a page of HTML that needs nothing else: no network, no script.
func WritePage(w io.Writer, p *Page) error {
	sum := sha256.Sum256([]byte(style))
	t, err := template.New("page").Funcs(template.FuncMap{
		"t": p.Lang.say, "plain": plain, "moment": moment,
		"style": func() template.CSS { return template.CSS(style) },
		"hash":  func() string { return "sha256-" + base64.StdEncoding.EncodeToString(sum[:]) },
	}).Parse(pageText)
	if err != nil {
		return err
	}
	return t.Execute(w, &maker{p, p.Stats})
}

// plain writes characters that are not seen, or turn the direction of others, as Go does in
// strings.
func plain(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return !strconv.IsPrint(r) }) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

// Title and what follows are what the template asks for.
func (m *maker) Title() string {
	src := m.Manifest.Source
	server := report.ServerName(cmp.Or(src.Server, "pika"))
	if m.Manifest.Delta != nil {
		return m.say("Delta %d of %s %s at %s", m.Manifest.Delta.Number, server, src.Version, src.Address)
	}
	return m.say("Dump of %s %s at %s", server, src.Version, src.Address)
}

// Made says when the dump was made. One that was merged or extracted took its time elsewhere.
func (m *maker) Made() string {
	began, ended, tool := m.Manifest.Started, m.Manifest.Finished, m.Manifest.Tool
	if strings.HasPrefix(tool, "kvload ") {
		return m.say("As of %s, made of other dumps on %s, by %s.", moment(began), moment(ended), tool)
	}
	return m.say("Made from %s to %s, in %s, by %s.", moment(began), moment(ended), progress.Duration(ended.Sub(began)), tool)
}

// Legend names the types that there are.
func (m *maker) Legend() (names []string) {
	for _, g := range m.groups(typeOf) {
		names = append(names, g.name)
	}
	return names
}

// Sections are what came of the loads.
func (m *maker) Sections() (all []section) {
	for i := range m.Loads {
		all = append(all, m.load(&m.Loads[i], fmt.Sprint("load", i+1)))
	}
	if m.Deltas > 0 && len(m.Loads)+len(m.DeltaLoads) > 0 {
		all = append(all, m.deltaLoads())
	}
	return all
}

func (m *maker) Figures() []figure {
	all := []figure{
		{m.say("keys"), progress.Count(m.s.Keys)},
		{m.say("elements"), progress.Count(m.s.Elements)},
		{m.say("names and content"), progress.Bytes(m.s.Bytes)},
		{m.say("keys with an expiry"), share(m.s.Expiring, m.s.Keys)},
		{m.say("databases with keys"), strconv.Itoa(len(m.groups(databaseOf)))},
	}
	if m.Deltas == 0 {
		all = slices.Insert(all, 3, figure{m.say("stored, compressed"), progress.Bytes(report.Sum(m.Manifest.Totals).Stored)})
	}
	if m.s.Deleted > 0 {
		all = append(all, figure{m.say("deleted or of another type, by type"), progress.Count(m.s.Deleted)})
	}
	return all
}
