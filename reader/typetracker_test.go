package reader

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// placed runs names with what they exist as through a typeTracker, and returns what each block
// gets.
func placed(t *testing.T, listing []string, has func(name string) typeSet) [5][]string {
	t.Helper()
	pl := typeTracker{blocks: 5}
	var got [5][]string
	note := func(late []lateName) {
		for _, l := range late {
			got[l.at] = append(got[l.at], string(l.name))
		}
	}
	for _, name := range listing {
		at, late, err := pl.listed([]byte(name), has(name))
		if err != nil {
			t.Fatalf("%q in %q: %v", name, listing, err)
		}
		note(late)
		if has(name)&(1<<at) != 0 {
			got[at] = append(got[at], name)
		}
	}
	note(pl.finish())
	return got
}

// TestPlacementExact: of a source that nobody writes to every name is given to the very type it
// was listed for.
func TestPlacementExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 20_000 {
		var want [5][]string
		has := map[string]typeSet{}
		var listing []string
		for b := range want {
			for i := range 6 {
				if rng.IntN(3) == 0 {
					name := fmt.Sprint(i)
					want[b] = append(want[b], name)
					has[name] |= 1 << b
				}
			}
			listing = append(listing, want[b]...)
		}
		got := placed(t, listing, func(n string) typeSet { return has[n] })
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("listing %q: got %q, want %q", listing, got, want)
		}
	}
}

// TestPlacementWritten: while names of earlier types are created under the names of later ones,
// every name that was listed is handed over for its type, once and in order.
func TestPlacementWritten(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for range 20_000 {
		var want [5][]string
		has := map[string]typeSet{}
		var listing []string
		for b := range want {
			for i := range 6 {
				name := fmt.Sprint(i)
				if rng.IntN(3) == 0 {
					want[b] = append(want[b], name)
					has[name] |= 1 << b
				}
			}
			listing = append(listing, want[b]...)
		}
		for name := range has { // created after its type was scanned
			if rng.IntN(3) == 0 {
				has[name] |= 1 << rng.IntN(2)
			}
		}
		pl := placed(t, listing, func(n string) typeSet { return has[n] })
		for b, names := range pl {
			if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
				t.Fatalf("listing %q of %v: block %d gets %q", listing, has, b, names)
			}
			for _, n := range want[b] {
				if !slices.Contains(names, n) {
					t.Fatalf("listing %q of %v: block %d gets %q, without %s", listing, has, b, names, n)
				}
			}
		}
	}
}
