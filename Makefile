# Every target and every compiler flag. `make help` lists the targets.
BUILD   ?= build
ifeq ($(origin CC),default)
CC      := gcc
endif
VERSION := 0.1.0

WARN    := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wformat=2 -Werror
OPT     ?= -O2 -g
CFLAGS  += -std=gnu17 $(WARN) $(OPT) -pthread -fno-math-errno -ffp-contract=off -I. -D_GNU_SOURCE \
           -DMLPD_VERSION='"$(VERSION)"' $(SANITIZE)
LDFLAGS += -pthread -Wl,--build-id=sha1 $(SANITIZE)
CORE_LIBS   := -lnettle -lm
SERVER_LIBS := -lmicrohttpd -lcjson -lsqlite3 $(CORE_LIBS)
CLIENT_LIBS := -lcurl -lcjson

CORE_SRC   := $(wildcard core/*/*.c)
SERVER_SRC := $(filter-out server/main.c,$(wildcard server/*.c server/*/*.c))
CLIENT_SRC := $(filter-out client/cli/main.c,$(wildcard client/lib/*.c client/cli/*.c))
SUPPORT_SRC := $(wildcard tests/api/support/*.c)
NUMERIC_SUPPORT := $(patsubst %.c,$(BUILD)/double/%.o,$(wildcard tests/numeric/support/*.c))
PAGE_TESTS    := $(wildcard tests/page/browser/*.test.mjs)
UNIT_TESTS    := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/test_*.c))
NUMERIC_TESTS := $(patsubst tests/numeric/%.c,$(BUILD)/tests/numeric/%,$(wildcard tests/numeric/test_*.c))
API_TESTS     := $(patsubst tests/api/%.c,$(BUILD)/tests/api/%,$(wildcard tests/api/test_*.c))

BENCHES       := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c tests/bench/peers/*.c))

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
CORE_OBJ   := $(call obj,$(CORE_SRC))
DOUBLE_OBJ := $(patsubst %.c,$(BUILD)/double/%.o,$(CORE_SRC))
SERVER_OBJ := $(call obj,$(SERVER_SRC)) $(BUILD)/obj/migrations.o $(BUILD)/obj/assets.o
CLIENT_OBJ := $(call obj,$(CLIENT_SRC))

ASAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
TSAN := -fsanitize=thread -fno-omit-frame-pointer
# Commands are shown with V=1.
Q := $(if $(V),,@)
REBUILD = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: all deps demo check test tests lint asan tsan sanitized clang docker-check bench bench-service bench-page benches clean help
all: $(BUILD)/mlpd $(BUILD)/mlp $(BUILD)/libmlp.a ## builds mlpd, mlp and libmlp.a

help: ## lists the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

# deps comes first and in a make of its own: before it ran there may be no compiler.
deps: ## installs the Debian packages that are missing
	@bash tests/deps.sh build
	@bash tests/deps.sh page || echo "mlpd is going to be built without its page: there is no node or npm"
demo: deps ## builds, starts a daemon, trains on a small table, stops it again
	@+$(REBUILD) all
	@BUILD=$(BUILD) bash tests/demo.sh
check: deps ## builds and runs every test
	@bash tests/deps.sh browser || echo "the page is going to be tested without a browser: there is no chromium"
	@+$(REBUILD) test
test: tests ## check without looking for missing packages
	@MLPD=$(BUILD)/mlpd MLP=$(BUILD)/mlp bash tests/run $(UNIT_TESTS) $(NUMERIC_TESTS) $(API_TESTS) tests/cli.sh tests/readme.sh tests/page.sh $(PAGE_TESTS)
lint: export LINT_FLAGS = $(CFLAGS)
lint: ## layering, lengths, clang-tidy, cppcheck
	@bash tests/deps.sh build lint
	@+$(REBUILD) $(BUILD)/migrations.c
	@bash tests/lint.sh
asan: deps ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@+$(REBUILD) BUILD=$(BUILD)/asan OPT='-O1 -g' SANITIZE='$(ASAN)' sanitized
tsan: deps ## the tests under ThreadSanitizer
	@+$(REBUILD) BUILD=$(BUILD)/tsan OPT='-O1 -g' SANITIZE='$(TSAN)' NUMERIC_TESTS= sanitized
clang: ## everything once more by clang, with its own warnings
	@bash tests/deps.sh build lint
	@+$(REBUILD) BUILD=$(BUILD)/clang CC=clang tests
docker-check: deps ## builds the image, trains in it, kills it, and sees that nothing is lost
	@+$(REBUILD) all
	@MLP=$(BUILD)/mlp bash docker/check.sh
bench: deps ## the core against its peers: a table, and build/bench.json
bench-service: deps ## the daemon as a service: a table, and build/bench-service.json
bench-page: deps ## the page in a real Chromium: a table, and build/bench-page.json
bench bench-service bench-page:
	@bash tests/deps.sh $(if $(findstring page,$@),page browser,bench) || echo "make $@ goes on with what is there"
	@+$(REBUILD) all $(if $(findstring page,$@),,benches)
	@BUILD=$(BUILD) CC=$(CC) /usr/bin/python3 -B tests/bench/$(or $(patsubst bench-%,%,$(filter bench-%,$@)),core).py
benches: $(BENCHES)
# Reports go to files, so that one in a daemon that a test started counts as well.
sanitized: all $(UNIT_TESTS) $(NUMERIC_TESTS) $(API_TESTS)
	@rm -rf $(BUILD)/reports && mkdir -p $(BUILD)/reports
	@ASAN_OPTIONS=exitcode=66:detect_stack_use_after_return=1:strict_string_checks=1:log_path=$(abspath $(BUILD))/reports/asan \
	 UBSAN_OPTIONS=print_stacktrace=1:exitcode=66:log_path=$(abspath $(BUILD))/reports/ubsan \
	 TSAN_OPTIONS=exitcode=66:second_deadlock_stack=1:log_path=$(abspath $(BUILD))/reports/tsan \
	 REPORTS=$(BUILD)/reports TEST_TIMEOUT=900 MLPD=$(BUILD)/mlpd MLP=$(BUILD)/mlp \
	 bash tests/run $(UNIT_TESTS) $(NUMERIC_TESTS) $(API_TESTS)

$(BUILD)/libmlp.a: $(CORE_OBJ)
	@rm -f $@ && ar rcs $@ $^
$(BUILD)/libmlp-double.a: $(DOUBLE_OBJ)
	@rm -f $@ && ar rcs $@ $^
$(BUILD)/mlpd: $(call obj,server/main.c) $(SERVER_OBJ) $(BUILD)/libmlp.a
	@echo "  LD $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(SERVER_LIBS)
$(BUILD)/mlp: $(call obj,client/cli/main.c) $(CLIENT_OBJ)
	@echo "  LD $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(CLIENT_LIBS)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC $@"
	$(Q)$(CC) $(CFLAGS) $(EXTRA) -MMD -MP -c -o $@ $<
$(BUILD)/double/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC $@"
	$(Q)$(CC) $(CFLAGS) $(EXTRA) -DMLP_REAL_DOUBLE -MMD -MP -c -o $@ $<
# Loops over cells, for the vectorizer.
$(BUILD)/obj/core/data/table_%.o: EXTRA := -O3
# The kernels are where the time goes: the same source for each instruction set.
$(BUILD)/obj/core/nn/%.o $(BUILD)/double/core/nn/%.o: EXTRA := -O3
KERNEL := -O3 -ffp-contract=fast -fno-trapping-math
# gcc's AddressSanitizer moves locals to a heap that does not keep the alignment of wide vectors.
KERNEL += $(if $(findstring address,$(SANITIZE)),--param=asan-use-after-return=0)
kernel = $(BUILD)/obj/core/nn/kernel_$(1).o $(BUILD)/double/core/nn/kernel_$(1).o
$(call kernel,base): EXTRA := $(KERNEL)
ifeq ($(shell uname -m),x86_64)
$(call kernel,v3): EXTRA := $(KERNEL) -march=x86-64-v3
$(call kernel,v4): EXTRA := $(KERNEL) -march=x86-64-v4 -mprefer-vector-width=512
endif

# migrations/*.sql, embedded as one table of C strings
$(BUILD)/migrations.c: migrations/embed.sh $(wildcard migrations/*.sql)
	@mkdir -p $(@D)
	$(Q)bash migrations/embed.sh migrations/*.sql > $@
$(BUILD)/obj/migrations.o: $(BUILD)/migrations.c
	@mkdir -p $(@D)
	@echo "  CC $@"
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<

# The page, bundled and compressed by node and tools from npm. Without them it is tried again at every make.
PAGE := build/page
$(PAGE)/assets.c: $(shell find client/dashboard -type f) tests/data/penguins.csv $(if $(wildcard $(PAGE)/without),FORCE)
	@mkdir -p $(@D)
	@echo "  PAGE $@"
	$(Q)bash client/dashboard/embed.sh $(PAGE) $@
$(BUILD)/obj/assets.o: $(PAGE)/assets.c
	@mkdir -p $(@D)
	@echo "  CC $@"
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<
FORCE:

$(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(SERVER_OBJ) $(BUILD)/libmlp.a
	@mkdir -p $(@D)
	@echo "  LD $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(SERVER_LIBS)
$(BUILD)/tests/unit/test_events: $(call obj,client/lib/events.c client/lib/text.c)
# a test of the core alone links the core alone: make build/tests/core/test_csv
$(BUILD)/tests/core/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/libmlp.a
	@mkdir -p $(@D)
	@echo "  LD $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(CORE_LIBS)
$(BUILD)/tests/numeric/%: $(BUILD)/double/tests/numeric/%.o $(NUMERIC_SUPPORT) $(BUILD)/libmlp-double.a
	@mkdir -p $(@D)
	@echo "  LD $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(CORE_LIBS)
$(BUILD)/tests/api/%: $(BUILD)/obj/tests/api/%.o $(call obj,$(SUPPORT_SRC))
	@mkdir -p $(@D)
	@echo "  LD $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka -lcurl -lcjson -lm

$(BUILD)/obj/tests/bench/%.o: EXTRA := -O3
$(BUILD)/obj/tests/bench/peers/%.o: EXTRA := -O3 -march=native -ffast-math
$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/libmlp.a
	@mkdir -p $(@D)
	@echo "  LD $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lmicrohttpd $(CORE_LIBS)

# every test executable, without running any
tests: all $(UNIT_TESTS) $(NUMERIC_TESTS) $(API_TESTS)

clean: ## removes build/
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.SECONDARY:
