package dumpreport

import (
	"math"
	"regexp"
	"strconv"
	"testing"
)

// TestContrast: in the light and in the dark, text stands out from what is behind it, by 4.5 at
// least, as WCAG 2 asks for.
func TestContrast(t *testing.T) {
	colours := map[string][2]float64{} // how light each is
	for _, m := range regexp.MustCompile(`--([a-z]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)`).FindAllStringSubmatch(style, -1) {
		colours[m[1]] = [2]float64{luminance(t, m[2]), luminance(t, m[3])}
	}
	for ground, texts := range map[string][]string{
		"ground": {"text", "soft", "link", "good", "warn", "bad"}, "line": {"text"},
		"string": {"label"}, "hyperloglog": {"label"}, "hash": {"label"}, "list": {"label"}, "zset": {"label"}, "set": {"label"}, "stream": {"label"},
	} {
		for _, text := range texts {
			for i, scheme := range []string{"light", "dark"} {
				a, b := colours[ground][i], colours[text][i]
				if contrast := (max(a, b) + 0.05) / (min(a, b) + 0.05); contrast < 4.5 {
					t.Errorf("%s: %s on %s has a contrast of %.1f", scheme, text, ground, contrast)
				}
			}
		}
	}
}

func luminance(t *testing.T, colour string) (l float64) {
	t.Helper()
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.03928 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		l += weight * c
	}
	return l
}
