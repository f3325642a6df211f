#!/bin/bash
# run.sh [NAME...] - run the test programs and count what they say (TAP).
# With names, only the programs whose name contains one of them.
#
#   SUITE  check (the default), or packages: what `make installcheck` has
#          prepared, in a Debian of its own
#   O      the build (default build); `make all asan` has filled it
#   LIMIT  seconds that one program may take (default 300)
#   JOBS   programs at once (default 2)
#
# One line a program; what a failed one said; every skipped test with its
# reason; and last "N passed, N failed, N skipped".  A program that crashes,
# runs out of time, or does not do what its plan says has failed.  Exit 1 when
# anything failed.  All of its output is in $O/test-logs/NAME.log, or
# $O/package-logs.
set -u
cd "$(dirname "$0")/.." || exit 2
O=$(realpath "${O:-build}")
LIMIT=${LIMIT:-300}
JOBS=${JOBS:-2}
SUITE=${SUITE:-check}
case $SUITE in
check) logs=$O/test-logs ;;
packages) logs=$O/package-logs ;;
*) echo "run.sh: no suite \"$SUITE\"" >&2 && exit 64 ;;
esac
filters=("$@")

export O LC_ALL=C CMOCKA_MESSAGE_OUTPUT=TAP PYTHONDONTWRITEBYTECODE=1
export ASAN_OPTIONS=abort_on_error=1:detect_leaks=1:strict_string_checks=1
export UBSAN_OPTIONS=abort_on_error=1:print_stacktrace=1
ulimit -c 0
shopt -s nullglob

rm -rf "$logs"
mkdir -p "$logs" || exit 2

