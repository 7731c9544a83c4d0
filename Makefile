# SPDX-License-Identifier: MIT
# Builds, tests and installs emailsd; `make help` lists the targets. One Makefile, recursive only
# for flavours.
#
# Every flavour (release, asan, tsan, ...) builds into its own directory, build/<flavour>/, so that
# objects of different flavours never mix. Sources are found by pattern: a new module or test needs
# no line here.

VERSION := 0.1.0
FLAVOUR ?= release
B       := build/$(FLAVOUR)
PYTHON  ?= /usr/bin/python3
JOBS    ?= $(shell nproc 2>/dev/null || echo 2)

MAKEFLAGS += --no-builtin-rules

# `make V=1` shows every command in full.
ifeq ($(V),1)
say =
else
say = @echo "  $(1)	$@";
endif
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

# ---- how to compile ----

PACKAGES  := libmicrohttpd libcurl libcjson libidn2 libpsl libcrypto sqlite3 libpq libseccomp inih libsystemd gnutls zlib
PKG_CONFIG ?= pkg-config
PC_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)
PC_LIBS   := $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null)

WARNINGS := -Wall -Wextra -Wformat=2 -Wconversion -Wsign-conversion -Wimplicit-fallthrough \
            -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
            -Wpointer-arith -Wdate-time -Werror
HARDENING := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-clash-protection \
             -fstack-protector-strong -fno-delete-null-pointer-checks \
             -fno-strict-overflow -fno-strict-aliasing -fexceptions
CLANG_WARNINGS := $(WARNINGS)
# Supported only by gcc.
ifeq ($(findstring clang,$(shell $(CC) --version 2>/dev/null)),)
WARNINGS  += -Wtrampolines -Wbidi-chars=any
HARDENING += -ftrivial-auto-var-init=zero
endif
# Supported only on x86; compilers for other machines reject it.
ifneq ($(filter x86_64-% i386-% i686-%,$(shell $(CC) -dumpmachine 2>/dev/null)),)
HARDENING += -fcf-protection=full
endif

CFLAGS_release  := -O2 $(HARDENING)
CFLAGS_asan     := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_tsan     := -O1 -fsanitize=thread -fno-omit-frame-pointer
CFLAGS_fuzz     := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
                   -fno-omit-frame-pointer -Wno-unknown-warning-option
CFLAGS_cover    := -O0 --coverage -fprofile-update=atomic
LDFLAGS_release := -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,nodlopen \
                   -Wl,--as-needed -Wl,--no-copy-dt-needed-entries
LDFLAGS_asan    := -fsanitize=address,undefined
# "alloc" makes one of our allocations fail; see tests/alloc/wrap.c. AddressSanitizer reports what
# is not freed in the error path.
CFLAGS_alloc    := -O1 -fno-builtin -fsanitize=address -fno-omit-frame-pointer
LDFLAGS_alloc   := -fsanitize=address -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc \
                   -Wl,--wrap=strdup -Wl,--wrap=aligned_alloc
LDFLAGS_tsan    := -fsanitize=thread
LDFLAGS_fuzz    := -fsanitize=address,undefined
LDFLAGS_cover   := --coverage
# libFuzzer comes with clang.
ifeq ($(FLAVOUR),fuzz)
CC := clang
endif

CFLAGS      ?= -g
# The binary contains no path of this machine, so that the same tree builds the same bytes anywhere.
OUR_CFLAGS  := '-ffile-prefix-map=$(CURDIR)=.' -std=c11 -D_GNU_SOURCE -fPIE -pthread $(WARNINGS) $(CFLAGS_$(FLAVOUR)) \
               -Iserver -I. -I$(B)/gen $(PC_CFLAGS)
OUR_LDFLAGS := -pie -pthread $(LDFLAGS_$(FLAVOUR))
OUR_LIBS    := $(PC_LIBS) -lunistring

# ---- sources and products ----

