// Package jsonfields tells which fields a type has as JSON, for tests that compare a schema with
// its document.
//
//	fields := jsonfields.Of(reflect.TypeFor[summary.Summary]())
package jsonfields

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// Of returns the paths of all fields, as the documents write them: totals[].keys. Of a type that
// stands in itself the fields are named once.
func Of(t reflect.Type) (paths []string) { return of(t, "", nil) }

func of(t reflect.Type, path string, above []reflect.Type) (paths []string) {
	above = append(above, t)
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		inner, list := f.Type, ""
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			if inner.Kind() == reflect.Slice {
				list = "[]"
			}
			inner = inner.Elem()
		}
		switch {
		case f.Anonymous:
			paths = append(paths, of(inner, path, above)...)
		case !f.IsExported() || name == "-":
		case inner.Kind() != reflect.Struct || inner == reflect.TypeFor[time.Time]() || slices.Contains(above, inner):
			paths = append(paths, path+name)
		default:
			paths = append(paths, of(inner, path+name+list+".", above)...)
		}
	}
	return paths
}
