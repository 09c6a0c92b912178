package dumpreport

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/stats"
)

// A visit is what a browser made of a page.
type visit struct {
	dom     string
	console []string
	asked   []string // what it asked for, of whatever host
}

// narrow shows the page 360 pixels wide, and says how wide it and its tables would be.
const narrow = `<!DOCTYPE html><iframe src="/" width="360" height="800" style="border:0" onload="measure(this.contentDocument)"></iframe><script>
function measure(d) {
	const wide = e => e.scrollWidth > e.clientWidth ? [(e.querySelector("caption, h1") || e).textContent] : [];
	document.title = JSON.stringify({width: d.documentElement.clientWidth, tables: d.querySelectorAll(".table").length, wide: [d.documentElement, ...d.querySelectorAll(".table")].flatMap(wide)});
}</script>`

// browse opens a page, or one that shows it, in headless Chromium, for which every host is the one
// that serves the page.
func browse(t *testing.T, page, path string) visit {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes seconds")
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("there is no chromium, which .ci/install installs")
		}
		t.Skip("there is no chromium")
	}
	var mu sync.Mutex
	v := visit{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path != "/favicon.ico" && !strings.Contains(r.Host, "google") { // what it asks for by itself
			v.asked = append(v.asked, r.Host+r.URL.Path)
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		switch r.Host + r.URL.Path {
		case "page.test/":
			w.Write([]byte(page))
		case "page.test/narrow":
			w.Write([]byte(narrow))
		}
	}))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--user-data-dir="+t.TempDir(),
		"--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-sync", "--disable-extensions",
		"--host-resolver-rules=MAP * "+strings.TrimPrefix(server.URL, "http://"), "--enable-logging=stderr", "--v=0", "--dump-dom", "http://page.test"+path)
	var dom, log strings.Builder
	cmd.Stdout, cmd.Stderr = &dom, &log
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, log.String())
	}
	mu.Lock()
	defer mu.Unlock()
	v.dom = dom.String()
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "CONSOLE") {
			v.console = append(v.console, line)
		}
	}
	return v
}

// TestBrowser opens a page with hostile names. A page that is none of ours shows that the test
// would see a script, an error and a request.
func TestBrowser(t *testing.T) {
	v := browse(t, `<!DOCTYPE html><body><h1 style="width:999px">wide</h1><img src="http://elsewhere.test/pixel"><script>nothing.here()</script>`, "/narrow")
	if len(v.console) == 0 || !slices.Contains(v.asked, "elsewhere.test/pixel") || !strings.Contains(v.dom, `"wide":["wide"]`) {
		t.Fatalf("the test sees nothing: %+v", v)
	}
	page := written(t, samplePage(t, English))
	v = browse(t, page, "/")
	if len(v.console) > 0 {
		t.Errorf("%q", v.console)
	}
	if !slices.Equal(v.asked, []string{"page.test/"}) {
		t.Errorf("it asked for %q", v.asked)
	}
	for what, least := range map[string]int{"<table": 14, "<caption": 10, `<svg class="chart`: 6, `role="img"`: 6, "<rect": 60, "<title>": 10, "<h2 id=": 9, `<li class="warn"`: 5, `<li class="bad"`: 1, `<li class="good"`: 1, `<li class="bad"><span class="mark" role="img" aria-label="bad"`: 2, `<th scope="row"`: 60} {
		if n := strings.Count(v.dom, what); n < least {
			t.Errorf("%d of %s, want %d", n, what, least)
		}
	}
	if found := regexp.MustCompile(`<(script|img)\b`).FindString(v.dom); found != "" {
		t.Errorf("a name made an element: %s", found)
	}
	for _, m := range regexp.MustCompile(`<a href="#([a-z0-9]+)"`).FindAllStringSubmatch(v.dom, -1) {
		if !strings.Contains(v.dom, `id="`+m[1]+`"`) {
			t.Errorf("#%s leads nowhere", m[1])
		}
	}
	p := samplePage(t, English)
	for i := range p.Stats.Groups { // with large numbers
		p.Stats.Groups[i].Add(stats.Counts{Keys: 123_456_789, Bytes: 999 << 20})
	}
	page = written(t, p)
	if n := browse(t, page, "/narrow"); !strings.Contains(n.dom, `"tables":2`) || !strings.Contains(n.dom, `"wide":[]`) {
		t.Errorf("360 pixels are not enough: %s", regexp.MustCompile("<title>.*</title>").FindString(n.dom))
	}
}
