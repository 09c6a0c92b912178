// Package documents compares what the documents say with the source: docs/TROUBLESHOOTING.md has
// every refusal that the code can make, and none that it cannot; the tables of exit codes are
// whole; every section of docs/SERVERS.md that the code cites is there, once; docs/DESIGN.md has
// each package and docs/MAP.md each file; flags, commands and links exist; the Chinese pages have
// what the English ones have; no line is too wide. There is no code here but tests.
package documents
