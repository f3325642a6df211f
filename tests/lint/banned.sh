#!/bin/sh
# banned.sh [ROOT] - what no file may contain, and how large it may grow.
# Prints FILE:LINE: sentence; exit 1 when there is any.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/../..}" || exit 2

code=$(find common milters -name '*.[ch]' | LC_ALL=C sort)
tests=$(find tests -name '*.[ch]' | LC_ALL=C sort)

# report WHAT PATTERN FILE: code (not comments, not texts) that matches
report() {
	awk -f "$here/strip.awk" "$3" | grep -nE -- "$2" |
		sed "s|^\([0-9]*\):.*|$3:\1: $1|"
}

word() {
	printf '(^|[^A-Za-z0-9_])(%s)[[:space:]]*\\(' "$1"
}

unsafe='strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|strncpy'
unsafe="$unsafe|scanf|sscanf|fscanf|vsscanf|alloca|rand|srand|localtime|gmtime"
unsafe="$unsafe|popen|system"

findings() {
	for file in $code $tests; do
		report 'banned function (see tests/lint/banned.sh)' \
			"$(word "$unsafe")" "$file"
		awk '/^<<<<<<< |^>>>>>>> |(^|[^A-Za-z])(TODO|FIXME|XXX)([^A-Za-z]|$)/ {
			printf "%s:%d: left-over mark\n", FILENAME, NR }' "$file"
	done
	for file in $tests; do
		report 'a test waits for an event, never for a time' \
			"$(word 'sleep|usleep|nanosleep')" "$file"
	done
	for file in $code; do
		case $file in
		milters/*)
			report 'free() in a milter: use the arena' \
				"$(word free)" "$file"
			;;
		esac
		case $file in
		common/core/* | milters/*) conditional "$file" ;;
		esac
		report 'GP_STR_ARG evaluates its argument more than once' \
			'GP_STR_ARG\(gp_str_split' "$file"
		awk -f "$here/strip.awk" "$file" | awk -v file="$file" \
			-v lines=60 -v params=6 -v nest=3 -f "$here/shape.awk"
		lines=$(wc -l <"$file")
		[ "$lines" -le 600 ] ||
			echo "$file:$lines: $lines lines, at most 600"
	done
}

# conditional FILE: preprocessor conditions other than the include guard
conditional() {
	report 'conditional compilation in core or a milter' \
		'^[[:space:]]*#[[:space:]]*(if|ifdef|elif|else)([^A-Za-z]|$)' "$1"
	report 'conditional compilation other than the include guard' \
		'^[[:space:]]*#[[:space:]]*ifndef[[:space:]]+([^G]|G[^P])' "$1"
}

found=$(findings)
[ -z "$found" ] || {
	printf '%s\n' "$found"
	exit 1
}
