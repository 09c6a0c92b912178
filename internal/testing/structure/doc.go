// Package structure measures how the files of our packages hold together: a circle is a set of
// files each of which needs all the others. There is no code here but a test; `go test
// ./internal/testing/structure -v` prints the table.
package structure
