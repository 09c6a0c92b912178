package reader

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"regexp"
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

// ofKey reports that the account may send the command, but not for this key (SERVERS.md P8).
func (e *ReplyError) ofKey() bool {
	return strings.Contains(e.Reply, "NOPERM") && strings.Contains(e.Reply, "access one of the keys")
}

// A refusal is an error reply to what a dump needs, with what lets it through.
type refusal struct {
	err  error
	help string
}

func (r *refusal) Error() string { return r.err.Error() + "; " + r.help }
func (r *refusal) Unwrap() error { return r.err }

// SaysWhatToDo tells whoever shows the error that no hint is needed.
func (r *refusal) SaysWhatToDo() bool { return true }

// An account is what refusals are explained by.
type account struct {
	user     string // empty: the server's default
	password bool   // one is given
	prefix   []byte // of all keys that are asked for
}

// explain adds to the refusal of a command what lets it through.
func (a account) explain(err error) error {
	var re *ReplyError
	if !errors.As(err, &re) || re.transient() || errors.As(err, new(*refusal)) {
		return err
	}
	if help := a.help(re); help != "" {
		return &refusal{err, help}
	}
	return err
}

var forbiddenCommand = regexp.MustCompile(`run the '([^']+)' command`)

// help says what lets a command through; empty: nothing is known.
func (a account) help(re *ReplyError) string {
	user := cmp.Or(a.user, "default")
	command, _, _ := strings.Cut(re.Command, " ")
	m := forbiddenCommand.FindStringSubmatch(re.Reply)
	switch {
	case re.ofKey() && len(a.prefix) > 0:
		return fmt.Sprintf("allow the account these keys, at the source: ACL SETUSER %s '~%s*'", user, bytes.ToValidUTF8(a.prefix, []byte("?")))
	case re.ofKey():
		return fmt.Sprintf("the account may use some keys only: allow it all, at the source: ACL SETUSER %s '~*'; or dump those that it may use, by --match 'PREFIX*'", user)
	case m != nil && a.user == "" && a.password:
		return fmt.Sprintf("is the password right? A Pika that has a limited user says OK to a wrong one; if it is right, allow the command, at the source: ACL SETUSER %s +%s", user, m[1])
	case m != nil:
		return fmt.Sprintf("allow it, at the source: ACL SETUSER %s +%s", user, m[1])
	case strings.Contains(re.Reply, "NOAUTH") && (a.password || command != "SELECT" && command != "INFO"): // these come first
		return fmt.Sprintf("is %s on the source's userblacklist? Take it off there, or give the password of requirepass", command)
	case re.unknownCommand() && command != "AUTH":
		return fmt.Sprintf("is %s in rename-command of the source's configuration? Take it out there, for the time of the dump", command)
	}
	return ""
}

func quoteKey(key []byte) string {
	if len(key) > 64 {
		return fmt.Sprintf("%q…", key[:64])
	}
	return fmt.Sprintf("%q", key)
}
