#!/bin/sh
# The packages are the same when they are built once more, which run.sh has done,
# and lintian has nothing against them.
set -u
: "${O:=build}"
log=$O/packages/compare.log
failed=0

# result STATUS N NAME LOG
result() {
	if [ "$1" -eq 0 ]; then
		echo "ok $2 - $3"
	else
		failed=1
		echo "not ok $2 - $3"
	fi
	sed 's/^/# /' "$4"
}

result "$(cat "$O/packages/compared")" 1 \
	"a second build is the same, byte by byte" "$log"
if command -v lintian >/dev/null; then
	packaging/lintian.sh "$O/deb" >"$O/packages/lintian.log" 2>&1
	result $? 2 "lintian has nothing against the packages" \
		"$O/packages/lintian.log"
else
	echo "ok 2 - lintian # SKIP lintian is not installed"
fi
echo "1..2"
exit $failed