# matches NAME: is it asked for?
matches() {
	local filter
	[ ${#filters[@]} -gt 0 ] || return 0
	for filter in "${filters[@]}"; do
		[[ $1 == *"$filter"* ]] && return 0
	done
	return 1
}

# Reads TAP; prints "PASSED FAILED SKIPPED", then the failures ("F text") and
# the skipped tests ("S text").
# shellcheck disable=SC2016
count='
/^Bail out!/ { fail($0) }
/^1\.\.[0-9]+/ {
	if (planned != "")
		fail("a second plan")
	planned = substr($1, 4) + 0
	if (planned == 0) {
		skipped++
		sub(/^1\.\.0 *(#( *[Ss][Kk][Ii][Pp][^ ]*)?)? */, "")
		notes = notes "S " $0 "\n"
	}
	next
}
/^(not )?ok([ \t]|$)/ {
	seen++
	if ($0 ~ /# *[Ss][Kk][Ii][Pp]/) {
		skipped++
		text = $0
		sub(/^(not )?ok *[0-9]* *(- *)?/, "", text)
		sub(/ *# *[Ss][Kk][Ii][Pp][^ ]* */, ": ", text)
		# cmocka: "not ok N # SKIP name"; the reason may stand above it
		if (sub(/^: /, "", text) && before ~ /^# /)
			text = text ": " substr(before, 3)
		notes = notes "S " text "\n"
	} else if ($1 == "ok") {
		passed++
	} else {
		fail($0)
	}
}
{ before = $0 }
function fail(text) {
	failed++
	notes = notes "F " text "\n"
}
END {
	if (planned == "")
		fail("no plan (1..N)")
	else if (planned != seen + 0)
		fail("the plan says " planned " tests, there were " seen + 0)
	if (status == 124 || status == 137)
		fail("no end within " limit " s")
	else if (status != 0 && failed + 0 == 0)
		fail("exit code " status)
	printf "%d %d %d\n%s", passed, failed, skipped, notes
}'

# run NAME COMMAND...: one program, its log, its result, its line
run() {
	local name=$1 log=$logs/${1//\//-} status start passed failed skipped
	shift
	start=$EPOCHREALTIME
	timeout --kill-after=10 "$LIMIT" "$@" >"$log.log" 2>&1 </dev/null &
	echo $! >"$log.pid"
	{ wait $!; } 2>/dev/null # a crash is told in the result, not by bash
	status=$?
	rm -f "$log.pid"
	awk -v status=$status -v limit="$LIMIT" "$count" "$log.log" \
		>"$log.result"
	read -r passed failed skipped <"$log.result"
	printf '%-4s %-34s %5d passed %3d failed %3d skipped %7.1f s\n' \
		"$([ "$failed" -eq 0 ] && echo ok || echo FAIL)" "$name" \
		"$passed" "$failed" "$skipped" \
		"$(((${EPOCHREALTIME/./} - ${start/./}) / 100000))e-1"
}

# not_run NAME F|S WHY: a program that could not be started at all
not_run() {
	local log=$logs/${1//\//-}
	: >"$log.log"
	if [ "$2" = F ]; then
		printf '0 1 0\nF %s\n' "$3" >"$log.result"
		printf 'FAIL %-34s %s\n' "$1" "$3"
	else
		printf '0 0 1\nS %s\n' "$3" >"$log.result"
		printf 'skip %-34s %s\n' "$1" "$3"
	fi
}

# script NAME FILE: by its kind, whether or not it may be executed
script() {
	case $2 in
	*.py) run "$1" /usr/bin/python3 "$2" ;;
	*) run "$1" bash "$2" ;;
	esac
}

# beside N COMMAND...: in the background, at most N of these at once
beside() {
	while [ "$(jobs -rp | wc -l)" -ge "$1" ]; do
		wait -n
	done
	shift
	"$@" &
}

# `timeout` passes the signal on to all processes of its program.
interrupted() {
	local pid
	trap - INT TERM
	for pid in "$logs"/*.pid; do
		kill "$(cat "$pid")"
	done
	wait
	exit 130
}
trap interrupted INT TERM

# -- the programs ------------------------------------------------------------
check_programs() {
	local file name program
	for file in tests/unit/test_*.c; do
		name=unit/$(basename "$file" .c)
		program=$O/asan/bin/${name#unit/}
		matches "$name" || continue
		if [ -x "$program" ]; then
			beside "$JOBS" run "$name" "$program"
		else
			not_run "$name" F "$program is not built"
		fi
	done
	for file in tests/test_*.sh tests/vectors/*.sh tests/vectors/*.py; do
		name=${file#tests/}
		[ -x "$file" ] && matches "$name" &&
			beside "$JOBS" script "$name" "$file"
	done
	wait
	for file in tests/protocol/test_*.sh tests/protocol/test_*.py \
		tests/integration/test_*.sh tests/integration/test_*.py; do
		name=${file#tests/}
		matches "$name" || continue
		if [[ $name == integration/* && $(id -u) -ne 0 ]]; then
			not_run "$name" S "needs root"
		else
			beside "$JOBS" script "$name" "$file"
		fi
	done
	wait
}

packages_programs() {
	local file name
	for file in tests/packages/test_*.sh tests/packages/test_*.py; do
		name=${file#tests/}
		matches "$name" && beside "$JOBS" script "$name" "$file"
	done
	wait
}

"${SUITE}_programs"

# -- what they said ----------------------------------------------------------
passed=0 failed=0 skipped=0 programs=0
for result in "$logs"/*.result; do
	read -r p f s <"$result"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	programs=$((programs + 1))
	[ "$f" -gt 0 ] || continue
	name=$(basename "$result" .result)
	printf '\n-- %s failed (%s)\n' "$name" "${result%.result}.log"
	sed -n 's/^F //p' "$result"
	echo "-- the end of what it printed:"
	tail -n 40 "${result%.result}.log"
done
if [ "$skipped" -gt 0 ]; then
	printf '\nskipped:\n'
	for result in "$logs"/*.result; do
		sed -n "s|^S |  $(basename "$result" .result): |p" "$result"
	done
fi
if [ "$programs" -eq 0 ]; then
	echo "no test program has a name like: ${filters[*]}"
	failed=1
fi
echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
