"""Charts as SVG text: numbers in, markup out; no JavaScript, no floats that decide anything."""
