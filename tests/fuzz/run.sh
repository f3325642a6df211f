#!/bin/sh
# run.sh SECONDS TARGET - run each fuzz target for SECONDS, two at a time.
# TARGET is `all`, or a name with or without "fuzz_".  One line each; the
# input of a crash stays in $O/fuzz/crashes, and the exit code is then 1.
#
#   O         the build (default build)
#   FUZZ_SEED a seed, to repeat a run (default: a new one each time)
#
# The corpus in the tree is only read: each target works on a copy.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.." || exit 2
O=${O:-build}
export O
work=$O/fuzz/work

# one SECONDS BINARY
one() {
	name=$(basename "$2")
	kind=${name#fuzz_}
	dir=$work/$name
	log=$dir/log
	rm -rf "$dir"
	mkdir -p "$dir/corpus"
	cp -r "tests/fuzz/corpus/$kind/." "$dir/corpus/" 2>/dev/null
	set -- "$1" "$2" -max_total_time="$1" -timeout=10 -rss_limit_mb=2048 \
		-print_final_stats=1 -artifact_prefix="$O/fuzz/crashes/$name-"
	[ ! -f "tests/fuzz/dict/$kind.dict" ] ||
		set -- "$@" -dict="tests/fuzz/dict/$kind.dict"
	[ -z "${FUZZ_SEED:-}" ] || set -- "$@" -seed="$FUZZ_SEED"
	limit=$(($1 + 60))
	shift
	ASAN_OPTIONS=abort_on_error=0:detect_leaks=1 \
		timeout "$limit" "$@" "$dir/corpus" >"$log" 2>&1 </dev/null
	rc=$?
	execs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	cov=$(sed -nE 's/.* cov: ([0-9]+) .*/\1/p' "$log" | tail -n 1)
	facts="${execs:-0} execs, cov ${cov:-0}"
	if [ $rc -eq 0 ] && [ "${execs:-0}" -gt 0 ]; then
		echo "ok   $name: $facts"
		return 0
	fi
	echo "FAIL $name: $facts, exit $rc, see $log"
	grep -aE '^(==[0-9]+==)?ERROR|SUMMARY|Assertion|artifact_prefix|Test unit' \
		"$log" | head -n 8 | sed 's/^/     /'
	return 1
}

if [ "${1:-}" = --one ]; then
	one "$2" "$3"
	exit
fi

seconds=${1:-5}
target=${2:-all}
case $seconds in
'' | *[!0-9]*)
	echo "run.sh: SECONDS is a whole number, not \"$seconds\"" >&2
	exit 2
	;;
esac
mkdir -p "$O/fuzz/crashes" "$work"
if [ "$target" = all ]; then
	set -- tests/fuzz/fuzz_*.c
else
	set -- "tests/fuzz/fuzz_${target#fuzz_}.c"
fi
[ -e "$1" ] || {
	echo "run.sh: no fuzz target \"$target\" in tests/fuzz" >&2
	exit 2
}
for file in "$@"; do
	echo "$O/fuzz/bin/$(basename "$file" .c)"
done | xargs -P 2 -n 1 "$here/run.sh" --one "$seconds"
rc=$?
[ $rc -eq 0 ] && echo "fuzz: $# targets, $seconds s each, no crash"
[ $rc -eq 0 ]
