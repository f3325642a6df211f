#!/bin/sh
# run.sh [CHECK...] - every static check; one line each, "ok", "FAIL" or
# "skip", and what a failed one found.  Exit 1 when any failed.
#
#   O    the build (default build); it must be built (`make`)
#   CC   the compiler of the build
#   JOBS how many files at once (default: processors)
#
# The slow ones (clang-tidy, gcc -fanalyzer) look at a file again only when it,
# a header it reads, the flags or the tool changed; $O/lint remembers.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.." || exit 2
O=${O:-build}
CC=${CC:-gcc}
JOBS=${JOBS:-$(nproc)}
export O CC
out=$O/lint
mkdir -p "$out/cache" "$out/analyzer"

# flags NAME...: what these variables of the makefile hold, as shell words
flags() {
	wanted=
	for name in "$@"; do
		wanted="$wanted \$($name)"
	done
	MAKEFLAGS='' make -s O="$O" --eval "lint-flags:; \$(info$wanted)@:" \
		lint-flags
}

sources() {
	find common milters -name '*.c' | LC_ALL=C sort
}

# -- one file, remembered (run.sh --one TOOL FILE) -------------------------
one() {
	tool=$1
	file=$2
	eval "set -- $FLAGS"
	headers=$(gcc "$@" -MM "$file" | sed 's/^[^:]*://; s/\\$//') || return
	key=$({
		echo "$tool $FLAGS $VERSION"
		# shellcheck disable=SC2086
		cat .clang-tidy $headers
	} | sha256sum | cut -c1-40)
	log=$out/cache/$tool-$key
	[ -e "$log" ] && return 0
	"run_$tool" "$file" "$@" >"$log.$$" 2>&1 && mv "$log.$$" "$log" &&
		return 0
	cat "$log.$$"
	rm -f "$log.$$"
	return 1
}

run_tidy() {
	checked=$1
	shift
	clang-tidy --quiet "$checked" -- "$@"
}

run_analyzer() {
	checked=$1
	shift
	gcc -fanalyzer -Werror "$@" -c "$checked" \
		-o "$out/analyzer/$(echo "$checked" | tr / _).o"
}

if [ "${1:-}" = --one ]; then
	one "$2" "$3"
	exit
fi

# each TOOL: all sources, JOBS at once
each() {
	find "$out/cache" -type f -mtime +14 -delete
	sources | xargs -P "$JOBS" -n 1 "$here/run.sh" --one "$1"
}

# -- the checks: silent and 0, or say what is wrong ------------------------
# 77: can not be done here, for the reason printed.
missing() {
	for tool in "$@"; do
		command -v "$tool" >/dev/null || {
			echo "$tool is not installed"
			return 0
		}
	done
	return 1
}

check_selftest() {
	"$here/test_lint.sh" >"$out/selftest" || {
		grep -A9 '^not ok' "$out/selftest"
		return 1
	}
}

check_layers() { "$here/layers.sh" . "$O/obj"; }
check_banned() { "$here/banned.sh" .; }

check_options() {
	[ -x "$here/options.sh" ] || {
		echo "no options.sh"
		return 77
	}
	"$here/options.sh"
}

check_commands() { "$here/commands.sh"; }

check_format() {
	missing clang-format && return 77
	find common milters tests -name '*.[ch]' -print0 |
		xargs -0 clang-format --dry-run -Werror 2>&1 | head -n 60 |
		grep . && return 1
	return 0
}

check_tidy() {
	missing clang-tidy gcc && return 77
	FLAGS=$(flags STD DEFS) VERSION=$(clang-tidy --version)
	export FLAGS VERSION
	each tidy
}

check_cppcheck() {
	missing cppcheck && return 77
	mkdir -p "$out/cppcheck"
	cppcheck -q -j "$JOBS" --std=c11 --error-exitcode=1 \
		--enable=warning,performance,portability --inline-suppr \
		--suppress=missingIncludeSystem --cppcheck-build-dir="$out/cppcheck" \
		-Icommon -Imilters common milters 2>&1
}

