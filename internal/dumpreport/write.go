package dumpreport

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

//go:embed page.html
var pageText string

//go:embed style.css
var style string

// WritePage writes a page of HTML that needs nothing else: no network, no script.
func WritePage(w io.Writer, p *Page) error {
	say := p.Lang.say
	t, err := template.New("page").Funcs(template.FuncMap{"t": func(text string) string { return say(text) }, "plain": plain}).Parse(pageText)
	if err != nil {
		return err
	}
	return t.Execute(w, newView(p))
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

// A view is a page in words.
type view struct {
	HTMLLang  string
	StyleHash string
	Style     template.CSS
	Title     string
	Lead      []string
	Contents  []content
	Verdicts  []verdict
	Figures   []figure
	Notes     []note
	Loads     []loadView
	Deltas    *sheet

	Types, Databases, Sizes, Lengths, TTLs, Prefixes, Largest, Longest *sheet

	Legend     []string
	PrefixText string
	Treemap    *pair[treemap]
	Names      []*sheet
	Foot       []string
}

func newView(p *Page) *view {
	m := maker{p, p.Stats}
	sum := sha256.Sum256([]byte(style))
	v := &view{
		HTMLLang: p.Lang.html(), Style: template.CSS(style), StyleHash: "sha256-" + base64.StdEncoding.EncodeToString(sum[:]),
		Title: m.title(), Lead: m.lead(), Figures: m.figures(), Notes: m.notes(),
		Types: m.types(), Databases: m.databases(), Sizes: m.sizes(), Lengths: m.lengths(), TTLs: m.ttls(),
		PrefixText: m.prefixText(), Treemap: m.treemap(), Prefixes: m.prefixes(),
		Largest: m.keys("Largest keys by bytes", m.s.Largest), Names: m.names(), Foot: m.foot(),
	}
	if len(m.s.Longest) > 0 {
		v.Longest = m.keys("Largest collections by elements", m.s.Longest)
	}
	for _, g := range m.groups(typeOf) {
		v.Legend = append(v.Legend, g.name)
	}
	v.Contents = []content{{"know", m.say("What to know")}}
	v.Verdicts = m.verdicts(v.Notes)
	for i := range p.Loads {
		l := m.load(&p.Loads[i], fmt.Sprint("load", i+1))
		v.Loads = append(v.Loads, l)
		v.Verdicts = append(v.Verdicts, l.Verdict)
		v.Contents = append(v.Contents, content{l.ID, l.Title})
	}
	if s, verdict := m.deltaLoads(); s != nil {
		v.Deltas = s
		v.Verdicts = append(v.Verdicts, *verdict)
		v.Contents = append(v.Contents, content{"deltas", verdict.Title})
	}
	for _, c := range []content{{"types", "Types"}, {"sizes", "Sizes"}, {"ttl", "Time to live"}, {"prefixes", "Prefixes"}, {"largest", "Largest keys"}, {"names", "Series and ids in names"}} {
		v.Contents = append(v.Contents, content{c.ID, m.say(c.Title)})
	}
	return v
}

func (m *maker) title() string {
	src := m.Manifest.Source
	server := report.ServerName(cmp.Or(src.Server, "pika"))
	if m.Manifest.Delta != nil {
		return m.say("Delta %d of %s %s at %s", m.Manifest.Delta.Number, server, src.Version, src.Address)
	}
	return m.say("Dump of %s %s at %s", server, src.Version, src.Address)
}

func (m *maker) lead() []string {
	mf := m.Manifest
	return []string{
		m.say("Made from %s to %s, in %s, by %s.", moment(mf.Started), moment(mf.Finished), progress.Duration(mf.Finished.Sub(mf.Started)), mf.Tool),
		m.say("Dump %s in %s.", mf.Dump, m.Place),
	}
}

func (m *maker) figures() []figure {
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
		all = append(all, figure{m.say("deletions, by type"), progress.Count(m.s.Deleted)})
	}
	return all
}

func (m *maker) foot() []string {
	return []string{
		m.say("Bytes are those of names and content, without encoding and without the overhead of any server."),
		m.say("This page needs no network. It was made on %s by %s.", moment(m.Now), m.Tool),
	}
}

// A File is one that a page will be: one of that name stays as it is until the page is whole.
type File struct {
	path string
	temp *os.File
}

// Create refuses a path at which no file can be.
func Create(path string) (*File, error) {
	if is, err := os.Stat(path); err == nil && is.IsDir() {
		return nil, fmt.Errorf("%w: --out: %s is a directory", exitcode.ErrRefused, path)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".report-*")
	if err != nil {
		return nil, fmt.Errorf("%w: --out: %w", exitcode.ErrRefused, err)
	}
	return &File{path, temp}, nil
}

// Write makes it the page.
func (f *File) Write(p *Page) error {
	if err := errors.Join(WritePage(f.temp, p), f.temp.Sync(), f.temp.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	return storage.Rename(f.temp.Name(), f.path)
}

// Close removes what was not made the page.
func (f *File) Close() {
	f.temp.Close()
	os.Remove(f.temp.Name())
}
