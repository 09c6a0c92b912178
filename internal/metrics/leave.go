package metrics

import (
	"bufio"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/push"
)

// newPusher returns what pushes to a Pushgateway. The labels are those of the group.
func newPusher(to *url.URL, c prometheus.Collector, labels prometheus.Labels) *push.Pusher {
	plain := *to
	plain.User = nil // errors show the address
	p := push.New(plain.String(), c.(*collector).tool).Collector(c).Client(&http.Client{Timeout: pushTime})
	for name, value := range labels {
		p = p.Grouping(name, value)
	}
	if to.User != nil {
		password, _ := to.User.Password()
		p = p.BasicAuth(to.User.Username(), password)
	}
	return p
}

// prepareFile makes sure that the file can be written, and finds in it when a run had success
// before.
func (w *watcher) prepareFile() error {
	f, err := os.CreateTemp(filepath.Dir(w.file), filepath.Base(w.file))
	if err != nil {
		return err
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return err
	}
	old, err := os.Open(w.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer old.Close()
	for lines := bufio.NewScanner(old); lines.Scan(); {
		rest, ok := strings.CutPrefix(lines.Text(), w.c.tool+"_"+lastSuccess.name+"{")
		if _, value, found := strings.Cut(rest, "} "); ok && found {
			if seconds, err := strconv.ParseFloat(value, 64); err == nil {
				w.c.success = time.UnixMilli(int64(1000 * seconds))
			}
		}
	}
	return nil
}

// writeFile puts the file in the place of the one of an earlier run.
func (w *watcher) writeFile() error { return prometheus.WriteToTextfile(w.file, w.ours) }
