package reader

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Causes that a caller branches on, with errors.Is.
var (
	// ErrAuth: the server wants other credentials, or the account may not read.
	ErrAuth = errors.New("not authorised")
	// ErrRefused: this server, in this state, cannot be dumped. The text says what to do.
	ErrRefused = errors.New("refused")
	// ErrUnavailable: the connection failed or a reply did not come in time. Trying
	// again later may help.
	ErrUnavailable = errors.New("source unavailable")
)

// A ReplyError is an error reply, or a reply that no Pika should give.
type ReplyError struct {
	Command string // name and key, without values
	Reply   string
}

func (e *ReplyError) Error() string {
	return fmt.Sprintf("%s: the source answers %q", e.Command, e.Reply)
}

// transientReplies are how replies begin that pass by themselves (SERVERS.md P7): a replica that is being
// filled, and what proxies and servers of the same protocol say while they start or are full.
var transientReplies = []string{"ERR Full sync not completed", "LOADING ", "ERR max number of clients reached"}

// transient reports whether the reply says that the server cannot answer yet.
func (e *ReplyError) transient() bool {
	return slices.ContainsFunc(transientReplies, func(s string) bool { return strings.HasPrefix(e.Reply, s) })
}

// Unwrap lets ErrAuth be found where the reply refuses the account (SERVERS.md P8), and ErrUnavailable where it passes by itself.
func (e *ReplyError) Unwrap() error {
	if e.transient() {
		return ErrUnavailable
	}
	for _, s := range []string{"NOAUTH", "NOPERM", "WRONGPASS", "invalid password", "no password is set"} {
		if strings.Contains(e.Reply, s) {
			return ErrAuth
		}
	}
	return nil
}

// wrongType reports that the key is of another type by now: 4.0 has two texts for it
// (SERVERS.md P5).
func (e *ReplyError) wrongType() bool { return strings.Contains(e.Reply, "WRONGTYPE") }

// noSuchKey reports that there is no stream of that name: so say XLEN and XINFO (SERVERS.md P13).
func (e *ReplyError) noSuchKey() bool { return strings.Contains(e.Reply, "no such key") }

// unknownCommand reports that the server does not know the command: each line of
// versions has its own text (SERVERS.md P7).
func (e *ReplyError) unknownCommand() bool {
	s := strings.ToLower(e.Reply)
	return strings.Contains(s, "unknown command") || strings.Contains(s, "unknown or unsupported command")
}

func quoteKey(key []byte) string {
	if len(key) > 64 {
		return fmt.Sprintf("%q…", key[:64])
	}
	return fmt.Sprintf("%q", key)
}
