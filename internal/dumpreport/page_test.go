package dumpreport

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// samplePage is a page about a dump with something of everything, and two loads of it.
func samplePage(t *testing.T, lang Lang) *Page {
	t.Helper()
	a, s := sample(t)
	m := *a.Manifest
	m.Conflicts, m.Skipped = 7, []format.Reason{{Reason: "gone", Keys: 3}, {Reason: "expired", Keys: 1}, {Reason: evil[1], Keys: 1}}
	m.Options.Match, m.Options.Sample = evil[1], 0.5
	m.Source.Version = evil[2]
	p := &Page{Stats: s, Tool: "kvload test", Now: time.Now(), Lang: lang}
	if err := p.read(a); err != nil {
		t.Fatal(err)
	}
	p.Manifest, p.Place = &m, "/backup/"+evil[1]
	for _, name := range evil {
		p.Conflicts = append(p.Conflicts, archive.ConflictKey{Name: name, Types: []format.Type{"string", "hash"}})
		p.Skipped = append(p.Skipped, archive.SkippedKey{Name: name, Reason: "gone"})
	}
	for _, finished := range []bool{true, false} {
		l, err := ReadLoad(t.Context(), sampleLoad(t, m.Dump, finished), m.Dump)
		if err != nil {
			t.Fatal(err)
		}
		p.Loads = append(p.Loads, *l)
	}
	return p
}

// sampleLoad makes the state of a load, and returns where it is.
func sampleLoad(t *testing.T, dump string, finished bool) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "state")
	j, err := journal.Open(dir, journal.Options{})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	_, err = j.Begin(journal.Identity{Dump: dump, Address: evil[1], Server: "kvrocks", Places: map[int]string{0: "__namespace/", 1: "orders/", 2: "/3"}, Settings: map[string]string{"--match": evil[2], "--db": "[0 1 2]"}}, true, "")
	must(err)
	for now := time.Now().UnixMilli(); time.Now().UnixMilli() == now; { // of what takes no time there is no speed
		time.Sleep(time.Millisecond)
	}
	must(j.Unit("one").Reach(journal.Position{Checkpoint: checkpoint.Checkpoint{Record: 9, Stats: checkpoint.Stats{Keys: 500, Bytes: 1 << 20, Expired: 2, LeftOut: map[string]int64{"refused": 3}}}}))
	j.Retried(4)
	must(j.SetIdle(true))
	if finished {
		must(j.Unit("one").Done())
		must(j.Finish())
		v := loadstate.Verification{Dump: dump, Began: time.Now(), Ended: time.Now(), Reverse: true, Comparison: summary.Comparison{Keys: 500, Differing: 1, Extra: 2, Differences: []summary.Difference{{Kind: "value", Keys: 1}, {Kind: "renamed", Keys: 4, Explained: true}}}}
		must(v.Keep(t.Context(), loadstate.Location{Dump: "dump", State: dir}, nil))
	}
	must(j.Close())
	return dir
}

