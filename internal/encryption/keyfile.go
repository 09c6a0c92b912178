package encryption

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"filippo.io/age"
)

// recipients reads a recipient, or a file of them. The error never repeats what was given: it may
// be an identity.
func recipients(text string) ([]age.Recipient, error) {
	switch {
	case strings.HasPrefix(strings.ToUpper(text), "AGE-SECRET-KEY-"):
		return nil, errors.New("this is an identity, which is secret: give its recipient, which " +
			"begins with age1 (age-keygen -y FILE shows it)")
	case strings.HasPrefix(text, "age1"):
		r, err := age.ParseRecipients(strings.NewReader(text))
		if err != nil {
			return nil, errors.New("what begins with age1 is not a recipient as age-keygen shows it")
		}
		return r, nil
	}
	f, err := os.Open(text)
	if err != nil {
		return nil, fmt.Errorf("neither a recipient, which begins with age1, nor a file of them: %w", err)
	}
	defer f.Close()
	r, err := age.ParseRecipients(f)
	if err != nil {
		return nil, fmt.Errorf("%s is not a file of recipients, each on a line of its own and "+
			"beginning with age1", text)
	}
	return r, nil
}

// identities reads an identity file. Like ssh, it refuses one of the user's own that others can
// read.
func identities(path string) ([]age.Identity, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && st.Mode().IsRegular() && int(sys.Uid) == os.Getuid() && st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others can read it (mode %04o): chmod 600 it first", st.Mode().Perm())
	}
	ids, err := age.ParseIdentities(f)
	if err != nil { // age's errors may repeat what is in the file
		return nil, errors.New("it is not an identity file as age-keygen makes it, without a passphrase")
	}
	return ids, nil
}
