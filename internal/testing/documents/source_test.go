package documents

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// packages returns the directories that hold what a user of pikadump or kvload can be told.
func packages(t *testing.T) (dirs []string) {
	for _, top := range []string{"cmd", "reader", "writer", "format", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			if path == filepath.Join(root, "internal", "testing") || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			dirs = append(dirs, path)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return dirs
}

// A place is where the code says something.
type place = string

// A source is what the code can say: texts with … for what is filled in.
type source struct {
	messages map[string]place // refusals and sentinels: each must be on the page
	texts    map[string]place // every text of the code: what is on the page must begin one
	formats  map[string]place // strings of the commands and of internal, as they stand
	lists    map[string]map[string]place
}

// The lists of the page, named by the first cell of their tables.
const (
	skipReasons    = "reason in skipped.jsonl"
	leftOutReasons = "reason in left-out-….jsonl"
	changedReasons = "reason in changed.jsonl"
	classes        = "class of verify"
	checks         = "check of the dry run"
	codes          = "code"
	advice         = "advice"
)

// inner are sentinels that never reach a user: causes that the code branches on.
var inner = map[string]bool{
	"archive.ErrTakenBack": true, "archive.errNotKept": true, "preimage.errFull": true, "plan.errEnough": true,
	"reader.errStillCounting": true, "reader.errLess": true, "storage.errTakesNoCondition": true, "verify.errStopped": true, "target.errCounted": true,
	"reader.errChanged": true, "reader.errGone": true, "readback.errOtherNames": true,
	"archive.ErrFinished": true, // no error of the command
	// Kinds: the error's own text is shown instead, or behind them.
	"reader.ErrRefused": true, "exitcode.ErrRefused": true,
	"conn.ErrAuth": true, "conn.ErrPreflight": true, "conn.ErrTransient": true, "conn.ErrOperator": true, "conn.ErrBusy": true, "conn.ErrUnequal": true,
}

// libraries are those packages that cannot use progress.Plural.
var libraries = []string{"reader", "binlog", "format", "writer", "target", "preflight", "readback", "admin", "conn", "resp"}

// sentinelText returns, by the function that makes a sentinel, where its text is.
var sentinelText = map[string]func(*ast.CallExpr) ast.Expr{
	"errors.New":           func(c *ast.CallExpr) ast.Expr { return c.Args[0] },
	"exitcode.New":         func(c *ast.CallExpr) ast.Expr { return c.Args[1] },
	"exitcode.NewWithHint": func(c *ast.CallExpr) ast.Expr { return c.Args[1] },
}

// read parses the packages.
func read(t *testing.T) *source {
	s := &source{map[string]place{}, map[string]place{}, map[string]place{}, map[string]map[string]place{}}
	for _, name := range []string{skipReasons, leftOutReasons, changedReasons, classes, checks, codes, advice} {
		s.lists[name] = map[string]place{}
	}
	set := token.NewFileSet()
	sentinels, consts, files := map[string]string{}, map[string]string{}, map[*ast.File]string{}
	aliases := map[string]string{} // sentinels that are those of another package
	for _, dir := range packages(t) {
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			f, err := parser.ParseFile(set, name, text, 0)
			if err != nil {
				t.Fatal(err)
			}
			files[f] = filepath.Base(dir)
			for _, d := range f.Decls {
				s.declared(d, filepath.Base(dir), sentinels, aliases, set)
			}
		}
	}
	for name, of := range aliases {
		sentinels[name] = sentinels[of]
	}
	for f, pkg := range files {
		constants(f, pkg, consts)
	}
	for f, pkg := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			s.visit(n, pkg, sentinels, consts, set)
			return true
		})
	}
	return s
}

// declared takes in sentinels and constants of reasons, classes and exit codes.
func (s *source) declared(d ast.Decl, pkg string, sentinels, aliases map[string]string, set *token.FileSet) {
	g, ok := d.(*ast.GenDecl)
	if !ok {
		return
	}
	for _, spec := range g.Specs {
		v, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		for i, id := range v.Names {
			if i >= len(v.Values) {
				break
			}
			at := set.Position(id.Pos()).String()
			if call, ok := v.Values[i].(*ast.CallExpr); ok && sentinelText[called(call)] != nil {
				name := pkg + "." + id.Name
				if sentinels[name] = words(sentinelText[called(call)](call)); !inner[name] {
					s.messages[sentinels[name]] = at
				}
			}
			if sel, ok := v.Values[i].(*ast.SelectorExpr); ok && strings.HasPrefix(id.Name, "Err") {
				if from, ok := sel.X.(*ast.Ident); ok {
					aliases[pkg+"."+id.Name] = from.Name + "." + sel.Sel.Name
				}
			}
			lit, ok := v.Values[i].(*ast.BasicLit)
			if !ok || g.Tok != token.CONST {
				continue
			}
			switch typ, _ := v.Type.(*ast.Ident); {
			case pkg == "reader" && typ != nil && typ.Name == "Reason":
				s.lists[skipReasons][words(lit)] = at
			case pkg == "verify" && typ != nil && typ.Name == "Class":
				s.lists[classes][words(lit)] = at
			case strings.HasPrefix(id.Name, "Reason") && pkg == "writer", id.Name == "Prefix" && pkg == "leftout":
				s.lists[leftOutReasons][words(lit)] = at
			case (id.Name == "Changed" || id.Name == "Older") && pkg == "leftout":
				s.lists[changedReasons][words(lit)] = at
			case pkg == "exitcode" && lit.Kind == token.INT:
				s.lists[codes][lit.Value] = at
			}
		}
	}
}

