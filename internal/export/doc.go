// Package export shows the keys of a dump, to people and to other programs: as a table, as lines of
// JSON, as commands for redis-cli --pipe, or as CSV.
//
//	x, err := export.New(ctx, a, os.Stdout, export.Options{Format: export.JSON})
//	err = x.Conclude(summary, x.Cat())     // every key that the options choose
//	err = x.Conclude(summary, x.Get(keys)) // keys by name: reads only frames that can hold them
//
// What is larger than memory passes through in the parts that the dump has of it. Nothing is left
// out silently: Options.Log is told of each key that a format cannot hold. The package knows no
// server, and it never changes a dump.
package export