# The command line tool is a program of its own. Its modules, but not its main(), are in an archive for
# its tests.
CLI_SRC  := $(filter-out client/emails/main.c,$(wildcard client/emails/*.c))
LIB_SRC  := $(filter-out server/main.c client/emails/main.c $(CLI_SRC),\
              $(wildcard base/*.c server/*.c server/*/*.c server/*/*/*.c client/*.c client/*/*.c))
SIM_SRC  := $(wildcard tests/simulator/*.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
SUITE    := tests/support/suite.c
UNIT_AUX := $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c)) $(wildcard tests/support/*.c)
FLOW_SRC := $(wildcard tests/flow/test_*.c)
# The model of the simulator, without its HTTP server, is the upstream of the flow tests.
SIM_MODEL := $(addprefix tests/simulator/,api.c behaviour.c rules.c settings.c shapes.c upstream.c)
FLOW_AUX := $(filter-out $(FLOW_SRC),$(wildcard tests/flow/*.c)) $(SIM_MODEL) $(SUITE)
SEED_AUX := $(wildcard tests/flow/seeds/*.c)

# Fuzz targets, each with its maximum input length in bytes. To add one, write
# tests/fuzz/fuzz_NAME.c and a few seeds in tests/fuzz/corpus/NAME/, and add the name here.
FUZZ_TABLE := accept:512 answer:4096 budget:400 cache_control:512 cli_domains:1024 \
              client_keys:1024 clock:32 config:512 config_file:2100 content_coding:1024 \
              denied_domains:1024 domain:600 event_place:64 fair_queue:400 field_value:512 \
              framing:1024 header_scan:512 json:2048 json_rpc:2048 list_parser:2048 log:6000 \
              openmart_counts:1024 openmart_found:2048 openmart_ids:2048 openmart_reply:2048 \
              openmart_submit:2048 openmart_task:2048 prefer:512 query:1024 result:2048 \
              result_match:512 secret:600 spool_line:512 text:256 url:512
FUZZ_NAMES := $(foreach row,$(FUZZ_TABLE),$(firstword $(subst :, ,$(row))))
FUZZ_AUX   := tests/fuzz/input.c
FUZZ_MAIN  := $(if $(filter fuzz,$(FLAVOUR)),,tests/fuzz/replay.c)

BENCH_AUX := tests/bench/store_load.c
BENCH_SRC := $(filter-out $(BENCH_AUX),$(wildcard tests/bench/*.c))

objects   = $(patsubst %.c,$(B)/%.o,$(1))
LIB      := $(B)/libemailsd.a
CLI_LIB  := $(B)/libemails.a
WRAP     := $(if $(filter alloc,$(FLAVOUR)),$(B)/tests/alloc/wrap.o)
UNIT_BIN := $(patsubst %.c,$(B)/%,$(UNIT_SRC))
FLOW_BIN := $(patsubst %.c,$(B)/%,$(FLOW_SRC))
FUZZ_BIN := $(FUZZ_NAMES:%=$(B)/tests/fuzz/%)
BENCH_BIN := $(patsubst %.c,$(B)/%,$(BENCH_SRC))
# The longest programs start first: then none runs alone at the end.
LONGEST  := %/test_seeds %/test_list_seeds %/test_sqlite_faults %/test_sqlite_open %/test_listener_slow %/test_listener_heads \
            %/test_lifetime %/test_time %/test_lookups %/test_store_copy
longest_first = $(filter $(LONGEST),$(1)) $(filter-out $(LONGEST),$(1))
ALL_OBJ  := $(call objects,server/main.c client/emails/main.c $(LIB_SRC) $(CLI_SRC) $(SIM_SRC) $(UNIT_SRC) $(UNIT_AUX) \
                           $(FLOW_SRC) $(FLOW_AUX) $(SEED_AUX) $(wildcard tests/fuzz/*.c) tests/alloc/wrap.c)

export DAEMON_BIN := $(abspath $(B)/emailsd)
export EMAILS_BIN := $(abspath $(B)/emails)
export SIM_BIN    := $(abspath $(B)/openmart-sim)
export ASAN_OPTIONS  := detect_leaks=1:abort_on_error=1:strict_string_checks=1
export UBSAN_OPTIONS := print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS  := halt_on_error=1:second_deadlock_stack=1
# Folder for the full output of each test and the list of failed tests.
export CHECK_DIR := $(abspath $(B)/check)
# Tests mostly wait, so more of them than CPUs run in parallel.
TEST_JOBS ?= $(shell expr 2 '*' $(JOBS))

.PHONY: all tests deps need-deps check flaky unit flow replay system scripts npm contract browser docs asan tsan fuzz \
        fuzz-programs fuzz-minimise cover lint shape format play run \
        fresh objects compilers arm64 docker-check systemd-check bench kill alloc odd seeds seed-defects soak slow install install-daemon install-client uninstall deb reproducible clean help

all: need-deps $(B)/emailsd $(B)/emails $(B)/openmart-sim ## build emailsd, emails and openmart-sim (the default)

tests: all $(UNIT_BIN) $(FLOW_BIN) $(FUZZ_BIN) ## build the test programs too

$(B)/emailsd: $(B)/server/main.o $(WRAP) $(LIB)
	$(call say,LINK)$(CC) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^ $(OUR_LIBS)

$(B)/emails: $(B)/client/emails/main.o $(CLI_LIB) $(WRAP) $(LIB)
	$(call say,LINK)$(CC) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^ $(OUR_LIBS)

$(B)/openmart-sim: $(call objects,$(SIM_SRC)) $(WRAP) $(LIB)
	$(call say,LINK)$(CC) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^ $(OUR_LIBS)

$(UNIT_BIN): %: %.o $(call objects,$(UNIT_AUX)) $(LIB)
	$(call say,LINK)$(CC) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $(filter-out $(LIB),$^) $(LIB) $$($(PKG_CONFIG) --libs check) $(OUR_LIBS)

# The simulator is a program; its tests link its modules.
SIM_TESTS := $(filter $(B)/tests/unit/test_sim_%,$(UNIT_BIN))
$(SIM_TESTS): $(call objects,$(filter-out %/main.c,$(SIM_SRC)))

# So are those of the command line tool.
$(filter $(B)/tests/unit/test_cli_%,$(UNIT_BIN)): $(CLI_LIB)

# fake_transport.o defines the symbols of client/transport.o and takes precedence, because it
# precedes the archive. So does seeds/repeatable_ids.o with base/id.o.
$(B)/tests/flow/test_seeds: $(call objects,$(SEED_AUX))
$(FLOW_BIN): %: %.o $(call objects,$(FLOW_AUX)) $(LIB)
	$(call say,LINK)$(CC) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $(filter-out $(LIB),$^) $(LIB) $$($(PKG_CONFIG) --libs check) $(OUR_LIBS)

$(FUZZ_BIN): $(B)/tests/fuzz/%: $(B)/tests/fuzz/fuzz_%.o $(call objects,$(FUZZ_AUX) $(FUZZ_MAIN)) $(CLI_LIB) $(LIB)
	$(call say,LINK)$(CC) $(OUR_LDFLAGS) $(LDFLAGS) $(if $(FUZZ_MAIN),,-fsanitize=fuzzer) -o $@ $^ $(OUR_LIBS)

$(LIB): $(call objects,$(LIB_SRC))
$(CLI_LIB): $(call objects,$(CLI_SRC))
$(LIB) $(CLI_LIB):
	@rm -f $@
	$(call say,AR)$(AR) rcsD $@ $^

$(B)/%.o: %.c | $(B)/gen/version.h
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(OUR_CFLAGS) $(CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

# These embed files by .incbin, which -MMD does not detect; see embedded.h.
$(B)/server/http/endpoints/openapi.o: openapi.yaml
$(B)/server/http/endpoints/web.o: $(wildcard server/web/*)

# Root runs git as the owner of the clone: git rejects clones of other users, and `describe` writes the
# index.
AS_OWNER := $(if $(filter 0,$(shell id -u)),$(if $(filter-out 0,$(shell stat -c %u .)),setpriv \
                --reuid=$(shell stat -c %u .) --regid=$(shell stat -c %g .) --clear-groups env HOME=/))
DESCRIBE := git describe --always --dirty 2>/dev/null

# Rewritten only if it changes, so that a new commit recompiles no more than necessary. Everything
# depends on it, so a missing package is reported before the compiler runs.
$(B)/gen/version.h: FORCE | need-deps
	@mkdir -p $(@D)
	@printf '#define EMAILSD_VERSION "%s"\n#define EMAILSD_REVISION "%s"\n' '$(VERSION)' \
	    "$${REVISION:-$$($(AS_OWNER) $(DESCRIBE) || $(DESCRIBE) || echo unknown)}" >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
FORCE:

-include $(ALL_OBJ:.o=.d)

# ---- dependencies ----

deps: ## install missing dependencies to build and test (apt; asks for root only if needed)
	@tests/scripts/install_deps.sh build test

need-deps:
	@tests/scripts/install_deps.sh --check build

# ---- tests ----

check: deps ## install dependencies, build, run all tests; failures are listed last
	@rm -rf "$(CHECK_DIR)" && mkdir -p "$(CHECK_DIR)"
	@$(MAKE) --no-print-directory -j$(JOBS) tests >"$(CHECK_DIR)/build.log" 2>&1 || \
	    { cat "$(CHECK_DIR)/build.log" >&2; exit 1; }
	@echo "ok   build: $(CHECK_DIR)/build.log"
	@$(MAKE) --no-print-directory --keep-going unit flow replay system scripts 2>"$(CHECK_DIR)/make.log" || \
	    { echo; echo "check: FAILED" >&2; cat "$(CHECK_DIR)/make.log" >&2; cat "$(CHECK_DIR)"/*/failed >&2; exit 1; }
	@echo "check: all tests passed"