// visit takes in what a node says.
func (s *source) visit(n ast.Node, pkg string, sentinels, consts map[string]string, set *token.FileSet) {
	switch n := n.(type) {
	case *ast.BasicLit, *ast.BinaryExpr:
		if text := words(n.(ast.Expr)); text != "" {
			s.texts[text] = set.Position(n.Pos()).String()
		}
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && !slices.Contains(libraries, pkg) {
			text, _ := strconv.Unquote(lit.Value)
			s.formats[text] = set.Position(n.Pos()).String()
		}
	case *ast.CallExpr:
		s.call(n, pkg, sentinels, set.Position(n.Pos()).String())
	case *ast.CompositeLit:
		s.literal(n, pkg, consts, set.Position(n.Pos()).String())
	}
}

// call takes in the text of an error that is made.
func (s *source) call(c *ast.CallExpr, pkg string, sentinels map[string]string, at place) {
	if len(c.Args) == 0 {
		return
	}
	text := words(c.Args[0])
	switch called(c) {
	case "Preflightf", "Authf", "conn.Preflightf", "conn.Authf":
		s.messages[text] = at
	case "fmt.Errorf":
		rest, wraps := strings.CutPrefix(text, "…")
		if !wraps || len(c.Args) < 2 {
			return
		}
		sentinel := name(c.Args[1])
		if !strings.Contains(sentinel, ".") {
			sentinel = pkg + "." + sentinel
		}
		if kind, ok := sentinels[sentinel]; ok && literals(rest) > 0 {
			s.messages[kind+rest], s.texts[kind+rest] = at, at
		}
	}
}

// literal takes in ends of a run, checks, and the advice about replies.
func (s *source) literal(c *ast.CompositeLit, pkg string, consts map[string]string, at place) {
	fields := map[string]ast.Expr{}
	for _, e := range c.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			fields[name(kv.Key)] = kv.Value
		}
	}
	typ := ""
	if c.Type != nil {
		typ = name(c.Type)
		typ = typ[strings.LastIndex(typ, ".")+1:]
	}
	known := func(e ast.Expr) string {
		for _, key := range []string{pkg + "." + name(e), name(e)} {
			if text, ok := consts[key]; ok {
				return text
			}
		}
		return words(e)
	}
	switch {
	case slices.Contains([]string{"LeftOut", "Different", "LeftOutError", "DifferentError"}, typ) && fields["Text"] != nil:
		e := fields["Text"]
		if call, ok := e.(*ast.CallExpr); ok {
			e = call.Args[0]
		}
		if text := words(e); literals(text) >= least && text != "…; --report FILE lists them" { // behind what differs
			s.messages[text] = at
		}
	case typ == "Check" || typ == "" && fields["Name"] != nil && (fields["Found"] != nil || fields["Level"] != nil):
		if e := fields["Name"]; e != nil {
			if text := known(e); text != "…" {
				s.lists[checks][text] = at
			}
		}
	case fields["text"] != nil && fields["advice"] != nil && pkg == "conn":
		s.lists[advice][words(fields["advice"])] = at
	case typ == "LeftOut" && fields["Reason"] != nil && pkg == "kvload":
		if text := known(fields["Reason"]); text != "…" {
			s.lists[changedReasons][text] = at
		}
	}
}

// constants adds the texts of a file's constants, by PACKAGE.NAME, and of those within functions by
// NAME alone.
func constants(f *ast.File, pkg string, consts map[string]string) {
	top := map[ast.Node]bool{}
	for _, d := range f.Decls {
		top[d] = true
	}
	ast.Inspect(f, func(n ast.Node) bool {
		g, ok := n.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			return true
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec)
			for i, value := range v.Values {
				key := v.Names[i].Name
				if top[g] {
					key = pkg + "." + key
				}
				if text := words(value); text != "" && text != "…" {
					consts[key] = text
				}
			}
		}
		return true
	})
}

var verb = regexp.MustCompile(`%(%|[-+# 0]*[0-9.*]*[a-zA-Z])`)

// words is the text of an expression, with … for what is filled in.
func words(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return ""
		}
		text, _ := strconv.Unquote(e.Value)
		return verb.ReplaceAllStringFunc(text, func(v string) string {
			if v == "%%" {
				return "%"
			}
			return "…"
		})
	case *ast.BinaryExpr:
		return words(e.X) + words(e.Y)
	case *ast.ParenExpr:
		return words(e.X)
	}
	return "…"
}

func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return name(e.X) + "." + e.Sel.Name
	}
	return "?"
}

func called(c *ast.CallExpr) string { return name(c.Fun) }

// least is how many words of its own an entry of the page has, unless the message has no more.
const least = 3

var word = regexp.MustCompile(`[\pL\pN][\pL\pN'_-]*`)

// literals is how many words a text has that are not filled in.
func literals(text string) int { return len(word.FindAllString(text, -1)) }
