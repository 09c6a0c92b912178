package columns

import (
	"strings"
	"testing"
)

// TestCut: texts of characters that take one column, two, or none.
func TestCut(t *testing.T) {
	for _, tc := range []struct {
		text        string
		most        int
		cut, middle string
	}{
		{"plain", 5, "plain", "plain"},
		{"plain  ", 7, "plain", "plain  "},
		{"plain", 4, "pla…", "pl…n"},
		{"商品描述", 8, "商品描述", "商品描述"},
		{"商品描述", 7, "商品描…", "商…述"},
		{"商品描述", 6, "商品…", "商…述"},
		{"a商品", 4, "a商…", "a…"},
		{"e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301", "e\u0301e\u0301e\u0301"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…", "e\u0301…"},
		{"😀😀", 3, "😀…", "…"},
		{"", 0, "", ""},
		{"a", 0, "…", "…"},
	} {
		cut, middle := Cut(tc.text, tc.most), Middle(tc.text, tc.most)
		if cut != tc.cut || middle != tc.middle {
			t.Errorf("%q in %d columns: %q and %q, want %q and %q", tc.text, tc.most, cut, middle, tc.cut, tc.middle)
		}
		if Of(cut) > max(1, tc.most) || Of(middle) > max(1, tc.most) {
			t.Errorf("%q in %d columns: %q and %q are wider", tc.text, tc.most, cut, middle)
		}
	}
	if n := Of(strings.Repeat("ＡＢ한", 2)); n != 12 {
		t.Errorf("%d columns, want 12", n)
	}
}
