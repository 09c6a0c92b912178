// Package structure measures how the files of our packages hold together: a circle is a set of
// files each of which needs all the others. It counts lines, and holds the width of comments, what
// the leaf packages import, and that one function alone renames files. There is no code here but
// tests; `go test ./internal/testing/structure -v` prints the table.
package structure
