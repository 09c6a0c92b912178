// Package logging makes records of log/slog of a command's messages, for machines that collect
// them.
//
//	l := logging.New(os.Stderr, os.Stderr)
//	err := l.Record(logging.Options{Tool: "kvload", Command: "load", File: "/var/log/kvload.log"})
//	fmt.Fprintln(l, "warning: the target holds keys") // on stderr as it is, and a record in the file
//
// A record never holds what a message quotes, such as the name of a key, unless Options.Keys says
// so.
package logging

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// Options say where records go, and which.
type Options struct {
	Tool, Command string // in each record
	JSON          bool   // a record is a line of JSON, not of logfmt
	File          string // is appended to; empty: records take the place of the messages
	Level         slog.Level
	Keys          bool // what is quoted stays
}

// A Log takes the messages of a command, and makes records of them once Record was called: one of
// each line. It is for any number of goroutines.
type Log struct {
	// Run tells the runs of a tool apart.
	Run string

	mu       sync.Mutex
	messages io.Writer    // for people; nil: they get none
	stderr   io.Writer    // for records
	file     *os.File     // of the records; nil: none
	run      slog.Handler // with what all records have; nil: none are made
	handler  slog.Handler // run, or that with the id of the dump
	keys     bool
	began    time.Time
	dump     string // its id; empty: not known
	lines    Lines
	broken   bool // a record could not be written, which was said
}

// New returns a log that makes no records yet. Messages take those for people; stderr the records
// that take their place.
func New(messages, stderr io.Writer) *Log {
	run := make([]byte, 8)
	_, _ = rand.Read(run) // it never fails
	l := &Log{Run: hex.EncodeToString(run), messages: messages, stderr: stderr, began: time.Now()}
	l.lines.Each = func(line []byte) error {
		text, warns := strings.CutPrefix(string(line), warning)
		level := slog.LevelInfo
		if warns {
			level = slog.LevelWarn
		}
		l.record(level, text)
		return nil
	}
	return l
}

// Record has records made from now on.
func (l *Log) Record(o Options) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	to := l.stderr
	if o.File == "" {
		l.messages = nil
	} else {
		f, err := os.OpenFile(o.File, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		l.file, to = f, f
	}
	h := &slog.HandlerOptions{Level: o.Level}
	l.run = slog.NewTextHandler(to, h)
	if o.JSON {
		l.run = slog.NewJSONHandler(to, h)
	}
	l.run = l.run.WithAttrs([]slog.Attr{slog.String("tool", o.Tool), slog.String("command", o.Command), slog.String("run", l.Run)})
	l.handler, l.keys = l.run, o.Keys
	return nil
}

// Messages returns what takes the messages for people; if they get none, stderr.
func (l *Log) Messages() io.Writer {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.messages == nil {
		return l.stderr
	}
	return l.messages
}

// Records reports whether records are made.
func (l *Log) Records() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.run != nil
}

// Note makes a record of what is no message.
func (l *Log) Note(text string, attrs ...slog.Attr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.record(slog.LevelInfo, text, attrs...)
}

// SetDump adds the id of a dump to the records that follow, if w is a Log.
func SetDump(w io.Writer, id string) {
	l, ok := w.(*Log)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dump = id; l.run != nil {
		l.handler = l.run.WithAttrs([]slog.Attr{slog.String("dump", id)})
	}
}

// Say writes a message of one line to w. Of a Log the record has the level and the attributes.
func Say(w io.Writer, level slog.Level, text string, attrs ...slog.Attr) {
	l, ok := w.(*Log)
	if !ok {
		fmt.Fprintln(w, text)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.messages != nil {
		fmt.Fprintln(l.messages, text)
	}
	l.record(level, text, attrs...)
}

// warning is how a message begins that somebody has to look at.
const warning = "warning: "

// Write takes lines, or parts of lines.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	if l.messages != nil {
		_, err = l.messages.Write(p)
	}
	if l.run != nil {
		_, _ = l.lines.Write(p) // a record that cannot be written is no error of the message
	}
	return len(p), err
}

// Close ends the log of a run that ended with an exit code, which the last record has.
func (l *Log) Close(code int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.record(slog.LevelInfo, string(l.lines.part))
	l.record(slog.LevelInfo, "ended", slog.Int("exit_code", code), slog.Float64("seconds", time.Since(l.began).Seconds()))
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// IDs returns the id of the run whose log w is, and what returns that of its dump once it is known.
func IDs(w io.Writer) (run string, dump func() string) {
	l, ok := w.(*Log)
	if !ok {
		return "", func() string { return "" }
	}
	return l.Run, func() string {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.dump
	}
}