flaky: deps ## run make check RUNS=20 times under load; count each failure
	@$(PYTHON) tests/scripts/flaky.py --runs $(or $(RUNS),20) --make "$(MAKE)"

unit: tests ## unit tests, one program per module
	@tests/scripts/run_programs.sh unit $(TEST_JOBS) $(call longest_first,$(UNIT_BIN))

flow: tests ## flow tests: the engine with a fake clock and a fake transport
	@tests/scripts/run_programs.sh flow $(TEST_JOBS) $(call longest_first,$(FLOW_BIN))

replay: tests ## run every fuzz target over its corpus
	@tests/scripts/run_programs.sh replay $(TEST_JOBS) $(FUZZ_BIN)

system: all ## system tests: the real binary against the simulator
	@rm -rf "$(CHECK_DIR)/system" && mkdir -p "$(CHECK_DIR)/system"
	@$(PYTHON) -m pytest -q --no-header --tb=no -rN -p no:cacheprovider -n $(TEST_JOBS) $(PYTEST_FLAGS) tests/system || \
	    { status=$$?; test -e "$(CHECK_DIR)/system/failed" || \
	        echo "system pytest: status $$status" >"$(CHECK_DIR)/system/failed"; exit 1; }

scripts: all ## check layers, wrappers, functions, words; compare code with openapi.yaml and documents
	@tests/scripts/run_checks.sh

