#!/bin/sh
# test_lint.sh - a lint that finds nothing proves nothing: each kind of
# violation is planted in a small tree and must be found.  TAP.
set -u
here=$(cd "$(dirname "$0")" && pwd)
CC=${CC:-gcc}
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT INT TERM
n=0
failed=0

# fresh: an empty tree; plant FILE: the text on stdin becomes a file of it
fresh() {
	rm -rf "$tmp/tree"
	mkdir -p "$tmp/tree/common/base" "$tmp/tree/common/core" \
		"$tmp/tree/common/io" "$tmp/tree/common/mta" \
		"$tmp/tree/milters" "$tmp/tree/tests"
}
plant() {
	mkdir -p "$(dirname "$tmp/tree/$1")"
	cat >"$tmp/tree/$1"
}

result() { # NAME OK
	n=$((n + 1))
	if [ "$2" = yes ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		sed 's/^/# /' "$tmp/out"
		failed=1
	fi
}

# finds NAME CHECK PATTERN: the check fails and says so
finds() {
	"$here/$2" "$tmp/tree" "$tmp/tree/obj" >"$tmp/out" 2>&1
	if [ $? -eq 1 ] && grep -qE "$3" "$tmp/out"; then
		result "$1" yes
	else
		result "$1" no
	fi
}
passes() { # NAME CHECK
	if "$here/$2" "$tmp/tree" "$tmp/tree/obj" >"$tmp/out" 2>&1; then
		result "$1" yes
	else
		result "$1" no
	fi
}

# compile FILE: into the tree's objects
compile() {
	mkdir -p "$tmp/tree/obj/$(dirname "$1")"
	$CC -std=c11 -O1 -I"$tmp/tree/common" -c "$tmp/tree/$1" \
		-o "$tmp/tree/obj/${1%.c}.o" 2>"$tmp/out" ||
		result "$1 compiles" no
}

good_header() {
	plant common/core/addr.h <<-'END'
		#ifndef GP_CORE_ADDR_H
		#define GP_CORE_ADDR_H
		#include "base/str.h"
		int gp_addr(int a);
		#endif
	END
	plant common/base/str.h <<-'END'
		#ifndef GP_BASE_STR_H
		#define GP_BASE_STR_H
		#include <string.h>
		#endif
	END
}

# -- layers ---------------------------------------------------------------
fresh
good_header
plant common/core/addr.c <<-'END'
	/* time(NULL), sprintf( and "strcpy(" in words are allowed. */
	#include "core/addr.h"
	int
	gp_addr(int a)
	{
		return a + (int)strlen("strcpy(");
	}
END
plant common/base/str.c <<-'END'
	int gp_str_unused;
END
compile common/core/addr.c
passes "a clean tree has the right layers" layers.sh
passes "a clean tree has nothing banned" banned.sh
compile common/base/str.c
finds "a mutable global in base is found" layers.sh 'mutable globals'

fresh
good_header
echo '#include "io/dns.h"' | plant common/core/addr.c
echo | plant common/io/dns.h
finds "core that includes io is found" layers.sh 'core must not include'
finds "a missing include guard is found" layers.sh 'guard is not GP_IO_DNS_H'

fresh
echo '#include "core/nothing.h"' | plant common/core/addr.c
finds "an include of no file is found" layers.sh 'no file of common'

fresh
echo '#include <sys/epoll.h>' | plant common/core/addr.c
finds "core that includes <sys/epoll.h> is found" layers.sh 'no place in core'

fresh
echo '#include <idn2.h>' | plant common/core/domain.c
passes "a library in one file is allowed" layers.sh
echo '#include <idn2.h>' | plant common/io/other.c
finds "a library in two files is found" layers.sh 'idn2.* in more than one'

fresh
echo '#include <openssl/evp.h>' | plant common/core/seal.c
finds "OpenSSL outside io/crypto.c is found" layers.sh 'common/io/crypto.c alone'

fresh
good_header
echo '#include <libmilter/mfapi.h>' | plant common/mta/milter.h
finds "a library in a header is found" layers.sh 'in a header of ours'

fresh
echo '#include "core/dkim_sig.h"' | plant common/core/spf_eval.c
printf '#ifndef GP_CORE_DKIM_SIG_H\n#define GP_CORE_DKIM_SIG_H\n#endif\n' |
	plant common/core/dkim_sig.h
finds "spf that includes dkim is found" layers.sh 'spf must not include'

fresh
good_header
plant common/core/addr.c <<-'END'
	#include "core/addr.h"
	#include <stdlib.h>
	int gp_addr(int a) { return getenv("A") == NULL ? a : 0; }
END
plant common/core/other.c <<-'END'
	int gp_elsewhere(void);
	int gp_other(void);
	int gp_other(void) { return gp_elsewhere(); }
END
compile common/core/addr.c
compile common/core/other.c
finds "core that calls getenv is found" layers.sh 'addr.c: not pure: getenv'
finds "core that calls io is found" layers.sh 'not pure: gp_elsewhere'

fresh
echo 'int helper(int a) { return a; }' | plant common/core/addr.c
compile common/core/addr.c
finds "an external name without gp_ is found" layers.sh 'without gp_: helper'

# -- banned ---------------------------------------------------------------
for word in strcpy sprintf atoi sscanf localtime popen system rand; do
	fresh
	printf 'int\nf(void)\n{\n\treturn %s (x);\n}\n' "$word" |
		plant common/io/a.c
	finds "$word is found" banned.sh 'common/io/a.c:4: banned'
done

fresh
printf 'void\nf(void)\n{\n\tusleep(9);\n}\n' | plant tests/unit/test_a.c
finds "a sleep in a test is found" banned.sh 'test_a.c:4: a test waits'

fresh
printf 'void\nf(void)\n{\n\tfree(p);\n}\n' | plant milters/a.c
finds "free() in a milter is found" banned.sh 'milters/a.c:4: free'

fresh
printf 'void\nf(void)\n{\n\tp(GP_STR_ARG(gp_str_split(&r)));\n}\n' | plant common/io/a.c
finds "a word split off several times is found" banned.sh 'a.c:4: GP_STR_ARG'

fresh
printf '#ifdef HAVE_IT\n#endif\n' | plant milters/a.c
finds "#ifdef in a milter is found" banned.sh 'a.c:1: conditional'
fresh
printf '#  if 1\n#endif\n' | plant common/core/a.c
finds "#if in core is found" banned.sh 'a.c:1: conditional'
fresh
printf '#ifndef NDEBUG\n#endif\n' | plant common/core/a.c
finds "#ifndef in core is found" banned.sh 'a.c:1: conditional'

fresh
printf '/* TO''DO: later */\n' | plant common/io/a.c
finds "a left-over mark is found" banned.sh 'a.c:1: left-over'

fresh
{
	printf 'int\nlong_one(void)\n{\n'
	yes '	x();' | head -n 61
	printf '}\n'
} | plant common/io/a.c
finds "a function of 61 lines is found" banned.sh 'function of 61 lines'

fresh
yes 'int x;' | head -n 601 | plant common/io/a.c
finds "a file of 601 lines is found" banned.sh '601 lines, at most'

fresh
plant common/io/a.c <<-'END'
	int
	many(int a, int (*b)(int, int), int c, int d,
	    int e, int f, int g)
	{
		return 0;
	}
END
finds "seven parameters are found" banned.sh '7 parameters'

fresh
printf '%s\n' 'int' 'deep(int a, int (*b)(int, int), int c, int d, int e,' \
	'    int f)' '{' '	for (;;) {' '		while (a) {' \
	'			if (b) {' '				if (c)' \
	'					return 1;' '			}' \
	'		}' '	}' '}' | plant common/io/a.c
finds "four levels of nesting are found" banned.sh 'a.c:8: nested 4'
if grep -q parameters "$tmp/out"; then
	result "six parameters are allowed" no
else
	result "six parameters are allowed" yes
fi

# unit SED FILE: our units, one of them edited
unit() {
	fresh
	cp "$here/../../packaging/systemd/"* "$tmp/tree/"
	sed -i "$1" "$tmp/tree/$2"
}

if command -v systemd-analyze >/dev/null; then
	unit '' gatepost-spf.service
	passes "our units pass" units.sh
	unit 's/^PrivateUsers=.*//; s/^RestrictNamesp.*//' gatepost-dmarc.service
	finds "an open sandbox is found" units.sh 'dmarc.service: more exposed'
	unit 's/^LockPersonality=yes//' gatepost-rate.service
	finds "a sandbox of its own is found" units.sh 'rate.service: the sandbox'
	unit 's/^Inaccessible.*//' gatepost-exporter.service
	finds "a way to the keys is found" units.sh 'exporter.service: .* keys'
	unit 's/^TasksMax=.*/TasksMax=2048/' gatepost-spf.service
	finds "a limit below a bound is found" units.sh 'TasksMax=2048 is not'
	unit 's/^LimitNOFILE=.*//' gatepost-spf.service
	finds "a limit that is not there is found" units.sh 'LimitNOFILE= is not'
	unit 's/^Options=/Optins=/' var-spool-postfix-run-gatepost.mount
	finds "an unknown directive of a mount is found" units.sh "key 'Optins'"
	unit 's/^.Install./[Instal]/' gatepost.target
	finds "an unknown section of a target is found" units.sh 'Instal'
fi

echo "1..$n"
exit $failed
