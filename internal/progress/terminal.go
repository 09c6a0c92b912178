package progress

import (
	"io"
	"os"

	"golang.org/x/term"
)

// File returns the file that w writes to, be it Beside or something else with Unwrap; nil: to none.
func File(w io.Writer) *os.File {
	for {
		around, ok := w.(interface{ Unwrap() io.Writer })
		if !ok {
			break
		}
		w = around.Unwrap()
	}
	f, _ := w.(*os.File)
	return f
}

// IsTerminal reports whether w writes to a terminal.
func IsTerminal(w io.Writer) bool {
	f := File(w)
	return f != nil && term.IsTerminal(int(f.Fd()))
}

// Width returns how many columns the terminal has that w writes to; 0: it is none.
func Width(w io.Writer) int {
	if !IsTerminal(w) {
		return 0
	}
	width, _ := terminalSize(File(w))
	return width
}

func terminalSize(f *os.File) (width, height int) {
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 || height <= 0 { // as a serial line has it
		return usualWidth, usualHeight
	}
	return width, height
}