check_analyzer() {
	missing gcc && return 77
	FLAGS=$(flags STD DEFS HARDEN) VERSION=$(gcc --version | head -n 1)
	export FLAGS VERSION
	each analyzer
}

check_scripts() {
	missing shellcheck && return 77
	find .ci packaging tests -type f -exec awk '
		FNR == 1 && /^#!(\/bin\/|\/usr\/bin\/env )(ba)?sh/ { print FILENAME }
		FNR == 1 { nextfile }' {} + |
		LC_ALL=C sort | xargs -r shellcheck -x
}

check_python() {
	{
		find tests packaging -name '*.py' 2>/dev/null
		grep -rlE '^#!/usr/bin/python3' tests packaging
	} | LC_ALL=C sort -u |
		PYTHONPYCACHEPREFIX=$PWD/$out/pycache \
			xargs -r /usr/bin/python3 -m py_compile 2>&1
}

check_manuals() {
	missing scdoc mandoc && return 77
	bad=0
	for file in packaging/man/*.scd; do
		[ -e "$file" ] || continue
		page=$out/$(basename "$file" .scd)
		scdoc <"$file" >"$page" || bad=1
		# scdoc writes more paragraph macros than mandoc deems needed
		mandoc -Tlint -W warning "$page" |
			grep -v 'WARNING: skipping paragraph macro' && bad=1
	done
	return $bad
}

check_units() {
	missing systemd-analyze && return 77
	"$here/units.sh" packaging/systemd
}

# Every program: position-independent, relocations read-only and bound at
# start, no executable stack, no segment writable and executable, canaries,
# checked string functions, no search path of its own.
check_hardened() {
	bad=0
	some=0
	for file in "$O"/bin/*; do
		[ -x "$file" ] || continue
		some=1
		dynamic=$(readelf -dW "$file")
		segments=$(readelf -lW "$file")
		names=$(readelf -sW --dyn-syms "$file")
		has "$dynamic" 'FLAGS_1.* PIE' "$file: not PIE"
		has "$dynamic" 'FLAGS_1.* NOW' "$file: not bound at start"
		has "$segments" 'GNU_RELRO' "$file: no RELRO"
		has "$segments" 'GNU_STACK.* RW +0x' "$file: stack executable"
		has "$names" '__stack_chk_fail' "$file: no stack protector"
		has "$names" '__[a-z]*_chk' "$file: not fortified"
		lacks "$segments" 'LOAD.* RWE ' "$file: writable and executable"
		lacks "$dynamic" 'R(UN)?PATH' "$file: has a search path"
	done
	[ $some = 1 ] || {
		echo "no programs in $O/bin"
		return 1
	}
	return $bad
}
has() {
	printf '%s\n' "$1" | grep -qE "$2" || {
		echo "$3"
		bad=1
	}
}
lacks() {
	printf '%s\n' "$1" | grep -qE "$2" && {
		echo "$3"
		bad=1
	}
}

# -- all of them ------------------------------------------------------------
passed=0
failed=0
skipped=0
[ $# -gt 0 ] || set -- selftest layers banned options commands format cppcheck tidy \
	analyzer scripts python manuals units hardened
for check in "$@"; do
	start=$(date +%s)
	"check_$check" >"$out/$check.log" 2>&1 </dev/null
	rc=$?
	took=$(($(date +%s) - start))
	case $rc in
	0)
		passed=$((passed + 1))
		echo "ok   $check ($took s)"
		;;
	77)
		skipped=$((skipped + 1))
		echo "skip $check: $(cat "$out/$check.log")"
		;;
	*)
		failed=$((failed + 1))
		echo "FAIL $check ($took s)"
		sed 's/^/     /' "$out/$check.log"
		;;
	esac
done
echo "lint: $passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
