package verify

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// A Server reads back what one keyspace of a server holds, over one connection.
type Server interface {
	// Ask fills in the answers of the questions, in as few round trips as it can. Questions
	// of one key come in the order of its elements, in one call or in several. An error
	// is of the connection or the server: what concerns one key is in its answer.
	Ask(ctx context.Context, qs []*Question) error
	Close() error
}

// A Question asks for a part of one key.
type Question = question.Question

// What a server that cannot tell answers, or one that has no such key.
const (
	TypeNone      = question.TypeNone
	UnknownExpiry = question.UnknownExpiry
)
