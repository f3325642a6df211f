# strip.awk - C source with comments and the contents of literals blanked out,
# line by line, so that a pattern finds code only.
function literal(line, i, quote,    c) {
	while (i <= length(line)) {
		c = substr(line, i, 1)
		if (c == "\\")
			i++
		else if (c == quote)
			return i
		i++
	}
	return i
}
{
	line = $0
	out = ""
	for (i = 1; i <= length(line); i++) {
		c = substr(line, i, 1)
		two = substr(line, i, 2)
		if (comment) {
			if (two == "*/") {
				comment = 0
				i++
			}
		} else if (two == "/*") {
			comment = 1
			i++
		} else if (two == "//") {
			break
		} else if (c == "\"" || c == "'") {
			out = out c c
			i = literal(line, i + 1, c)
		} else {
			out = out c
		}
	}
	print out
}