docs: all ## write the option tables of docs/configuration.md, and the API reference
	@$(PYTHON) tests/scripts/make_configuration.py
	@$(PYTHON) tests/scripts/make_reference.py

asan: deps ## unit, flow, replay and system tests under AddressSanitizer and UBSan
	@$(MAKE) --no-print-directory -j$(JOBS) FLAVOUR=asan tests
	@$(MAKE) --no-print-directory FLAVOUR=asan unit flow replay system

tsan: deps ## unit, flow and system tests under ThreadSanitizer
	@$(MAKE) --no-print-directory -j$(JOBS) FLAVOUR=tsan tests
	@$(MAKE) --no-print-directory FLAVOUR=tsan unit flow system

# The sandbox does not allow writing coverage counts, so its system tests are not measured.
cover: deps ## test coverage of each file; fails below 90 % of lines
	@tests/scripts/install_deps.sh cover
	@$(MAKE) --no-print-directory -j$(JOBS) FLAVOUR=cover tests
	@find build/cover -name '*.gcda' -delete
	@$(MAKE) --no-print-directory FLAVOUR=cover unit flow replay
	@COVERAGE=1 $(MAKE) --no-print-directory FLAVOUR=cover \
	    PYTEST_FLAGS='--ignore tests/system/test_sandbox.py' system
	@$(PYTHON) tests/scripts/coverage.py build/cover

