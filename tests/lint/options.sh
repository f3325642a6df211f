#!/bin/sh
# options.sh [ROOT] - the table of options is the single source: every option
# of it stands in the manual page and in the shipped gatepost.conf, with the
# default that it has; neither has an option that the table has not; and the
# shipped file, the same with every line uncommented, and the manual's example
# are policies.
# Prints FILE: sentence; exit 1 when there is any.
#
#   O   the build, for its library (default build)
#   CC  the compiler (default cc)
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/../..}" || exit 2
O=${O:-build}
man=packaging/man/gatepost.conf.5.scd
conf=packaging/etc/gatepost.conf

tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

"${CC:-cc}" -std=c11 -D_GNU_SOURCE -Icommon -o "$tmp/options" \
	tests/lint/options.c "$O/obj/libgatepost.a" -lconfuse -lidn2 -pthread ||
	exit 1
"$tmp/options" >"$tmp/table" || exit 1

# The options of the manual: KIND, NAME, DEFAULT ("-": none is given).
in_manual() {
	awk '
	function flush() {
		if (name == "")
			return
		n = match(text, /Default:[ \t]+/)
		value = n ? substr(text, n + RLENGTH) : "-"
		sub(/\.$/, "", value)
		print kind "\t" name "\t" value
		name = ""
	}
	/^#/ { flush(); kind = "?" }
	/^# TOP LEVEL/ { kind = "" }
	/^#+ SECTION / { kind = $3 }
	/^\*[a-z-]+\* =/ {
		flush()
		name = substr($1, 2, length($1) - 2)
		text = ""
		next
	}
	/^\t/ { text = text " " substr($0, 2) }
	END { flush() }' "$man"
}

# The options of the shipped file, whether behind a "#" or not; the value of
# one in force, which is there to be another than the default, is "=".
in_conf() {
	awk '
	{ line = $0; gsub(/^#?[ \t]*#?/, "", line) }
	line ~ /^[a-z]+ ("[^"]*" )?\{$/ {
		split(line, word, " ")
		stack[++depth] = word[1]
		next
	}
	line == "}" { depth--; next }
	line ~ /^[a-z-]+ = / {
		name = line
		sub(/ = .*/, "", name)
		sub(/^[a-z-]+ = /, "", line)
		path = ""
		for (i = 1; i <= depth; i++)
			path = path (i > 1 ? "/" : "") stack[i]
		print path "\t" name "\t" ($0 ~ /^[ \t]*#/ ? line : "=")
	}' "$conf"
}

# compare FILE WANT HAVE ALL: each row of WANT stands in HAVE, at least once
# with its default (any value does where there is none and the option is a
# domain's, a limit's ..., or where it is in force), each row of HAVE is one of ALL.
compare() {
	awk -F '\t' -v file="$1" '
	function plain(value) { gsub(/["{}_ ]/, "", value); return value }
	function dotted(key) { sub(/\t/, ".", key); return key }
	{ key = $1 "\t" $2 }
	FILENAME == ARGV[1] { want[key] = plain($3); next }
	FILENAME == ARGV[2] { all[key] = 1; next }
	!(key in all) { print file ": " dotted(key) " is no option" }
	{ seen[key] = $3 }
	!(key in want) || plain($3) == want[key] || $3 == "=" { right[key] = 1 }
	want[key] == "" && ($3 == "-" || $1 ~ /^(domain|limit|override|provider)/) { right[key] = 1 }
	END {
		for (key in want)
			if (!(key in seen))
				print file ": no " dotted(key)
			else if (!(key in right))
				print file ": " dotted(key) \
				    ": not its default: " seen[key]
	}' "$2" "$4" "$3" | LC_ALL=C sort
}

# What a domain and a profile share is explained once.
by_kind() { awk -F '\t' -v OFS='\t' '{ sub(/.*\//, "", $1) } 1'; }
no_profiles() { awk -F '\t' '$1 !~ /^profile/'; }

no_profiles <"$tmp/table" >"$tmp/want.conf"
by_kind <"$tmp/want.conf" >"$tmp/want.man"
by_kind <"$tmp/table" >"$tmp/all.man"
in_conf >"$tmp/have.conf"
in_manual >"$tmp/have.man"

# The same file with all that a "#" switches off, and the example.
sed -E 's/^#(\t|[a-z}])/\1/; s/^(\t+)#/\1/' "$conf" >"$tmp/uncommented.conf"
awk '/^```/ { n++; next } n == 1' "$man" >"$tmp/example.conf"
mkdir "$tmp/policy.d"
cp packaging/etc/policy.d/*.conf "$tmp/policy.d/"

{
	compare "$conf" "$tmp/want.conf" "$tmp/have.conf" "$tmp/table"
	compare "$man" "$tmp/want.man" "$tmp/have.man" "$tmp/all.man"
	"$tmp/options" "$conf" "$tmp/uncommented.conf" "$tmp/example.conf" 2>&1 ||
		echo "$conf, or the example of $man: no policy"
} >"$tmp/findings"
cat "$tmp/findings"
[ ! -s "$tmp/findings" ]
