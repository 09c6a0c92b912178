package encryption

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestFlags(t *testing.T) {
	id := identity(t)
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := "# created: now\n# public key: " + id.Recipient().String() + "\n" + id.String() + "\n"
	private, public := write("key", file, 0o600), write("shared", file, 0o640)
	list := write("recipients", "# two\n"+id.Recipient().String()+"\n"+identity(t).Recipient().String()+"\n", 0o644)
	for _, tc := range []struct {
		args                   []string
		recipients, identities int
		says                   string
	}{
		{nil, 0, 0, ""},
		{[]string{"--encrypt-to", id.Recipient().String(), "--encrypt-to", list, "--identity", private, "--identity", private}, 3, 2, ""},
		{[]string{"--identity", public}, 0, 0, "chmod 600"},
		{[]string{"--identity", write("recipient", id.Recipient().String(), 0o600)}, 0, 0, "not an identity file"},
		{[]string{"--identity", filepath.Join(dir, "nosuch")}, 0, 0, "no such file"},
		{[]string{"--encrypt-to", id.String()}, 0, 0, "secret"},
		{[]string{"--encrypt-to", "age1x"}, 0, 0, "not a recipient"},
		{[]string{"--encrypt-to", private}, 0, 0, "not a file of recipients"},
		{[]string{"--encrypt-to", "nosuch"}, 0, 0, "neither a recipient"},
	} {
		var k Keys
		app := &cli.App{Flags: []cli.Flag{IdentityFlag(), RecipientFlag()}, Action: func(c *cli.Context) (err error) {
			k, err = FromFlags(c)
			return err
		}}
		err := app.Run(append([]string{"x"}, tc.args...))
		switch {
		case tc.says == "":
			if err != nil || len(k.Recipients) != tc.recipients || len(k.Identities) != tc.identities {
				t.Errorf("%v: %d, %d, %v", tc.args, len(k.Recipients), len(k.Identities), err)
			}
		case err == nil || !strings.Contains(err.Error(), tc.says):
			t.Errorf("%v: %v", tc.args, err)
		case strings.Contains(err.Error(), id.String()[20:]):
			t.Errorf("the error shows the identity: %v", err)
		}
	}
}
