#!/bin/bash
# run.sh against programs that end in every way there is: in a tree of its
# own, each case is one program, and the last line must count it right.
set -u
runner=$(cd "$(dirname "$0")" && pwd)/run.sh
work=$(mktemp -d /tmp/gp-run-XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
tests=0 bad=0

# tree: an empty one, with the runner in it
tree() {
	rm -rf "$work/t"
	mkdir -p "$work"/t/tests/{unit,vectors,protocol,integration} \
		"$work"/t/build/asan/bin
	cp "$runner" "$work/t/tests/run.sh"
}

# program NAME: from standard input, below tests/
program() {
	printf '#!/bin/sh\n' >"$work/t/tests/$1"
	cat >>"$work/t/tests/$1"
	chmod +x "$work/t/tests/$1"
}

# check NAME STATUS LAST-LINE [PATTERN]: run it, compare
check() {
	local out status
	out=$(cd "$work" && LIMIT=2 O=build "$work/t/tests/run.sh" "${args[@]}" 2>&1)
	status=$?
	tests=$((tests + 1))
	if [ "$status" = "$2" ] && [ "$(tail -n 1 <<<"$out")" = "$3" ] &&
		grep -qE -- "${4:-}" <<<"$out"; then
		echo "ok $tests - $1"
	else
		echo "not ok $tests - $1"
		awk '{ print "# " $0 } END { print "# exit code " code }' \
			code="$status" <<<"$out"
		bad=1
	fi
}

# one NAME STATUS LAST-LINE PATTERN: a single program, from standard input
one() {
	args=()
	tree
	program protocol/test_x.sh
	check "$@"
}

one "all that passes is counted" 0 "2 passed, 0 failed, 0 skipped" \
	'^ok   protocol/test_x.sh +2 passed' <<'END'
printf '1..2\nok 1 - a\nok 2 - b\n'
END
one "the plan may come last" 0 "1 passed, 0 failed, 0 skipped" <<'END'
printf 'ok 1 - a\n# a remark\n1..1\n'
END
one "a failure is shown and counted" 1 "1 passed, 1 failed, 0 skipped" \
	'^not ok 2 - broken' <<'END'
printf '1..2\nok 1 - a\nnot ok 2 - broken\n'; exit 1
END
one "a skipped test is listed with its reason" 0 \
	"1 passed, 0 failed, 1 skipped" 'test_x.sh: b: no moon' <<'END'
printf '1..2\nok 1 - a\nok 2 - b # SKIP no moon\n'
END
one "a skip as cmocka writes it is no failure" 0 \
	"0 passed, 0 failed, 1 skipped" 'test_x.sh: b: no moon$' <<'END'
printf '1..1\n# no moon\nnot ok 1 # SKIP b\n'
END
one "a program that skips itself" 0 "0 passed, 0 failed, 1 skipped" \
	'test_x.sh: not today' <<'END'
printf '1..0 # SKIP not today\n'
END
one "a missing test" 1 "1 passed, 1 failed, 0 skipped" \
	'the plan says 2 tests, there were 1' <<'END'
printf '1..2\nok 1 - a\n'
END
one "a test too many" 1 "2 passed, 1 failed, 0 skipped" <<'END'
printf '1..1\nok 1 - a\nok 2 - b\n'
END
one "no plan" 1 "1 passed, 1 failed, 0 skipped" 'no plan' <<'END'
printf 'ok 1 - a\n'
END
one "nothing at all" 1 "0 passed, 1 failed, 0 skipped" </dev/null
one "an exit code without a failed test" 1 "1 passed, 1 failed, 0 skipped" \
	'exit code 3' <<'END'
printf '1..1\nok 1 - a\n'; exit 3
END
one "a crash after the last test" 1 "1 passed, 1 failed, 0 skipped" \
	'exit code 134' <<'END'
printf '1..1\nok 1 - a\n'; kill -ABRT $$
END
one "a program that gives up" 1 "1 passed, 2 failed, 0 skipped" \
	'Bail out! no disk' <<'END'
printf '1..2\nok 1 - a\nBail out! no disk\n'; exit 1
END
one "a program that does not end, and its child" 1 \
	"1 passed, 1 failed, 0 skipped" 'no end within 2 s' <<'END'
printf '1..1\nok 1 - a\n'; sleep 600 & echo $! >child; wait
END
tests=$((tests + 1))
name="the child has ended with it"
state=$(ps -o stat= -p "$(cat "$work/t/child")")
case $? in
0) gone=${state%%[!Z]*} ;; # a zombie is dead, only not yet collected
*) gone=yes ;;
esac
if [ -s "$work/t/child" ] && [ -n "$gone" ]; then
	echo "ok $tests - $name"
else
	echo "not ok $tests - $name"
	bad=1
fi

args=()
tree
: >"$work/t/tests/unit/test_a.c"
check "a unit test that was not built" 1 "0 passed, 1 failed, 0 skipped" \
	'test_a is not built'
printf '#!/bin/sh\nprintf "1..1\\nok 1 - a\\n"\n' \
	>"$work/t/build/asan/bin/test_a"
chmod +x "$work/t/build/asan/bin/test_a"
check "a unit test that was built" 0 "1 passed, 0 failed, 0 skipped"
program vectors/v.sh <<<'printf "1..1\nnot ok 1 - v\n"'
check "programs add up" 1 "1 passed, 1 failed, 0 skipped"
args=(unit/)
check "a name chooses" 0 "1 passed, 0 failed, 0 skipped"
args=(nothing)
check "a name that fits nothing" 1 "0 passed, 1 failed, 0 skipped" \
	'no test program has a name like: nothing'

tree
program integration/test_i.sh <<<'printf "1..1\nok 1 - root\n"'
args=()
if [ "$(id -u)" = 0 ]; then
	check "root runs the integration tests" 0 "1 passed, 0 failed, 0 skipped"
else
	check "without root they are skipped" 0 "0 passed, 0 failed, 1 skipped" \
		'needs root'
fi
echo "1..$tests"
exit $bad
