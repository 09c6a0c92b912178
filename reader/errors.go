package reader

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// Causes that a caller branches on, with errors.Is.
var (
	// ErrAuth: the server wants other credentials, or the account may not read.
	ErrAuth = resp.ErrAuth
	// ErrRefused: this server, in this state, cannot be dumped. The text says what to do.
	ErrRefused = errors.New("refused")
	// ErrUnavailable: the connection failed or a reply did not come in time. Trying
	// again later may help.
	ErrUnavailable = resp.ErrUnavailable
)

// A ReplyError is an error reply, or a reply that no Pika should give.
type ReplyError = resp.Error

// ofKey reports that the account may send the command, but not for this key (SERVERS.md P8).
func ofKey(re *ReplyError) bool {
	return strings.Contains(re.Reply, "NOPERM") && strings.Contains(re.Reply, "access one of the keys")
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

// explain adds to the refusal of a command what lets it through.
func (o *Options) explain(err error) error {
	var re *ReplyError
	if !errors.As(err, &re) || re.Transient() || errors.As(err, new(*refusal)) {
		return err
	}
	if help := o.help(re); help != "" {
		return &refusal{err, help}
	}
	return err
}

var forbiddenCommand = regexp.MustCompile(`run the '([^']+)' command`)

// help says what lets a command through; empty: nothing is known.
func (o *Options) help(re *ReplyError) string {
	user, password := cmp.Or(o.Username, "default"), o.Password != ""
	command, _, _ := strings.Cut(re.Command, " ")
	m := forbiddenCommand.FindStringSubmatch(re.Reply)
	switch {
	case ofKey(re) && len(o.Prefix) > 0:
		return fmt.Sprintf("allow the account these keys, at the source: ACL SETUSER %s '~%s*'", user, bytes.ToValidUTF8(o.Prefix, []byte("?")))
	case ofKey(re):
		return fmt.Sprintf("the account may use some keys only: allow it all, at the source: ACL SETUSER %s '~*'; or dump those that it may use, by --match 'PREFIX*'", user)
	case m != nil && o.Username == "" && password:
		return fmt.Sprintf("is the password right? A Pika that has a limited user says OK to a wrong one; if it is right, allow the command, at the source: ACL SETUSER %s +%s", user, m[1])
	case m != nil:
		return fmt.Sprintf("allow it, at the source: ACL SETUSER %s +%s", user, m[1])
	case strings.Contains(re.Reply, "NOAUTH") && (password || command != "SELECT" && command != "INFO"): // these come first
		return fmt.Sprintf("is %s on the source's userblacklist? Take it off there, or give the password of requirepass", command)
	case re.UnknownCommand() && command != "AUTH":
		return fmt.Sprintf("is %s in rename-command of the source's configuration? Take it out there, for the time of the dump", command)
	}
	return ""
}
