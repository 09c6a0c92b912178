package metrics

import (
	"net"
	"net/url"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
)

func flags() []cli.Flag {
	return []cli.Flag{
		command.Text("metrics-addr", command.Monitoring, "serve metrics for Prometheus at "+
			"`ADDR`, such as :9121 or 127.0.0.1:9121, while the command runs: /metrics, /healthz"),
		command.Bool("pprof", command.Monitoring, "serve profiles of the process at "+
			"--metrics-addr as well: /debug/pprof/"),
		command.Text("metrics-file", command.Monitoring, "at the end write metrics to `FILE`, "+
			"for the textfile collector of node_exporter; its name ends in .prom"),
		command.Text("push-url", command.Monitoring, "push metrics to the Pushgateway at `URL`, "+
			"every 15 s and at the end"),
	}
}

// options say where metrics go; empty: not there.
type options struct {
	addr, file string
	pprof      bool
	push       *url.URL
}

func parse(v *command.Values) (o options) {
	o = options{addr: v.String("metrics-addr"), file: v.String("metrics-file"), pprof: v.Bool("pprof")}
	_, port, err := net.SplitHostPort(o.addr)
	v.Refuse(o.addr != "" && (err != nil || port == ""), "--metrics-addr %q: it is [HOST]:PORT, "+
		"such as :9121", o.addr)
	v.Refuse(o.pprof && o.addr == "", "--pprof needs --metrics-addr, where the profiles are served")
	v.Refuse(o.file != "" && !strings.HasSuffix(o.file, ".prom"), "--metrics-file %s: its name "+
		"must end in .prom, or node_exporter does not read it", o.file)
	if text := v.String("push-url"); text != "" {
		o.push, err = url.Parse(text)
		v.Refuse(err != nil || o.push.Host == "" || o.push.Scheme != "http" && o.push.Scheme != "https" || strings.Contains(o.push.Path, "/metrics/job"),
			"--push-url is the address of a Pushgateway, such as http://10.0.0.7:9091, without "+
				"/metrics/job/…") // not shown: a password may be in it
	}
	return o
}
