package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/freeport"
)

// TestCookbook runs the commands of docs/COOKBOOK.md with the tools that they are about, and looks
// at what these make of fillSample.
func TestCookbook(t *testing.T) {
	parallel(t)
	for _, name := range []string{"jq", "sqlite3"} {
		needTool(t, name)
	}
	dir := standIns(t)
	duckDB(t, dir)
	hasClickHouse := clickHouse(t, dir)
	text, err := os.ReadFile("../../../docs/COOKBOOK.md")
	if err != nil {
		t.Fatal(err)
	}
	script, left := pageScript("docs/COOKBOOK.md", string(text))
	if left != 0 {
		t.Errorf("%d blocks are not run", left)
	}
	said, at := runPage(t, script, dir)
	want := []string{
		"new or changed: string app:name:7", "changed or deleted: string app:name:7", "changed or deleted: set tags:7",
		`["dump","user 7"]`, `["later","changed"]`,
		"string,2200,2000", "stream,200,0", // DuckDB: types
		"app,2400,", "visits,200,199", // prefixes and fields of Parquet
		"string|2200|2200", "hash|200|400", "list|200|600", "user 42\n", // SQLite
	}
	if hasClickHouse {
		want = append(want, "string\t2200\t2200", "hash\t200\t400", "list\t200\t600")
	}
	for _, text := range want {
		if !strings.Contains(said, text) {
			t.Errorf("nothing says %q", text)
		}
	}
	for name, begins := range map[string]string{"expiring.tsv": "20", "prefixes.txt": "   2000 app:session\n"} {
		lines, err := os.ReadFile(filepath.Join(at, name))
		if err != nil || !strings.HasPrefix(string(lines), begins) {
			t.Errorf("%v: %s begins with %.100s", err, name, lines)
		}
		if n := strings.Count(string(lines), "\n"); name == "expiring.tsv" && n != 2000 {
			t.Errorf("%d keys expire soon, want 2000", n)
		}
	}
	if t.Failed() {
		t.Log(said)
	}
}

// needTool skips the test where there is no such program, but not in CI.
func needTool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("no %s is installed, and CI must have one", name)
	}
	t.Skipf("NO %s IS INSTALLED: docs/COOKBOOK.md is not tested", name)
}

// duckDB puts a program into dir that takes the place of the shell of DuckDB, which is in no
// registry: DuckDB itself, as npm has it.
func duckDB(t *testing.T, dir string) {
	t.Helper()
	global, err := exec.Command("npm", "root", "-g").Output()
	root := strings.TrimSpace(string(global))
	if _, missing := os.Stat(filepath.Join(root, "@duckdb/node-api")); err != nil || missing != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no @duckdb/node-api is installed, and CI must have it")
		}
		t.Skip("NO @duckdb/node-api IS INSTALLED: docs/COOKBOOK.md is not tested")
	}
	program := `const { DuckDBInstance } = require('@duckdb/node-api');
(async () => {
	const db = await (await DuckDBInstance.create(':memory:')).connect();
	const rows = await db.runAndReadAll(process.argv[process.argv.indexOf('-c') + 1]);
	for (const row of rows.getRowsJson()) console.log(row.join(','));
})().catch(err => { console.error(String(err)); process.exit(1); });
`
	writeProgram(t, filepath.Join(dir, "duckdb.js"), program)
	writeProgram(t, filepath.Join(dir, "duckdb"), fmt.Sprintf("#!/bin/sh\nNODE_PATH=%s exec node %s/duckdb.js \"$@\"\n", root, dir))
}

// clickHouse starts a ClickHouse, which only Debian 12 has in its registry, and puts a client of
// that into dir. Without one the client does nothing.
func clickHouse(t *testing.T, dir string) bool {
	t.Helper()
	server, err := exec.LookPath("clickhouse-server")
	client, missing := exec.LookPath("clickhouse-client")
	if err != nil || missing != nil {
		t.Run("ClickHouse", func(t *testing.T) {
			t.Skip("NO clickhouse-server IS INSTALLED: that recipe of docs/COOKBOOK.md is not tested")
		})
		writeProgram(t, filepath.Join(dir, "clickhouse-client"), "#!/bin/sh\nexec cat > /dev/null\n")
		return false
	}
	addr := freeport.Addr()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	writeProgram(t, filepath.Join(home, "config.xml"), fmt.Sprintf(`<yandex>
<logger><level>warning</level><console>1</console></logger>
<listen_host>127.0.0.1</listen_host><tcp_port>%s</tcp_port>
<path>%s/data/</path><tmp_path>%[2]s/tmp/</tmp_path>
<users_config>users.xml</users_config><default_profile>default</default_profile><mark_cache_size>1000000</mark_cache_size>
</yandex>`, port, home))
	writeProgram(t, filepath.Join(home, "users.xml"), `<yandex><profiles><default/></profiles><quotas><default/></quotas>
<users><default><password/><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users></yandex>`)
	cmd := exec.Command(server, "--config-file=config.xml")
	cmd.Dir = home
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("clickhouse-server did not start: %v", err)
		}
	}
	// A query on standard input would wait for data to insert behind the one that is given.
	writeProgram(t, filepath.Join(dir, "clickhouse-client"), fmt.Sprintf("#!/bin/sh\ncase \"$2\" in INSERT*) ;; *) exec </dev/null ;; esac\nexec %s --port %s \"$@\"\n", client, port))
	return true
}

func writeProgram(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}
