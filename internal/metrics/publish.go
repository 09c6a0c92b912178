package metrics

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/pprof"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/push"
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

const (
	lookEvery = time.Second
	pushEvery = 15 * time.Second
	// pushTime and scrapeTime bound how long the end of a run waits for others.
	pushTime   = 5 * time.Second
	scrapeTime = time.Second
	// scrapes is how many are answered at once.
	scrapes = 4
)

// ErrNowhere: metrics were asked for, and cannot go where they are to.
var ErrNowhere = exitcode.New(exitcode.Refused, "metrics cannot be exposed")

// A watcher exposes one run of a command.
type watcher struct {
	options
	c      *collector
	ours   prometheus.Gatherer // with the labels of the run
	pusher *push.Pusher        // nil: nothing is pushed
	server *http.Server        // nil: nothing is served
	log    io.Writer

	quit    context.CancelFunc
	running sync.WaitGroup
}

// start begins to expose a run. What cannot work is an error now, before the command begins.
func start(c *cli.Context, o options, labels prometheus.Labels) (*watcher, error) {
	log := c.App.ErrWriter
	w := &watcher{options: o, log: log, c: &collector{tool: c.App.Name, version: command.Version, most: map[string]float64{}}}
	w.c.run, w.c.dump = logging.IDs(log)
	ours := prometheus.NewRegistry()
	prometheus.WrapRegistererWith(labels, ours).MustRegister(w.c)
	w.ours = ours
	if o.file != "" {
		if err := w.prepareFile(); err != nil {
			return nil, fmt.Errorf("%w: --metrics-file: %w; give a file that can be written", ErrNowhere, err)
		}
	}
	if o.push != nil {
		w.pusher = newPusher(o.push, w.c, labels)
	}
	ctx, quit := context.WithCancel(context.Background())
	w.quit = quit
	if o.addr != "" {
		l, err := net.Listen("tcp", o.addr)
		if err != nil {
			quit()
			return nil, fmt.Errorf("%w: --metrics-addr: %w; give another address", ErrNowhere, err)
		}
		fmt.Fprintf(log, "metrics: http://%s/metrics shows counts and the addresses of servers to all who reach it, no names of keys and no passwords\n", l.Addr())
		if o.pprof {
			fmt.Fprintf(log, "warning: --pprof: http://%s/debug/pprof/ lets all who reach it take profiles, which cost time\n", l.Addr())
		}
		w.server = &http.Server{Handler: w.handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
		w.running.Go(func() { _ = w.server.Serve(l) }) // it ends when it is shut down
	}
	w.running.Go(func() { w.repeat(ctx) })
	return w, nil
}

// handler serves what can be asked for.
func (w *watcher) handler() http.Handler {
	process := prometheus.NewRegistry()
	process.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(prometheus.Gatherers{w.ours, process}, promhttp.HandlerOpts{MaxRequestsInFlight: scrapes}))
	mux.HandleFunc("GET /healthz", func(to http.ResponseWriter, _ *http.Request) { fmt.Fprintln(to, "ok") })
	if w.pprof { // but for the command line, which may hold a password
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.Handle("GET /debug/pprof/cmdline", http.NotFoundHandler())
	}
	return mux
}

// attach exposes the phases of a Meter.
func (w *watcher) attach(m *progress.Meter) {
	m.Also(func(m *progress.Meter) func() {
		w.c.begin(m)
		return w.c.over
	})
}

// repeat looks whether the run makes progress, and pushes now and then.
func (w *watcher) repeat(ctx context.Context) {
	look, send := time.NewTicker(lookEvery), time.NewTicker(pushEvery)
	defer look.Stop()
	defer send.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-look.C:
			w.c.watch(now)
		case <-send.C:
			if w.pusher == nil {
				continue
			}
			err := w.pushNow(ctx)
			if err != nil && !failed && ctx.Err() == nil {
				fmt.Fprintf(w.log, "warning: --push-url: %v; it is tried again every %v\n", err, pushEvery)
			}
			failed = err != nil
		}
	}
}

// pushNow adds to what the Pushgateway has of this run: a metric that is not there now stays.
func (w *watcher) pushNow(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pushTime)
	defer cancel()
	return w.pusher.AddContext(ctx)
}

// stop ends a run that ended with an exit code, and leaves its metrics where they are to be.
func (w *watcher) stop(code int) {
	w.quit()
	w.c.end(time.Now(), code)
	if w.file != "" {
		if err := w.writeFile(); err != nil {
			fmt.Fprintf(w.log, "warning: --metrics-file: %v: the metrics of this run are not in it\n", err)
		}
	}
	if w.pusher != nil {
		if err := w.pushNow(context.Background()); err != nil {
			fmt.Fprintf(w.log, "warning: --push-url: %v: the last metrics were not pushed\n", err)
		}
	}
	if w.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
		defer cancel()
		if err := w.server.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
			_ = w.server.Close() // who asks for a long profile, or reads slowly, is cut off
		}
	}
	w.running.Wait()
}

// newPusher returns what pushes to a Pushgateway. The labels are those of the group.
func newPusher(to *url.URL, c *collector, labels prometheus.Labels) *push.Pusher {
	plain := *to
	plain.User = nil // errors show the address
	p := push.New(plain.String(), c.tool).Collector(c).Client(&http.Client{Timeout: pushTime})
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
