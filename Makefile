# gatepost - one makefile for all of it.
#
#   make            the programs, in build/bin
#   make demo       a private Postfix, DNS and gatepost, mail sent, results shown
#   make check      every test; the last line counts them
#   make lint       layers, banned functions, formatter, linters, analyzers
#   make asan tsan  the tests' sanitizer builds; tsan runs the threaded tests
#   make fuzz       SECONDS=N TARGET=x  run the fuzz targets
#   make bench      server CPU per message, beside the peers that are installed
#   make soak       what takes too long for CI
#   make deb        the Debian packages, in build/deb
#   make deb-lint   them: lintian, and is a second build the same to the byte
#   make installcheck  both, and the packages in use on a Debian of their own
#   make install clean
#
# O=DIR puts the build elsewhere.  WERROR= builds on with an unknown compiler.
# CPPFLAGS, CFLAGS and LDFLAGS come after what the programs are built with.

O        ?= build
Q        ?= @
CC       ?= gcc
CLANG    ?= clang
WERROR   ?= -Werror
VERSION  := 0.1.0
PREFIX   ?= /usr
SECONDS  ?= 5
TARGET   ?= all
# GNU make's own CC is "cc"
ifeq ($(origin CC),default)
CC := gcc
endif

STD      := -std=c11 -D_GNU_SOURCE -Icommon -Imilters
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wold-style-definition -Wpointer-arith -Wcast-qual -Wcast-align \
            -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wconversion \
            -Wsign-conversion -Wswitch-enum -Wimplicit-fallthrough \
            -Wnull-dereference -Wdouble-promotion -Wredundant-decls \
            -Wnested-externs
WARN_GCC := -Wduplicated-cond -Wduplicated-branches -Wlogical-op \
            -Wjump-misses-init -Wformat-signedness -Walloc-zero \
            -Wformat-overflow=2 -Wformat-truncation=2 -Wtrampolines \
            -Warith-conversion -Wbidi-chars=any
HARDEN   := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 \
            -fstack-protector-strong -fstack-clash-protection \
            -fcf-protection=full -fPIE -fno-common -fno-strict-overflow \
            -fno-delete-null-pointer-checks -fvisibility=hidden \
            -ftrivial-auto-var-init=zero
LDHARDEN := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--as-needed
SAN      := -O1 -g -fno-omit-frame-pointer -fno-common
ASAN     := $(SAN) -fsanitize=address,undefined -fno-sanitize-recover=all
TSAN     := $(SAN) -fsanitize=thread
FUZZ     := $(SAN) -fsanitize=fuzzer-no-link,address,undefined \
            -fno-sanitize-recover=all
DEFS      = -DGP_VERSION='"$(VERSION)"'
LIBS     := -lmilter -lopendkim -lspf2 -lcares -lconfuse -lidn2 -lpsl -lcrypto -llmdb -lhiredis \
            -lmicrohttpd -lsystemd -lyaml -pthread

