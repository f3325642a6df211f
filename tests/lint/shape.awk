# shape.awk - size of functions in stripped, clang-formatted C: a body opens
# with "{" and ends with "}" in the first column.
#
#   awk -v file=NAME -v lines=60 -v params=6 -v nest=3 -f shape.awk
#
# A function that takes libmilter's SMFICTX has the signature libmilter wants.
function parameters(head,    i, c, depth, n, any) {
	for (i = 1; i <= length(head); i++) {
		c = substr(head, i, 1)
		if (c == "(") {
			if (++depth == 1)
				n = any = 0
		} else if (c == ")") {
			depth--
		} else if (c == "," && depth == 1) {
			n++
		} else if (c != " " && c != "\t") {
			any = 1
		}
	}
	return any ? n + 1 : 0
}
/^{/ {
	start = NR
	inside = 1
	n = parameters(head)
	if (n > params && head !~ /SMFICTX|MHD_Connection/)
		printf "%s:%d: %d parameters, at most %d\n", file, NR, n, params
}
/^}/ {
	if (inside && NR - start - 1 > lines)
		printf "%s:%d: function of %d lines, at most %d\n", file, start,
		    NR - start - 1, lines
	inside = 0
	head = ""
	next
}
inside && match($0, /^\t+(if|for|while|switch|do)[^A-Za-z0-9_]/) {
	match($0, /^\t+/)
	if (RLENGTH > nest)
		printf "%s:%d: nested %d deep, at most %d\n", file, NR, RLENGTH,
		    nest
}
/^$/ || /;[ \t]*$/ || /^#/ { head = ""; next }
{ head = head " " $0 }
