package structure

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	module = "github.com/pika2kvrocks/pika2kvrocks"
	// maxCircle is how many files of a package may need each other.
	maxCircle = 7
)

type pkg struct {
	ImportPath, Dir, Export string
	GoFiles, Imports        []string
}

func TestCircles(t *testing.T) {
	ours, all := list(t)
	for _, p := range ours {
		circle := largestCircle(references(t, p, all))
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		t.Logf("%-32s %3d files, %2d in one circle", name, len(p.GoFiles), len(circle))
		if len(circle) > maxCircle {
			t.Errorf("%s: %d files need each other, more than %d: %s", name, len(circle), maxCircle, strings.Join(circle, " "))
		}
	}
}

// list returns our packages and, by import path, these and all that they import.
func list(t *testing.T) (ours []pkg, all map[string]pkg) {
	t.Helper()
	out, err := listed()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all = map[string]pkg{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := pkg{}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return ours, all
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
		if p.ImportPath == module || strings.HasPrefix(p.ImportPath, module+"/") {
			ours = append(ours, p)
		}
	}
}

// listed compiles what is not in the cache, once.
var listed = sync.OnceValues(func() ([]byte, error) {
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,Imports", "./...")
	cmd.Dir = filepath.Join("..", "..", "..")
	cmd.Stderr = os.Stderr
	return cmd.Output()
})

// references returns, by file, the files of the package in which something stands that it uses.
func references(t *testing.T, p pkg, all map[string]pkg) map[string][]string {
	set, files := token.NewFileSet(), []*ast.File{}
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	open := func(path string) (io.ReadCloser, error) {
		if all[path].Export == "" {
			return nil, fmt.Errorf("no declarations of %s", path)
		}
		return os.Open(all[path].Export)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: importer.ForCompiler(set, "gc", open)}
	checked, err := conf.Check(p.ImportPath, set, files, info)
	if err != nil {
		t.Fatal(err)
	}
	file := func(pos token.Pos) string { return filepath.Base(set.Position(pos).Filename) }
	uses := map[string]map[string]bool{}
	for _, name := range p.GoFiles {
		uses[name] = map[string]bool{}
	}
	for id, o := range info.Uses {
		if o.Pkg() == checked && o.Pos().IsValid() && file(id.Pos()) != file(o.Pos()) {
			uses[file(id.Pos())][file(o.Pos())] = true
		}
	}
	sorted := map[string][]string{}
	for from, to := range uses {
		sorted[from] = slices.Sorted(maps.Keys(to))
	}
	return sorted
}

// largestCircle returns the largest set of files each of which reaches all the others, by Tarjan's
// algorithm.
func largestCircle(uses map[string][]string) (largest []string) {
	index, low, onStack, stack := map[string]int{}, map[string]int{}, map[string]bool{}, []string{}
	var visit func(string)
	visit = func(v string) {
		index[v] = len(index) + 1
		low[v], onStack[v], stack = index[v], true, append(stack, v)
		for _, w := range uses[v] {
			if index[w] == 0 {
				visit(w)
				low[v] = min(low[v], low[w])
			} else if onStack[w] {
				low[v] = min(low[v], index[w])
			}
		}
		if low[v] != index[v] {
			return
		}
		at := slices.Index(stack, v)
		circle := slices.Clone(stack[at:])
		stack = stack[:at]
		for _, w := range circle {
			onStack[w] = false
		}
		if len(circle) > len(largest) {
			largest = slices.Sorted(slices.Values(circle))
		}
	}
	for _, v := range slices.Sorted(maps.Keys(uses)) {
		visit(v)
	}
	return largest
}