fuzz-programs: $(FUZZ_BIN)

fuzz: ## run libFuzzer on every target, FUZZ_SECONDS=60 each; FUZZ_ONLY="domain query" for some
	@tests/scripts/install_deps.sh build fuzz
	@$(MAKE) --no-print-directory -j$(JOBS) FLAVOUR=fuzz fuzz-programs
	@tests/scripts/fuzz.sh run $(FUZZ_TABLE)

fuzz-minimise: ## reduce the corpora and the findings of `make fuzz` without losing coverage
	@$(MAKE) --no-print-directory -j$(JOBS) FLAVOUR=fuzz fuzz-programs
	@tests/scripts/fuzz.sh minimise $(FUZZ_TABLE)

npm: ## install the npm packages of tests/npm, for lint, contract and browser (Node.js, the npm registry)
	@tests/npm/install.sh

# System tests that need npm packages; `make system` skips them until `make npm` has run.
NPM_TESTS = $(shell grep -l '^pytestmark = .*needs_packages' tests/system/test_*.py)

contract: deps npm all ## openapi.yaml against the program: a validating proxy, and generated clients
	@$(PYTHON) -m pytest -q --no-header -rs -p no:cacheprovider -n $(TEST_JOBS) $(NPM_TESTS)

# SCREENSHOTS=docs/screenshots writes the pictures of the documents again.
browser: deps npm all ## the web page in Chromium, with axe-core: each control, light, dark, phone
	@tests/scripts/install_deps.sh browser
	@$(PYTHON) -m pytest -q --no-header -rs -p no:cacheprovider -n $(JOBS) tests/system/test_page*.py

lint: ## layout and static analysis by twelve tools, after a self-test of each tool
	@tests/scripts/install_deps.sh build test lint
	@tests/npm/install.sh || [ $$? -eq 77 ]
	@WARNINGS_FOR_LINT='$(CLANG_WARNINGS)' $(PYTHON) tests/scripts/lint_self_test.py
	@$(MAKE) --no-print-directory $(B)/gen/version.h
	@JOBS=$(JOBS) WARNINGS_FOR_LINT='$(CLANG_WARNINGS)' CFLAGS_FOR_LINT='-std=c11 -D_GNU_SOURCE -Iserver -I. -I$(B)/gen $(PC_CFLAGS)' \
	    tests/scripts/lint.sh

shape: ## code metrics: sizes, single-use helpers, unused exports, include cycles
	@$(PYTHON) tests/scripts/shape.py --self-test
	@$(PYTHON) tests/scripts/shape.py

format: ## format all C files with clang-format
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

fresh: ## run play and check on a bare system made with debootstrap (root); DEBIAN=trixie, noble
	@DEBIAN=$(DEBIAN) tests/scripts/fresh_machine.sh

objects: $(ALL_OBJ) $(BENCH_BIN:%=%.o) $(call objects,$(BENCH_AUX))

compilers: ## compile everything with gcc 12 to 14 and clang 14 to 19, those that can be installed
	@tests/scripts/install_deps.sh build test
	@JOBS=$(JOBS) tests/scripts/compilers.sh

