package resp

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrReply: a reply that is not in the protocol, or not one to what was asked.
var ErrReply = errors.New("a reply that is not in the protocol, or not one to this command")

// What a reply means, by its first words; for errors.Is.
var (
	// ErrAuth: the server wants other credentials, or the account may not do this.
	ErrAuth = errors.New("not authorised")
	// ErrUnavailable: the connection failed, a reply did not come in time, or the server says that
	// it cannot answer yet.
	ErrUnavailable = errors.New("source unavailable")
)

// An Error is an error reply, or a reply that no Pika should give.
type Error struct {
	Command string // name and key, without values
	Reply   string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: the source answers %q", e.Command, e.Reply)
}

// transientReplies are how replies begin that pass by themselves (SERVERS.md P7): a replica that is
// being filled, and what proxies and servers of the same protocol say while they start or are full.
var transientReplies = []string{"ERR Full sync not completed", "LOADING ", "ERR max number of clients reached"}

// Transient reports whether the reply says that the server cannot answer yet.
func (e *Error) Transient() bool {
	return slices.ContainsFunc(transientReplies, func(s string) bool { return strings.HasPrefix(e.Reply, s) })
}

// Unwrap lets ErrAuth be found where the reply refuses the account (SERVERS.md P8), and
// ErrUnavailable where it passes by itself.
func (e *Error) Unwrap() error {
	if e.Transient() {
		return ErrUnavailable
	}
	for _, s := range []string{"NOAUTH", "NOPERM", "WRONGPASS", "invalid password", "no password is set"} {
		if strings.Contains(e.Reply, s) {
			return ErrAuth
		}
	}
	return nil
}

// WrongType reports that the key is of another type by now: 4.0 has two texts for it
// (SERVERS.md P5).
func (e *Error) WrongType() bool { return strings.Contains(e.Reply, "WRONGTYPE") }

// NoSuchKey reports that there is no stream of that name: so say XLEN and XINFO (SERVERS.md P13).
func (e *Error) NoSuchKey() bool { return strings.Contains(e.Reply, "no such key") }

// UnknownCommand reports that the server does not know the command: each line of
// versions has its own text (SERVERS.md P7).
func (e *Error) UnknownCommand() bool {
	s := strings.ToLower(e.Reply)
	return strings.Contains(s, "unknown command") || strings.Contains(s, "unknown or unsupported command")
}