func written(t *testing.T, p *Page) string {
	t.Helper()
	var b strings.Builder
	if err := WritePage(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var tag = regexp.MustCompile(`<[a-zA-Z/!][^>]*>`)

// TestPageIsInert: whatever keys are called, and whatever else stands in a dump or a journal, there
// is nothing on the page that runs or is fetched.
func TestPageIsInert(t *testing.T) {
	for _, lang := range []Lang{English, Chinese} {
		text := written(t, samplePage(t, lang))
		for _, tag := range tag.FindAllString(text, -1) {
			name := strings.Trim(strings.Fields(strings.Trim(tag, "<>/"))[0], "/")
			if strings.Contains(" script img iframe object embed link base form input a:href ", " "+name+" ") || regexp.MustCompile(`(?i)\son[a-z]+=|\sstyle=|javascript:`).MatchString(tag) {
				t.Errorf("%s: %s", lang, tag)
			}
			if strings.Contains(tag, "://") {
				t.Errorf("%s: it leads elsewhere: %s", lang, tag)
			}
			if strings.Contains(tag, "href=") && !strings.Contains(tag, `href="#`) {
				t.Errorf("%s: %s", lang, tag)
			}
		}
		if strings.Contains(text, "\u202e") || strings.Contains(text, "\x1b") || strings.Contains(text, "ZgotmplZ") {
			t.Errorf("%s: a name stands there as it is", lang)
		}
		if strings.Contains(text, "%!") {
			t.Errorf("%s: %s", lang, text[strings.Index(text, "%!"):][:80])
		}
		if len(text) > 400_000 {
			t.Errorf("%s: %d bytes", lang, len(text))
		}
	}
}

// TestPageSays: what is in the dump, what to know, and what came of the loads.
func TestPageSays(t *testing.T) {
	p := samplePage(t, English)
	text := written(t, p)
	for _, want := range []string{
		"tenant:&lt;n&gt;:", "log:&lt;date&gt;:", "Names that exist under several types: 7", "HyperLogLogs: 1", "not there any more when it was read",
		"Consistency: cannot be told", "A trial: a sample of 50 % of the keys", "Keys that had expired when the dump ended: 10", "Databases: 2",
		"Finished in", "Not finished", "the target refused it, or a part of it", "not equal, in 3 keys", "a value, score, element or byte is another one", "explained: no difference", "Not verified",
		"Keys per second", "<svg class=\"chart wide\"", "<svg class=\"chart narrow\"", "class=\"area\"", ">4</td>",
		">the default namespace</td>", ">namespace orders</td>", ">db3</td>", ">0,1,2</td>",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	for _, s := range strings.SplitAfter(text, "</h2>")[1:] {
		if !strings.Contains(s, "<table") {
			continue
		}
		if !strings.Contains(s, `scope="col"`) {
			t.Error("a table without heads")
		}
	}
	if zh := written(t, samplePage(t, Chinese)); strings.Count(zh, "<table") != strings.Count(text, "<table") || !strings.Contains(zh, `<html lang="zh-CN">`) || !strings.Contains(zh, "目标端拒绝了它或其中一部分") {
		t.Error("in Chinese it says something else")
	}
}

// TestPartial: a dump of all types that its source has is the whole source.
func TestPartial(t *testing.T) {
	five := format.Types[:len(format.Types)-1]
	for version, tc := range map[string]struct {
		types []format.Type
		want  int
	}{"3.4.0": {five, 0}, "3.5.2": {five, 0}, "3.5.3": {five, 1}, "3.3.6": {five[1:], 1}, "4.0.0": {format.Types, 0}, "unknown": {five, 1}} {
		m := maker{Page: &Page{Lang: English, Manifest: &format.Manifest{Info: format.Info{Source: format.Source{Server: "pika", Version: version}, Options: format.Options{Types: tc.types}}}}}
		if got := m.partial(m.Manifest.Options); len(got) != tc.want || len(got) > 0 && !strings.Contains(got[0], "hash, list") {
			t.Errorf("%s: %q", version, got)
		}
	}
}

// TestOtherDump: a load of another dump is none.
func TestOtherDump(t *testing.T) {
	if _, err := ReadLoad(t.Context(), sampleLoad(t, "d", true), "another"); exitcode.Of(err, nil) != exitcode.Refused {
		t.Error(err)
	}
	if _, err := ReadLoad(t.Context(), t.TempDir(), "d"); exitcode.Of(err, nil) != exitcode.Refused {
		t.Error(err)
	}
}

// TestTranslated: each text of the page has a Chinese one, and no Chinese one is for nothing; what
// reasons mean is what docs/zh says.
func TestTranslated(t *testing.T) {
	said := map[string]bool{format.NoWrites: true, format.Writes: true, format.CannotBeTold: true, "date": true, "epoch": true, "sequence": true}
	for _, unit := range []string{"second", "minute", "hour", "day", "year"} {
		said["%s "+unit], said["%s "+unit+"s"] = true, true
	}
	for _, many := range []string{"keys", "elements", "notes"} {
		said["%s of "+many] = true
	}
	for _, m := range regexp.MustCompile(`[{(]t "([^"]+)"`).FindAllStringSubmatch(pageText, -1) {
		said[m[1]] = true
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") || slices.Contains([]string{"text.go", "lang.go"}, name) {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool { textsOf(n, said); return true })
	}
	delete(said, "")
	for text := range said {
		if chinese().Texts[text] == "" {
			t.Errorf("no Chinese for %q", text)
		} else if strings.Count(text, "%") != strings.Count(chinese().Texts[text], "%") {
			t.Errorf("%q: %q", text, chinese().Texts[text])
		}
	}
	for text := range chinese().Texts {
		if !said[text] {
			t.Errorf("nobody says %q", text)
		}
	}
	doc, err := os.ReadFile("../../docs/zh/operations/results.md")
	if err != nil {
		t.Fatal(err)
	}
	for reason, meaning := range chinese().Meanings {
		if !strings.Contains(string(doc), "| `"+reason+"` | "+meaning+" |") {
			t.Errorf("docs/zh/operations/results.md says something else of %s", reason)
		}
	}
}

// textsOf adds the texts that a node says: those that are given to say, sheet and the functions
// that hand them on, and those of pairs of an id and a title.
func textsOf(n ast.Node, said map[string]bool) {
	var from []ast.Expr
	switch n := n.(type) {
	case *ast.CallExpr:
		name := ""
		switch f := n.Fun.(type) {
		case *ast.SelectorExpr:
			name = f.Sel.Name
		case *ast.Ident:
			name = f.Name
		}
		switch name {
		case "say", "sheet", "countSheet", "classes", "keys":
			from = n.Args
		}
	case *ast.CompositeLit:
		if n.Type == nil && len(n.Elts) == 2 {
			from = n.Elts
		}
	case *ast.AssignStmt:
		if id, ok := n.Lhs[0].(*ast.Ident); ok && id.Name == "caption" {
			from = n.Rhs
		}
	}
	for i, e := range from {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, _ := strconv.Unquote(lit.Value)
			if _, pair := n.(*ast.CompositeLit); pair && i == 0 {
				continue
			}
			said[strings.TrimLeft(text, "#~-=@|")] = true
		}
	}
}
