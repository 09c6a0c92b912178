package logging

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"
)

// quoted is what a message quotes: names of keys, members, what a server answered, patterns.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'~[^']*'`)

// record writes a record, without the table's spaces around it.
func (l *Log) record(level slog.Level, text string, attrs ...slog.Attr) {
	text = strings.TrimSpace(text)
	if text == "" || l.run == nil || !l.handler.Enabled(context.Background(), level) {
		return
	}
	if !l.keys {
		text = quoted.ReplaceAllLiteralString(text, `"…"`)
	}
	r := slog.NewRecord(time.Now(), level, text, 0)
	r.AddAttrs(attrs...)
	if err := l.handler.Handle(context.Background(), r); err != nil && !l.broken && l.messages != nil {
		l.broken = true
		fmt.Fprintf(l.messages, "warning: --log-file: records are missing from here on: %v\n", err)
	}
}
