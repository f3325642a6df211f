#!/bin/sh
# run.sh VERSION [NAME...] - the tests of the packages in $O/deb, which `make deb`
# has built: what they need is prepared, then tests/run.sh runs them (those with
# such a NAME) and counts.
#
#   O        the build (default build)
#   GP_BOOT  no: without systemd, in a chroot; yes: it must boot
set -eu
cd "$(dirname "$0")/../.."
O=${O:-build}
export O
version=${1:?usage: run.sh VERSION [NAME...]}
shift
mkdir -p "$O/packages"

# test_build.sh says what comes of it
rm -f "$O/packages/compared"
(
	rc=0
	packaging/build-deb.sh --compare "$O/deb" "$version" \
		>"$O/packages/compare.log" 2>&1 || rc=$?
	echo $rc >"$O/packages/compared"
) &
compare=$!
trap 'kill $compare 2>/dev/null || :' EXIT
/usr/bin/python3 tests/packages/prepare.py
wait $compare
trap - EXIT
# autopkgtest boots three hosts
SUITE=packages LIMIT=${LIMIT:-600} exec tests/run.sh "$@"
