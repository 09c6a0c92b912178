package logging

import "bytes"

// Lines hands over what is written to it as whole lines, with their ends. It is for one goroutine.
type Lines struct {
	Each func(line []byte) error
	part []byte // of a line that is not whole yet
}

// Write takes lines, or parts of lines.
func (l *Lines) Write(p []byte) (int, error) {
	l.part = append(l.part, p...)
	for {
		end := bytes.IndexByte(l.part, '\n') + 1
		if end == 0 {
			return len(p), nil
		}
		line := l.part[:end]
		l.part = l.part[end:]
		if err := l.Each(line); err != nil {
			return 0, err
		}
	}
}
