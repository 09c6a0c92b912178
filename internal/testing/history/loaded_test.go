package history

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// A left is a line of a report.
type left struct {
	Key    []byte `json:"key"`
	Reason string `json:"reason"`
}

// packed loads the dump as a stream, behind which something else may stand.
func (w *writing) packed() {
	w.events = nil
	pack := w.start("kvload", nil, "pack", "--quiet", w.dir)
	if code := pack.wait(w.history); code != 0 {
		w.broken("kvload pack ended with %d", code)
		return
	}
	behind := one(w.rng, "", "", "zeros", "a byte", "another dump")
	stream := pack.stdout.Bytes()
	switch behind {
	case "zeros":
		stream = append(stream, make([]byte, 512*w.rng.IntN(40))...)
	case "a byte":
		stream = append(append(stream, make([]byte, w.rng.IntN(2000))...), 1)
	case "another dump":
		stream = append(stream, stream...)
	}
	w.tell("behind the packed dump: %s", behind)
	flags := slices.Clone(w.flags)
	flags[slices.Index(flags, "--in")+1] = "-"
	w.tool = w.start("kvload", bytes.NewReader(stream), append([]string{"load"}, flags...)...)
	code := w.tool.wait(w.history)
	w.wire.settle()
	switch odd := behind == "a byte" || behind == "another dump"; {
	case odd && (code == 0 || code == 3):
		w.broken("kvload load ended with %d, and took no notice of what stood behind the dump: %s", code, behind)
	case !odd && code != 0 && code != 3:
		w.broken("kvload load ended with %d: %s", code, tail(w.tool.stderr.String(), 400))
	case !odd:
		w.loaded(code, w.beside("left-out-*.jsonl"))
	}
}

var saysLoaded = regexp.MustCompile(`loaded [1-9]`)

// again resumes a load that is finished, of a target that others have emptied: it must not say that
// it has loaded anything.
func (w *writing) again() {
	w.must(w.c.FlushDB(context.Background()).Err())
	w.events = nil
	w.tell("others empty the target")
	if code := w.until("load", append(w.flags, "--resume")...); code == 0 && len(w.dump) > 0 && saysLoaded.MatchString(w.tool.stderr.String()) && len(holds(w.c)) == 0 {
		w.broken("a load that sent nothing says that it has: %s", tail(w.tool.stderr.String(), 200))
	}
}

// loaded holds the target and the report against what was asked for.
func (w *writing) loaded(code int, report string) bool {
	listed := map[string]string{}
	for _, l := range readLines[left](w.history, report) {
		listed[string(l.Key)] = l.Reason
	}
	if (code == 3) != (len(listed) > 0) {
		w.broken("kvload load ended with %d, but %d keys are listed", code, len(listed))
	}
	before := len(w.wrong)
	got := holds(w.c)
	for _, key := range w.keys() {
		v, g, p := w.dump[key], got[key], w.prior[key]
		delete(got, key)
		switch {
		case (w.refused(v) || w.exempt[key]) && listed[key] != "":
		case w.over(v) && w.policy == "replace":
			w.mustHold(key, g, nil, "its dump has expired, and it was to be replaced")
		case w.over(v):
			w.mustHold(key, g, p, "its dump has expired")
		case w.policy == "skip" && p != nil:
			w.mustHold(key, g, p, "it was there before, and to be skipped")
			if listed[key] != "exists" {
				w.broken("%q was there before, and is not listed", key)
			}
		default:
			w.mustHold(key, g, v, "it was to be loaded")
		}
	}
	w.foreign(got, "the load")
	return len(w.wrong) == before
}

// mustHold holds a key of the target against what it should be.
func (w *writing) mustHold(key string, got, want *value, why string) bool {
	if want == nil && got == nil || want != nil && want.equal(got) {
		return true
	}
	text := ""
	if got != nil && want != nil {
		text = differs(want, got)
	}
	w.broken("%q: %s; it should be %v,\nand is %v%s", key, why, want, got, text)
	return false
}

// foreign holds what others have against what they wrote.
func (w *writing) foreign(got map[string]*value, what string) {
	for _, key := range slices.Sorted(maps.Keys(w.others)) {
		w.mustHold(key, got[key], w.others[key], "it belongs to others, after "+what)
		delete(got, key)
	}
	for key, v := range got {
		w.broken("%q is at the target after %s, and nobody wrote it: %v", key, what, v)
	}
}

// compare holds kvload verify against what the target holds.
func (w *writing) compare(report string) {
	listed := map[string]bool{}
	for _, l := range readLines[left](w.history, report) {
		listed[string(l.Key)] = true
	}
	got := holds(w.c)
	differ, stale := "", false // stale: what has expired in the dump is there, and may be a difference
	for _, key := range w.keys() {
		stale = stale || w.over(w.dump[key]) && got[key] != nil
		if v := w.dump[key]; !w.over(v) && !listed[key] && !v.equal(got[key]) {
			differ += fmt.Sprintf("%q is %v, not %v; ", key, got[key], v)
		}
	}
	flags := slices.Clone(w.flags)
	for _, name := range []string{"--on-exists", "--undo", "--pipeline", "--checkpoint"} {
		if i := slices.Index(flags, name); i >= 0 {
			flags = slices.Delete(flags, i, i+2)
		}
	}
	if len(listed) > 0 {
		flags = append(flags, "--left-out", report)
	}
	want := 0
	if differ != "" {
		want = 4
	}
	if code := w.until("verify", flags...); code != want && !(code == 4 && stale) {
		w.broken("kvload verify ended with %d, want %d: %s", code, want, differ)
	}
}