arm64: ## cross-build programs and package for arm64, and run tests under qemu (root); DEBIAN=trixie
	@DEBIAN=$(DEBIAN) tests/scripts/arm64.sh
	@DEBIAN=$(DEBIAN) docker/check_arm64.sh || [ $$? -eq 77 ]

docker-check: ## build the image without a registry and test it, 2-7 min (root); DEBIAN=trixie
	@docker/check.sh

systemd-check: ## boot a Debian with systemd and test the package in it, 2-4 min (root)
	@tests/scripts/install_deps.sh build package boot
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@tests/systemd/check.sh

# ---- benchmarks ----

# A revision whose daemon is measured beside this one. That one is the last whose engine waited for the store.
BEFORE ?= 2daa399

-include $(BENCH_BIN:=.d) $(BENCH_AUX:%.c=$(B)/%.d)

$(BENCH_BIN): %: %.o $(LIB)
	$(call say,LINK)$(CC) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $(filter-out $(LIB),$^) $(LIB) $(OUR_LIBS)

$(B)/tests/bench/store_bench $(B)/tests/bench/group_bench: $(call objects,$(BENCH_AUX))

bench: deps ## ten benchmarks compared with peers and lower bounds, 35 min; QUICK=1 for five
	@tests/bench/install.sh
	@$(MAKE) --no-print-directory -j$(JOBS) all $(BENCH_BIN)
	@AS_OWNER='$(AS_OWNER)' MAKE='$(MAKE)' JOBS=$(JOBS) tests/bench/build_before.sh '$(BEFORE)' build/before
	@$(PYTHON) tests/bench/run.py $(if $(QUICK),--quick) $(BENCH_FLAGS)

# ---- kill -9 ----

kill: deps ## 3,000 kill -9, one before each system call, then check the records; KILLS=300
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@$(PYTHON) tests/kill/run.py --jobs $(JOBS) $(if $(KILLS),--kills $(KILLS)) $(KILL_FLAGS)

# ---- long-running checks ----

alloc: deps ## make each of our allocations fail once; EVERY=10 for each tenth
	@$(MAKE) --no-print-directory -j$(JOBS) FLAVOUR=alloc all
	@DAEMON_BIN="$(abspath build/alloc/emailsd)" SIM_BIN="$(abspath build/alloc/openmart-sim)" \
	    $(PYTHON) tests/alloc/run.py --jobs $(JOBS) \
	    $(if $(EVERY),--every $(EVERY))

seeds: $(B)/tests/flow/test_seeds ## random plans over a store with faults; SEEDS=100000, or SEED=7 for one and its trace
	@CK_RUN_CASE=seeds_keep_every_promise CK_DEFAULT_TIMEOUT=36000 $(if $(SEEDS),SEEDS=$(SEEDS)) \
	    $(if $(SEED),SEED=$(SEED)) $(B)/tests/flow/test_seeds

seed-defects: deps ## plant defects in a copy of the product, which the seeds must find; ONLY="name name"
	@SEEDS=$(or $(SEEDS),4800) $(PYTHON) tests/flow/seeds/defects.py $(ONLY)

soak: deps ## 20 min of clients, faults and restarts; no growth, records agree; SOAK_MINUTES=2
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@$(PYTHON) tests/soak/run.py $(if $(SOAK_MINUTES),--minutes $(SOAK_MINUTES)) $(SOAK_FLAGS)

odd: deps ## 500 random changes of the upstream's responses, no paid task lost; RUNS=100 SEED=7
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@$(PYTHON) tests/odd/run.py --jobs $(JOBS) $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED)) \
	    $(if $(SEEDS),--seeds $(SEEDS))

slow: deps ## slowhttptest: 500 slow clients for a minute per attack, with a concurrent probe
	@tests/scripts/install_deps.sh slow
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@$(PYTHON) tests/soak/slow_clients.py

