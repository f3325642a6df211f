#!/bin/sh
# build-deb.sh [--compare] OUTDIR VERSION - the Debian packages, from the
# repository's root.
#
# The committed files (HEAD) and packaging/debian are staged in OUTDIR, so a
# build sees nothing of the working folder and leaves nothing there.  OUTDIR
# holds afterwards the .deb files and Packages, by which apt reads the folder as
# an archive, the source (.dsc, .tar.xz), .buildinfo, .changes, build.log and
# the staged tree gatepost-VERSION.
#
# --compare: what is in OUTDIR is built once more, elsewhere, in another time
# zone and language; every .deb, also the debug symbols, and the source
# has to be the same to the last byte.  Exit 1, and the names, when it is not;
# then the second build is left in OUTDIR.again.
set -eu
umask 022

# build DIR
build() {
	stage=$1/gatepost-$version
	rm -rf "$1"
	mkdir -p "$stage"
	git -c tar.umask=0022 archive HEAD | tar -x -C "$stage"
	mv "$stage/packaging/debian" "$stage/debian"
	changelog=$(dpkg-parsechangelog -l "$stage/debian/changelog" -S Version)
	[ "$changelog" = "$version" ] || {
		echo "build-deb.sh: packaging/debian/changelog is of" \
			"$changelog, the makefile of $version" >&2
		exit 1
	}
	(cd "$stage" && dpkg-buildpackage -us -uc -F >"../build.log" 2>&1) || {
		tail -40 "$1/build.log" >&2
		exit 1
	}
	(cd "$1" && dpkg-scanpackages . >Packages 2>>build.log)
}

# compare: build OUTDIR.again, and look
compare() {
	again=$out.again
	(
		export TZ=Pacific/Auckland LC_ALL=C.UTF-8
		build "$again"
	)
	same=0
	for file in "$out"/*.deb "$out"/*.dsc "$out"/*.tar.xz; do
		cmp "$file" "$again/${file##*/}" >&2 || exit 1
		same=$((same + 1))
	done
	rm -rf "$again"
	echo "$same files, twice the same"
}

compare=
[ "$1" != --compare ] || {
	compare=1
	shift
}
out=$1 version=$2
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
if [ -n "$compare" ]; then
	compare
else
	build "$out"
	ls -1 "$out"/*.deb
fi
