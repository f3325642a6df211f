#!/bin/sh
# Build the Debian packages: build-deb.sh OUTDIR VERSION, from the repo's root.
# The committed files (HEAD) and packaging/debian are staged in OUTDIR, so a
# build sees nothing of the working folder and leaves nothing there.
set -eu
out=$1 version=$2
stage=$out/gatepost-$version
rm -rf "$out"
mkdir -p "$stage"
git archive HEAD | tar -x -C "$stage"
mv "$stage/packaging/debian" "$stage/debian"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
(cd "$stage" && dpkg-buildpackage -us -uc -b >"../build.log" 2>&1) || {
	tail -40 "$out/build.log" >&2
	exit 1
}
ls -1 "$out"/*.deb