# ---- play and run ----

play: ## emailsd with a simulated upstream until Ctrl-C: no key, no cost; PORT=8080, COMMAND="curl ..."
	@tests/scripts/install_deps.sh build
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@tests/scripts/play.sh $(COMMAND)

run: ## serve with the real upstream; requires OPENMART_API_KEY
	@test -n "$$OPENMART_API_KEY" || { echo "make run: set OPENMART_API_KEY to your key; make play needs none" >&2; exit 2; }
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@exec $(B)/emailsd

# ---- install ----

PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR    ?= $(PREFIX)/lib/systemd/system
MANDIR     ?= $(PREFIX)/share/man
COMPLETIONS ?= $(PREFIX)/share/bash-completion/completions
DATADIR    ?= $(PREFIX)/share/emailsd

# Installs a file and adapts the paths in it to the installation.
place = install -D -m 0644 $(1) $(DESTDIR)$(2) && sed -i \
    's|/usr/bin/emailsd|$(PREFIX)/bin/emailsd|; s|/usr/share/emailsd/|$(DATADIR)/|g; s|/etc/emailsd/|$(SYSCONFDIR)/emailsd/|g' $(DESTDIR)$(2)

install: install-daemon install-client ## install below DESTDIR and PREFIX (/usr/local), configuration below SYSCONFDIR (/etc)

install-client: all ## install `emails` only
	install -D -m 0755 $(B)/emails $(DESTDIR)$(PREFIX)/bin/emails
	install -D -m 0644 packaging/emails.bash-completion $(DESTDIR)$(COMPLETIONS)/emails
	install -D -m 0644 docs/man/emails.1 $(DESTDIR)$(MANDIR)/man1/emails.1

# An existing configuration is never overwritten.
install-daemon: all ## install all but `emails`
	install -D -m 0755 $(B)/emailsd $(DESTDIR)$(PREFIX)/bin/emailsd
	install -D -m 0644 packaging/emailsd.bash-completion $(DESTDIR)$(COMPLETIONS)/emailsd
	$(call place,docs/man/emailsd.8,$(MANDIR)/man8/emailsd.8)
	$(call place,docs/man/emailsd.conf.5,$(MANDIR)/man5/emailsd.conf.5)
	install -D -m 0644 packaging/consumer-mail-domains.txt $(DESTDIR)$(DATADIR)/consumer-mail-domains.txt
	$(call place,docker/emailsd.service,$(UNITDIR)/emailsd.service)
	$(call place,docker/emailsd.socket,$(UNITDIR)/emailsd.socket)
	test -e $(DESTDIR)$(SYSCONFDIR)/emailsd/emailsd.conf || \
	    { $(call place,packaging/emailsd.conf,$(SYSCONFDIR)/emailsd/emailsd.conf); }

uninstall: ## remove the installed files, but not the configuration
	rm -f $(DESTDIR)$(PREFIX)/bin/emails $(DESTDIR)$(MANDIR)/man1/emails.1 $(DESTDIR)$(COMPLETIONS)/emails \
	    $(DESTDIR)$(PREFIX)/bin/emailsd $(DESTDIR)$(MANDIR)/man8/emailsd.8 \
	    $(DESTDIR)$(MANDIR)/man5/emailsd.conf.5 $(DESTDIR)$(COMPLETIONS)/emailsd \
	    $(DESTDIR)$(UNITDIR)/emailsd.service $(DESTDIR)$(UNITDIR)/emailsd.socket \
	    $(DESTDIR)$(DATADIR)/consumer-mail-domains.txt

deb: ## build and test the Debian package: lintian, install to purge, two builds, 5-8 min (root)
	@tests/scripts/install_deps.sh build package
	@tests/scripts/check_deb.sh

reproducible: deps ## build twice, in different folders, and compare the bytes
	@tests/scripts/check_reproducible.sh

clean: ## remove build/
	rm -rf build

help: ## print this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20
