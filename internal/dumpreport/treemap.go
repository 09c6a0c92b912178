package dumpreport

// A box is a rectangle of a treemap.
type box struct{ X, Y, W, H float64 }

// squarify divides an area among sizes, which are in falling order, in boxes that are as square as
// can be (Bruls, Huizing, van Wijk: Squarified Treemaps, 2000).
func squarify(sizes []float64, in box) []box {
	whole := 0.0
	for _, s := range sizes {
		whole += s
	}
	if whole <= 0 || in.W <= 0 || in.H <= 0 {
		return make([]box, len(sizes))
	}
	scale := in.W * in.H / whole
	var boxes []box
	for len(sizes) > 0 {
		side := min(in.W, in.H)
		n, sum := 1, sizes[0]*scale
		for n < len(sizes) && worst(sizes[:n+1], scale, sum+sizes[n]*scale, side) <= worst(sizes[:n], scale, sum, side) {
			sum += sizes[n] * scale
			n++
		}
		boxes = append(boxes, row(sizes[:n], scale, sum, &in)...)
		sizes = sizes[n:]
	}
	return boxes
}

// worst returns the largest ratio of the sides of a row's boxes.
func worst(sizes []float64, scale, sum, side float64) float64 {
	large, small := sizes[0]*scale, sizes[len(sizes)-1]*scale
	if small <= 0 || sum <= 0 {
		return 1e9
	}
	return max(side*side*large/(sum*sum), sum*sum/(side*side*small))
}

// row takes a row of boxes from an area, along its shorter side.
func row(sizes []float64, scale, sum float64, in *box) (boxes []box) {
	thick, at := sum/min(in.W, in.H), *in
	for _, s := range sizes {
		long := s * scale / max(thick, 1e-9)
		if in.W >= in.H {
			boxes = append(boxes, box{in.X, at.Y, thick, long})
			at.Y += long
		} else {
			boxes = append(boxes, box{at.X, in.Y, long, thick})
			at.X += long
		}
	}
	if in.W >= in.H {
		in.X, in.W = in.X+thick, in.W-thick
	} else {
		in.Y, in.H = in.Y+thick, in.H-thick
	}
	return boxes
}
