# Bellman. `make help` lists the targets; CONTRIBUTING.md explains the profiles.
#
# One makefile, no per-directory ones. Every profile builds into build/$(PROFILE)/ and never touches another's files.
# Targets that first install packages call this same file again, so that pkg-config is asked after they are there.

PROFILE ?= release
STACK   ?= var
FUZZ_S  ?= 60
VERSION := 0.1.0

PROFILES := release debug asan tsan cover fuzz
ifeq ($(filter $(PROFILE),$(PROFILES)),)
$(error PROFILE=$(PROFILE) is none of: $(PROFILES))
endif

MAKEFLAGS += --no-builtin-rules
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

B      := build/$(PROFILE)
PYTHON := /usr/bin/python3
ifeq ($(origin CC),default)
CC     := $(if $(filter fuzz,$(PROFILE)),clang,gcc)
endif
ifeq ($(origin AR),default)
AR     := ar
endif
Q      := $(if $(V),,@)
SAY     = @$(if $(V),true,printf '  %-6s %s\n')

# ---- flags ----------------------------------------------------------------------------------------------------------

PKGS      := glib-2.0 jansson libcrypto libsodium libsystemd libcurl librabbitmq cjose libmariadb
PKG_FLAGS := $(patsubst -I%,-isystem%,$(shell pkg-config --cflags $(PKGS) cmocka 2>/dev/null))
PKG_LIBS  := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wformat=2 -Wstrict-prototypes \
        -Wmissing-prototypes -Wwrite-strings -Wcast-qual -Wundef -Wvla -Wnull-dereference -Wswitch-enum
ifneq ($(findstring clang,$(CC)),clang)
WARN += -Wlogical-op -Wduplicated-cond -Wduplicated-branches
endif
ifneq ($(filter 1 true yes,$(CI) $(WERROR)),)
WARN += -Werror
endif

HARDEN := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE
ifneq ($(findstring clang,$(CC)),clang)
HARDEN := $(patsubst -D_FORTIFY_SOURCE=2,-D_FORTIFY_SOURCE=3,$(HARDEN))
endif
ifeq ($(shell uname -m),x86_64)
HARDEN += -fcf-protection=full
endif
HARDEN_LD := -pie -Wl,-z,relro,-z,now,-z,noexecstack

ASAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

opt_release := -O2 -g $(HARDEN)
ld_release  := $(HARDEN_LD)
opt_debug   := -O0 -g3
opt_asan    := -O1 -g $(ASAN)
ld_asan     := $(ASAN)
opt_tsan    := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
ld_tsan     := -fsanitize=thread
opt_cover   := -O0 -g --coverage
ld_cover    := --coverage
opt_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
ld_fuzz     := -fsanitize=address,undefined

BANNED   := $(wildcard common/ground/banned.h)
CPPFLAGS += -D_GNU_SOURCE -DBELLMAN_VERSION='"$(VERSION)"' -Icommon -I. $(addprefix -include ,$(BANNED)) $(PKG_FLAGS)
CFLAGS   += -std=c17 -fno-common $(opt_$(PROFILE)) $(WARN) -pthread
LDFLAGS  += -pthread $(ld_$(PROFILE)) -Wl,--as-needed
LDLIBS   := $(PKG_LIBS) -lm

# Where a program's own headers are looked for by tests, which sit in another directory.
OWN_INCLUDES := -Ifcgi-app -Iconsumer -Ictl -Itests

# ---- files ----------------------------------------------------------------------------------------------------------

objects = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)))

