#!/bin/sh
# commands.sh [ROOT] - the tables of the tool are the single source: every
# command has its page, every option of it stands there, and no page has an
# option that its command has not; the same for the daemons and their --help.
# Prints FILE: sentence; exit 1 when there is any.
#
#   O   the build, for its programs (default build)
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/../..}" || exit 2
O=${O:-build}
tool=$O/bin/gatepost
man=packaging/man

tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# What may follow these words: "words" or "options", one a line.
next_words() { "$tool" --complete "$@" | grep -v '^-' | sort -u; }
next_options() { "$tool" --complete "$@" | grep '^-' | sort -u; }

next_options >"$tmp/shared"

# Every command below these words, a line each.
walk() {
	_words=$(next_words "$@")
	for _w in $_words; do
		(walk "$@" "$_w")
	done
	[ -n "$_words" ] || echo "$*"
}

# Options that a page names, "*--name*" or "*-n*".
in_page() { grep -o '\*-[a-z-]*' "$1" | tr -d '*' | sort -u; }

page_of_tool() {
	page=$man/gatepost-$1.1.scd
	if [ ! -f "$page" ]; then
		echo "$page: there is none, gatepost $1 is a command"
		return
	fi
	walk "$1" >"$tmp/commands"
	: >"$tmp/own"
	while read -r words; do
		grep -q "gatepost $words" "$page" ||
			echo "$page: no gatepost $words"
		# shellcheck disable=SC2086
		next_options $words
	done <"$tmp/commands" | tee "$tmp/all" | grep -v '^-'
	grep '^-' "$tmp/all" | sort -u >"$tmp/have"
	comm -23 "$tmp/have" "$tmp/shared" >"$tmp/own"
	in_page "$page" >"$tmp/page"
	comm -23 "$tmp/own" "$tmp/page" | sed "s|^|$page: no |"
	comm -13 "$tmp/have" "$tmp/page" | sed "s|^|$page: gatepost $1 has no |"
}

page_of_daemon() {
	page=$man/$1.8.scd
	if [ ! -f "$page" ]; then
		echo "$page: there is none"
		return
	fi
	"$O/bin/$1" --help | grep -o -e '--[a-z][a-z-]*' | sort -u >"$tmp/have"
	in_page "$page" >"$tmp/page"
	comm -23 "$tmp/have" "$tmp/page" | sed "s|^|$page: no |"
}

{
	for word in $(next_words); do
		page_of_tool "$word"
	done
	in_page "$man/gatepost.1.scd" >"$tmp/page"
	comm -23 "$tmp/shared" "$tmp/page" | sed "s|^|$man/gatepost.1.scd: no |"
	for program in "$O"/bin/gatepost-*; do
		page_of_daemon "${program##*/}"
	done
} >"$tmp/findings"
cat "$tmp/findings"
[ ! -s "$tmp/findings" ]
