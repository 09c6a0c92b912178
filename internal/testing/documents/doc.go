// Package documents compares what the documents say with the source: docs/TROUBLESHOOTING.md has
// every refusal that the code can make, and none that it cannot; the tables of exit codes are
// whole; every section of docs/SERVERS.md that the code cites is there, once. There is no code here
// but tests.
package documents