COMMON_O   := $(call objects,common/*/*.c)
API_O      := $(call objects,fcgi-app/*.c)
CONSUMER_O := $(call objects,consumer/*.c)
CTL_O      := $(call objects,ctl/*.c) $(B)/ctl/schema_files.o
UNIT_O     := $(call objects,tests/unit/test_*.c)
SERVED_O   := $(call objects,tests/integration/*.c)
UNIT_HELP_O := $(filter-out $(UNIT_O),$(call objects,tests/unit/*.c))
FUZZ_O     := $(call objects,tests/fuzz/fuzz_*.c)
FUZZ_HELP_O := $(filter-out $(FUZZ_O),$(call objects,tests/fuzz/*.c))

PROGRAMS := $(if $(API_O),$(B)/bellman-api) $(if $(CONSUMER_O),$(B)/bellman-consumer) $(if $(CTL_O),$(B)/bellmanctl)
UNIT     := $(UNIT_O:.o=)
SERVED   := $(SERVED_O:.o=)
FUZZERS  := $(FUZZ_O:.o=)

# The programs' objects without their main, for tests of one module: only what a test names is taken out of them.
PARTS := $(B)/libapi.a $(B)/libconsumer.a $(B)/libctl.a

C_FILES := $(wildcard common/*/*.c common/*/*.h fcgi-app/*.[ch] consumer/*.[ch] ctl/*.[ch] tests/unit/*.[ch] tests/integration/*.[ch] tests/fuzz/*.[ch] bench/bare/*.c)

# ---- rules ----------------------------------------------------------------------------------------------------------

.PHONY: all programs web unit-programs served-programs bench-programs fuzzers deps run up down stack-restart clean-stack test test-all test-unit \
        test-integration test-web screenshots faults asan tsan cover valgrind fuzz lint format bench install openapi help clean FORCE
.SECONDARY:

all: programs web

programs: $(PROGRAMS)
unit-programs: $(UNIT)
served-programs: $(SERVED)
fuzzers: $(FUZZERS)

# Rewritten only when it changes, so every object is rebuilt exactly when the command that makes it is another one.
$(B)/.flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(CC) $(CPPFLAGS) $(CFLAGS) | $(LDFLAGS) $(LDLIBS))' >$@.new
	@if cmp -s $@.new $@; then rm -f $@.new; else mv $@.new $@; fi

$(B)/tests/%.o: CPPFLAGS += $(OWN_INCLUDES)

$(B)/%.o: %.c $(B)/.flags
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The migrations, put into bellmanctl: the list in generated C, the texts by the assembler.
SCHEMA := $(sort $(wildcard schema/*.sql))
$(B)/ctl/schema_files.c: tools/embed_schema.sh FORCE
	@mkdir -p $(@D)
	@tools/embed_schema.sh $(SCHEMA) >$@.new
	@if cmp -s $@.new $@; then rm -f $@.new; else mv $@.new $@; fi
$(B)/ctl/schema_files.o: $(B)/ctl/schema_files.c $(SCHEMA) $(B)/.flags
	$(SAY) CC $<
	$(Q)$(CC) $(CPPFLAGS) -Ictl $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/libcommon.a: $(COMMON_O)
$(B)/libapi.a: $(filter-out %/main.o,$(API_O))
$(B)/libconsumer.a: $(filter-out %/main.o,$(CONSUMER_O))
$(B)/libctl.a: $(filter-out %/main.o,$(CTL_O))
$(B)/lib%.a: $(B)/.flags
	@mkdir -p $(@D)
	@rm -f $@
	$(SAY) AR $@
	$(Q)$(AR) rcsD $@ $(filter %.o,$^)

LINK = $(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^)

$(B)/bellman-api: $(API_O) $(B)/libcommon.a
	$(SAY) LINK $@
	$(LINK) $(LDLIBS) -lfcgi
$(B)/bellman-consumer: $(CONSUMER_O) $(B)/libcommon.a
	$(SAY) LINK $@
	$(LINK) $(LDLIBS)
$(B)/bellmanctl: $(CTL_O) $(B)/libcommon.a
	$(SAY) LINK $@
	$(LINK) $(LDLIBS)

$(UNIT) $(SERVED): %: %.o $(UNIT_HELP_O) $(PARTS) $(B)/libcommon.a
	$(SAY) LINK $@
	$(LINK) $(LDLIBS) -lfcgi -lcmocka
$(FUZZERS): %: %.o $(FUZZ_HELP_O) $(PARTS) $(B)/libcommon.a
	$(SAY) LINK $@
	$(LINK) -fsanitize=fuzzer $(LDLIBS) -lfcgi

-include $(patsubst %.o,%.d,$(COMMON_O) $(API_O) $(CONSUMER_O) $(CTL_O) $(UNIT_O) $(UNIT_HELP_O) $(SERVED_O) $(FUZZ_O) $(FUZZ_HELP_O))

# The benchmark's bare clients stand alone: what they are compared with must not be in them.
BARE := $(patsubst bench/bare/%.c,$(B)/bench/bare/%,$(wildcard bench/bare/*.c))
bench-programs: $(BARE)
$(BARE): %: %.o
	$(SAY) LINK $@
	$(LINK) $(LDLIBS)

# The page, for nginx to serve. Its types come from the API's description, so that both change together.
WEB_FILES := $(shell find web \( -name node_modules -o -name dist \) -prune -o -type f -not -name schema.d.ts -print)
WEB_TOOLS := web/node_modules/.package-lock.json
web: build/web/index.html
$(WEB_TOOLS): web/package-lock.json tools/npm_ci.sh
	@tools/npm_ci.sh web && touch $@
web/src/services/schema.d.ts: docs/openapi.yaml web/package.json $(WEB_TOOLS)
	@cd web && npm run --silent types >/dev/null && touch src/services/schema.d.ts
build/web/index.html: $(WEB_FILES) $(WEB_TOOLS) web/src/services/schema.d.ts
	$(SAY) WEB build/web
	@cd web && npm run --silent build -- --logLevel warn && touch ../$@

# ---- the stack ------------------------------------------------------------------------------------------------------

LAUNCH = BELLMAN_BUILD=$(B) STACK=$(STACK) $(PYTHON) tests/stack/stack.py

deps:
	@tools/deps.sh
	@tools/npm_ci.sh tests/fakes/node
	@tools/npm_ci.sh web

run: deps
	@$(MAKE) --no-print-directory all
	@exec env $(LAUNCH) run
up: deps
	@$(MAKE) --no-print-directory all
	@$(LAUNCH) up
down:
	@$(LAUNCH) down
stack-restart:
	@$(LAUNCH) restart $(PART)
clean-stack:
	@$(LAUNCH) clean

# ---- tests ----------------------------------------------------------------------------------------------------------

test: deps
	@$(MAKE) --no-print-directory test-all
# One profile after the other: two compilations of everything at once would need the memory of both.
test-all: programs unit-programs served-programs web
	@$(MAKE) --no-print-directory PROFILE=asan programs unit-programs served-programs
	@$(MAKE) --no-print-directory PROFILE=tsan programs
	@tools/run_tests.sh $(PROFILE):unit asan:unit $(PROFILE):integration $(PROFILE):faults asan:smoke tsan:smoke $(PROFILE):web
test-unit: unit-programs
	@tools/run_tests.sh $(PROFILE):unit
test-integration: programs served-programs
	@tools/run_tests.sh $(PROFILE):integration
test-web: programs web
	@tools/run_tests.sh $(PROFILE):web
# The pictures of the README, taken by the tests of the page.
screenshots: programs web
	@BELLMAN_SCREENSHOTS=docs/screenshots tools/run_tests.sh $(PROFILE):web
asan tsan: deps
	@$(MAKE) --no-print-directory PROFILE=$@ programs unit-programs served-programs
	@tools/run_tests.sh $@:unit $@:integration
# make faults RUNS=20 ONLY=F4,F25, or SHORT=1
faults: deps
	@$(MAKE) --no-print-directory programs
	@BELLMAN_BUILD=$(B) $(PYTHON) -m pytest -q -p no:cacheprovider --timeout=1800 $(if $(SHORT),--short) \
	  $(if $(RUNS),--runs=$(RUNS)) $(if $(ONLY),--only=$(ONLY)) $(PYTEST_ARGS) tests/faults
cover: deps
	@find build/cover -name '*.gcda' -delete 2>/dev/null || true
	@$(MAKE) --no-print-directory PROFILE=cover programs unit-programs served-programs
	@tools/run_tests.sh cover:unit cover:integration
	@tools/coverage.py build/cover
valgrind: deps
	@$(MAKE) --no-print-directory PROFILE=debug programs
	@tools/valgrind.py
fuzz: deps
	@$(MAKE) --no-print-directory PROFILE=fuzz fuzzers
	@tools/run_fuzz.sh build/fuzz/tests/fuzz $(FUZZ_S)

# ---- care -----------------------------------------------------------------------------------------------------------

TIDY_JOBS := $(shell nproc)

lint:
	@$(PYTHON) tools/check_layers.py
	@echo "cppcheck"; cppcheck --quiet --std=c17 --enable=warning,performance,portability --inline-suppr \
	  --error-exitcode=1 --suppress=missingIncludeSystem -D_GNU_SOURCE -DBELLMAN_VERSION='""' -Icommon -I. $(OWN_INCLUDES) \
	  $(filter-out tests/%,$(filter %.c,$(C_FILES)))
	@echo "clang-tidy"; mkdir -p build/lint; printf '%s\n' -std=c17 '-DBELLMAN_VERSION="lint"' \
	  $(patsubst -I%,-I$(CURDIR)/%,$(patsubst common/ground/banned.h,$(CURDIR)/common/ground/banned.h,\
	  $(filter-out -DBELLMAN_VERSION%,$(CPPFLAGS)) $(OWN_INCLUDES))) >build/lint/compile_flags.txt
	@printf '%s\n' $(filter-out tests/%,$(filter %.c,$(C_FILES))) | \
	  xargs -P $(TIDY_JOBS) -n 4 clang-tidy -p build/lint --quiet --warnings-as-errors='*' 2>build/lint/counts || \
	  { grep -v 'warnings\? generated' build/lint/counts >&2; exit 1; }
	@echo "clang-format"; clang-format --dry-run -Werror $(C_FILES)

format:
	@clang-format -i $(C_FILES)

bench: deps
	@tools/deps.sh bench
	@cd bench/peers/bullmq && npm ci --ignore-scripts --silent
	@$(MAKE) --no-print-directory all bench-programs
	@BELLMAN_BUILD=$(B) bench/run $(BENCH)

PREFIX  ?= /usr
SHARE   := $(DESTDIR)$(PREFIX)/share/bellman
UNITS   := $(DESTDIR)/lib/systemd/system

# Files only: no user is made, nothing is enabled, /etc/bellman stays as it is.
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(SHARE)/web $(SHARE)/nginx/snippets $(SHARE)/examples $(UNITS)
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin/
	install -m 644 packaging/systemd/* $(UNITS)/
	sed -i 's|=/usr/bin/bellman|=$(PREFIX)/bin/bellman|' $(UNITS)/bellman-api.service $(UNITS)/bellman-consumer.service
	install -m 644 nginx/site.conf $(SHARE)/nginx/
	install -m 644 nginx/snippets/* $(SHARE)/nginx/snippets/
	cp -r build/web/. $(SHARE)/web/
	install -m 644 packaging/rabbitmq-definitions.json docs/openapi.yaml $(SHARE)/
	install -m 755 docs/examples/*.py docs/examples/*.sh $(SHARE)/examples/
	install -m 644 docs/examples/*.conf docs/examples/README.md $(SHARE)/examples/
	$(B)/bellman-api --help-config >$(SHARE)/bellman.conf.example

openapi: all
	@$(B)/bellman-api --print-openapi >docs/openapi.yaml.new && mv docs/openapi.yaml.new docs/openapi.yaml

help:
	@echo "make                 build/release/{bellman-api,bellman-consumer,bellmanctl} (PROFILE=$(subst $() ,|,$(PROFILES)))"
	@echo "make web             the page, into build/web (make builds it too; make programs does not)"
	@echo "make deps            install the Debian packages that are missing, and the npm packages of the page and the tests"
	@echo "make run             the whole product in the foreground on private servers; Ctrl-C stops it"
	@echo "make up | down       the same in the background (STACK=dir, default var)"
	@echo "make stack-restart PART=api|consumer|mariadb|rabbitmq|nginx|mail"
	@echo "make clean-stack     stop the stack and delete its data"
	@echo "make test            every test; also: test-unit test-integration test-web faults asan tsan cover"
	@echo "make screenshots     the tests of the page, with their pictures put into docs/screenshots"
	@echo "make faults          every fault case against real servers, as a table; RUNS=n ONLY=F1,F25 SHORT=1"
	@echo "make valgrind        both programs under valgrind for 10,000 requests and their jobs"
	@echo "make fuzz            every fuzzer for FUZZ_S=$(FUZZ_S) seconds"
	@echo "make lint | format   layers and sizes, cppcheck, clang-tidy, clang-format"
	@echo "make bench           load drivers beside their peers (BENCH=--quick: a look in some minutes; bench/run --help)"
	@echo "make install         into PREFIX (/usr) below DESTDIR: programs, units, nginx snippets, page, examples, bellman.conf.example"
	@echo "make openapi         docs/openapi.yaml from the tables"
	@echo "make clean           delete build/"

clean:
	rm -rf build web/dist
