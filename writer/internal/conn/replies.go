package conn

import (
	"errors"
	"strings"
)

// A fatalReply is an error after which no other command would fare better.
type fatalReply struct {
	text   string // the reply begins with it, or with "ERR " and it
	within bool   // the reply holds it anywhere
	kind   error  // ErrAuth, ErrTransient, ErrOperator, or none of them
	advice string
}

// fatalReplies are in the words of Kvrocks and of Redis (SERVERS.md K12).
var fatalReplies = []fatalReply{
	{text: "NOAUTH", kind: ErrAuth, advice: "the server has got a password since the load began: give it and load again"},
	{text: "NOPERM", kind: ErrAuth, advice: "this user may not run the command: give it the right, or use another user"},
	{text: "READONLY", kind: ErrOperator, advice: "the server has become a replica: load into its master"},
	{text: "MOVED", advice: "the server has become part of a cluster since the load began: run it again with --resume"},
	{text: "ASK ", advice: "the server has become part of a cluster since the load began: run it again with --resume"},
	{text: "CROSSSLOT", advice: "the server has become part of a cluster since the load began: run it again with --resume"},
	{text: "CLUSTERDOWN", kind: ErrTransient, advice: "the server does not serve all slots of its cluster: load again when it does"},
	{text: "TRYAGAIN", kind: ErrTransient, advice: "the server is moving slots of its cluster: load again when it is done"},
	{text: "MASTERDOWN", kind: ErrTransient, advice: "the server is a replica that has lost its master: load into a master"},
	{text: "LOADING", kind: ErrTransient, advice: "the server is loading its data: load again when it is done"},
	{text: "BUSY ", kind: ErrTransient, advice: "a script keeps the server busy: load again when it is done"},
	{text: "MISCONF", kind: ErrOperator, advice: "the server cannot save its data and takes no writes: look into its log"},
	{text: "NOREPLICAS", kind: ErrOperator, advice: "the server has too few replicas to take writes (min-replicas-to-write)"},
	{text: "OOM", kind: ErrOperator, advice: "the server has reached maxmemory: raise it, then load again"},
	{text: "max-db-size", within: true, kind: ErrOperator, advice: "the server has reached max-db-size: raise it, then load again"},
	{text: "space limit", within: true, kind: ErrOperator, advice: "the server has reached max-db-size: raise it, then load again"},
	{text: "no space left", within: true, kind: ErrOperator, advice: "the server's disk is full: make room, restart a Kvrocks that refuses all the same, then load again with --resume"},
	{text: "disk quota exceeded", within: true, kind: ErrOperator, advice: "the server's disk quota is used up: make room, restart a Kvrocks that refuses all the same, then load again with --resume"},
	{text: "io error", within: true, advice: "the server cannot write to its disk: look into its log"},
	{text: "corruption", within: true, advice: "the server finds its data damaged: look into its log"},
	{text: "shutdown in progress", within: true, kind: ErrTransient, advice: "the server is shutting down: load again when it is back"},
	{text: "write stall", within: true, kind: ErrTransient, advice: "the server's compaction is behind: load again with fewer workers"},
	{text: "max number of clients reached", kind: ErrTransient, advice: "the server has no connection free: raise maxclients or use fewer workers"},
	{text: "unknown command", advice: "the server does not know the command, or has it renamed: load a server that has it"},
	{text: "unknown subcommand", advice: "the server does not know the command: load a server that has it"},
	{text: "wrong number of arguments", advice: "the server does not know this form of the command: load a newer one"},
	{text: "syntax error", advice: "the server does not know this form of the command: load a newer one"},
	{text: "admin permission required", advice: "the namespace token may not run the command"},
	{text: "Protocol error", advice: "the server did not understand the pipeline and drops the connection (proto-max-bulk-len too small?)"},
}

// Fatal returns what to do about a reply that no other command would escape, or
// nil for one that concerns only its key.
func Fatal(reply string) error {
	bare := strings.TrimPrefix(reply, "ERR ")
	lower := strings.ToLower(reply)
	for i := range fatalReplies {
		f := &fatalReplies[i]
		if f.within && !strings.Contains(lower, f.text) || !f.within && !strings.HasPrefix(bare, f.text) {
			continue
		}
		if f.kind != nil {
			return Mark(f.kind, errors.New(f.advice))
		}
		return errors.New(f.advice)
	}
	return nil
}