# in the place of the C library's functions: the daemons' alone
STAND_IN := common/mta/stand_in
LIB_SRC  := $(filter-out $(STAND_IN).c,$(wildcard common/base/*.c \
              common/core/*.c common/io/*.c common/mta/*.c))
CORE_SRC := $(wildcard common/core/*.c)
MILTERS  := $(patsubst milters/%.c,%,$(wildcard milters/*.c))
BINS     := $(patsubst %,$(O)/bin/gatepost-%,$(filter-out ctl,$(MILTERS))) \
            $(if $(filter ctl,$(MILTERS)),$(O)/bin/gatepost)
CTL      := $(patsubst %.c,%.o,$(wildcard milters/ctl.c milters/ctl/*.c))
SUPPORT  := $(wildcard tests/support/*.c)
UNIT     := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
DRIVERS  := $(patsubst tests/vectors/%.c,%,$(wildcard tests/vectors/drive_*.c))
FUZZERS  := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
BENCH_LIB := $(wildcard tests/bench/lib/*.c)
BENCHES  := $(patsubst tests/bench/%.c,%,$(wildcard tests/bench/*.c))

.PHONY: all check demo lint asan tsan fuzz bench soak deb deb-lint installcheck \
        install man clean unit fuzzers benches
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BINS)

# $(call variant,DIR,COMPILER,FLAGS): objects and the library below DIR
define variant
$(1)/%.o: %.c
	@mkdir -p $$(@D)
	@echo "  CC     $$@"
	$$(Q)$(2) $$(STD) $$(DEFS) $(3) -MMD -MP -c -o $$@ $$<
$(1)/libgatepost.a: $(LIB_SRC:%.c=$(1)/%.o)
	@echo "  AR     $$@"
	$$(Q)rm -f $$@ && ar rcs $$@ $$^
-include $$(shell [ -d $(1) ] && find $(1) -name '*.d')
endef

$(eval $(call variant,$(O)/obj,$$(CC),$$(WERROR) $$(WARN) $$(WARN_GCC) $$(HARDEN) \
    $$(CPPFLAGS) $$(CFLAGS)))
$(eval $(call variant,$(O)/asan,$$(CC),$$(WERROR) $$(WARN) $$(ASAN) -Itests))
$(eval $(call variant,$(O)/tsan,$$(CC),$$(WERROR) $$(WARN) $$(TSAN) -Itests))
$(eval $(call variant,$(O)/fuzz,$$(CLANG),$$(WERROR) $$(WARN) $$(FUZZ) -Itests))

$(O)/bin/gatepost-%: $(O)/obj/milters/%.o $(O)/obj/$(STAND_IN).o \
    $(O)/obj/libgatepost.a
	@mkdir -p $(@D)
	@echo "  LINK   $@"
	$(Q)$(CC) $(LDHARDEN) $(LDFLAGS) -o $@ $^ $(LIBS)

# no milter: it has the C library's own functions
$(O)/bin/gatepost-exporter: $(O)/obj/milters/exporter.o $(O)/obj/libgatepost.a
	@mkdir -p $(@D)
	@echo "  LINK   $@"
	$(Q)$(CC) $(LDHARDEN) $(LDFLAGS) -o $@ $^ $(LIBS)

$(O)/bin/gatepost: $(CTL:%=$(O)/obj/%) $(O)/obj/libgatepost.a
	@mkdir -p $(@D)
	@echo "  LINK   $@"
	$(Q)$(CC) $(LDHARDEN) $(LDFLAGS) -o $@ $^ $(LIBS)

# -- tests ---------------------------------------------------------------
$(O)/asan/bin/gatepost: $(CTL:%=$(O)/asan/%) $(O)/asan/libgatepost.a
	@mkdir -p $(@D)
	@echo "  LINK   $@"
	$(Q)$(CC) $(ASAN) -o $@ $^ $(LIBS)

$(O)/asan/bin/gatepost-%: $(O)/asan/milters/%.o $(O)/asan/$(STAND_IN).o \
    $(O)/asan/libgatepost.a
	@mkdir -p $(@D)
	@echo "  LINK   $@"
	$(Q)$(CC) $(ASAN) -o $@ $^ $(LIBS)

$(O)/asan/bin/gatepost-exporter: $(O)/asan/milters/exporter.o \
    $(O)/asan/libgatepost.a
	@mkdir -p $(@D)
	@echo "  LINK   $@"
	$(Q)$(CC) $(ASAN) -o $@ $^ $(LIBS)

# the ruler of the benchmarks is tested like the rest
$(O)/asan/bin/test_milterload: $(BENCH_LIB:%.c=$(O)/asan/%.o)
$(O)/asan/bin/test_%: $(O)/asan/tests/unit/test_%.o \
    $(SUPPORT:%.c=$(O)/asan/%.o) $(O)/asan/libgatepost.a
	@mkdir -p $(@D)
	@echo "  LINK   $@"
	$(Q)$(CC) $(ASAN) -o $@ $^ -lcmocka $(LIBS)

# what the scripts in tests/vectors talk to
$(O)/asan/bin/drive_%: $(O)/asan/tests/vectors/drive_%.o \
    $(O)/asan/tests/support/line_pipe.o $(O)/asan/libgatepost.a
	@mkdir -p $(@D)
	@echo "  LINK   $@"
	$(Q)$(CC) $(ASAN) -o $@ $^ $(LIBS)

$(O)/tsan/bin/test_%: $(O)/tsan/tests/unit/test_%.o \
    $(SUPPORT:%.c=$(O)/tsan/%.o) $(O)/tsan/libgatepost.a
	@mkdir -p $(@D)
	@echo "  LINK   $@"
	$(Q)$(CC) $(TSAN) -o $@ $^ -lcmocka $(LIBS)

# keys, and a second opinion
$(O)/fuzz/bin/fuzz_dkim_check: $(O)/fuzz/tests/support/dkim_pem.o \
    $(O)/fuzz/tests/support/dkim_naive.o
$(O)/fuzz/bin/fuzz_dmarc: $(O)/fuzz/tests/support/dmarc_naive.o \
    $(O)/fuzz/tests/support/dmarc_case.o $(O)/fuzz/tests/support/dmarc_check.o
$(O)/fuzz/bin/fuzz_%: $(O)/fuzz/tests/fuzz/fuzz_%.o $(O)/fuzz/libgatepost.a
	@mkdir -p $(@D)
	@echo "  LINK   $@"
	$(Q)$(CLANG) $(SAN) -fsanitize=fuzzer,address,undefined -o $@ \
	    $(filter %.o,$^) $(filter %.a,$^) $(LIBS)

$(O)/bench/%: $(O)/obj/tests/bench/%.o $(BENCH_LIB:%.c=$(O)/obj/%.o) \
    $(O)/obj/libgatepost.a
	@mkdir -p $(@D)
	@echo "  LINK   $@"
	$(Q)$(CC) $(LDHARDEN) -o $@ $^ $(LIBS)

# the packages that a target needs
setup-%:
	$(Q)O=$(O) tests/setup.sh $*

unit: $(UNIT:%=$(O)/asan/bin/%) $(DRIVERS:%=$(O)/asan/bin/%)
fuzzers: $(FUZZERS:%=$(O)/fuzz/bin/%)
benches: $(BENCHES:%=$(O)/bench/%)
asan: unit $(BINS:$(O)/bin/%=$(O)/asan/bin/%)

check: setup-check
	$(Q)$(MAKE) --no-print-directory all asan
	$(Q)O=$(O) tests/run.sh

tsan: $(patsubst %,$(O)/tsan/bin/%,$(filter test_dns% test_session% \
    test_control% test_tail test_metrics% test_policy% test_milter_% test_spf_check \
    test_crypto% test_key_cache% test_dkim_check% test_dkim_keys% \
    test_dkim_libopendkim% test_dkim_signer% test_record_store% \
    test_dmarc_records test_store% test_providers test_crew,$(UNIT)))
	$(Q)printf '%s\n' $^ | xargs -P $$(nproc) -I PROGRAM sh -c \
	    'PROGRAM >PROGRAM.log 2>&1 && echo "  TSAN   PROGRAM" || \
	    { cat PROGRAM.log; echo "FAIL PROGRAM"; exit 255; }'

demo: setup-demo
	$(Q)$(MAKE) --no-print-directory all
	$(Q)O=$(O) tests/integration/demo.sh

lint: setup-lint
	$(Q)$(MAKE) --no-print-directory all
	$(Q)O=$(O) CC="$(CC)" tests/lint/run.sh

fuzz: setup-fuzz
	$(Q)$(MAKE) --no-print-directory fuzzers
	$(Q)O=$(O) tests/fuzz/run.sh $(SECONDS) $(TARGET)

bench: setup-bench
	$(Q)$(MAKE) --no-print-directory all benches
	$(Q)O=$(O) tests/bench/run.sh

soak: setup-check
	$(Q)$(MAKE) --no-print-directory all asan benches
	$(Q)O=$(O) tests/soak.sh

# -- man pages, installation, packages ----------------------------------
MAN      := $(patsubst packaging/man/%.scd,$(O)/man/%, \
              $(wildcard packaging/man/*.scd))

# its first line: tables are for tbl(1)
$(O)/man/%: packaging/man/%.scd
	@mkdir -p $(@D)
	$(Q)printf "'\\\\\" t\n" > $@ && scdoc < $< >> $@

man: $(MAN)

# An existing policy file is never overwritten.
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin \
	    $(DESTDIR)/etc/gatepost/policy.d
	[ -d $(DESTDIR)/etc/gatepost/keys ] || \
	    install -d -m 750 $(DESTDIR)/etc/gatepost/keys
	install -m 755 $(filter %/gatepost,$(BINS)) $(DESTDIR)$(PREFIX)/bin/
	install -m 755 $(filter-out %/gatepost,$(BINS)) $(DESTDIR)$(PREFIX)/sbin/
	[ -e $(DESTDIR)/etc/gatepost/gatepost.conf ] || \
	    install -m 644 packaging/etc/gatepost.conf $(DESTDIR)/etc/gatepost/
	install -m 644 packaging/etc/policy.d/README \
	    $(DESTDIR)/etc/gatepost/policy.d/
	[ -e $(DESTDIR)/etc/gatepost/policy.d/providers.conf ] || \
	    install -m 644 packaging/etc/policy.d/providers.conf \
	    $(DESTDIR)/etc/gatepost/policy.d/
	if command -v scdoc >/dev/null; then $(MAKE) --no-print-directory man && \
	    for m in $(MAN); do install -D -m 644 $$m \
	    $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/}; done; fi

# The packaging lives in packaging/debian; the source is staged for the build.
deb: setup-deb
	$(Q)packaging/build-deb.sh $(O)/deb $(VERSION)

deb-lint: deb
	$(Q)packaging/lintian.sh $(O)/deb
	$(Q)packaging/build-deb.sh --compare $(O)/deb $(VERSION)

# The second build goes on beside the making of the root folder.
installcheck: setup-packages
	$(Q)$(MAKE) --no-print-directory deb
	$(Q)O=$(O) tests/packages/run.sh $(VERSION)

clean:
	rm -rf $(O)
