# Only Go is needed; with redis-server installed, `make test` also runs the tests that need one.
GO ?= go
PKGS = ./...
FUZZTIME ?= 20s
SOAK ?= 10m
HISTORIES ?= 1000

# The exit code of a pipe is that of what fails in it.
SHELL := bash
.SHELLFLAGS := -o pipefail -c

# The same for all that Go is called for here: what one target has compiled, no other compiles again.
export GOFLAGS ?= -trimpath
export CGO_ENABLED ?= 0

.PHONY: build test check lint bench demo manifests extras packages fuzz soak

# In a clone Go stamps the tag, the commit and its date: `pikadump --version`. -s -w leaves out what only
# debuggers read, a third of the size; stack traces stay as they are.
build:
	$(GO) build -ldflags '-s -w' -buildvcs=auto -o bin/ ./cmd/...

# Many of the tests of the whole way wait for servers: more of them run at once than there are cores.
# The last line names what was not tested because a server is missing.
TEST = $(GO) test -json -timeout 20m -parallel 4
test:
	$(TEST) $(PKGS) | $(GO) run ./internal/testing/summary

# What CI runs beside the tests: format, vet, lint with the import rules, what holds the code and the
# documents together, race tests. Not of e2e and history: they run the real binaries, into which the
# race detector of its own process does not look; nor of what only reads files. Lint has vetted all.
LOOKS = ./internal/testing/structure ./internal/testing/documents
check: lint
	$(TEST) $(LOOKS) | $(GO) run ./internal/testing/summary
	CGO_ENABLED=1 $(GO) test -json -race -vet=off -short $$($(GO) list $(PKGS) | grep -v -E '/internal/testing/(e2e|history|structure|documents)$$') | $(GO) run ./internal/testing/summary

lint:
	@files=$$(gofmt -l .); test -z "$$files" || { echo "not gofmt'ed: $$files"; exit 1; }
	$(GO) vet $(PKGS)
	$(GO) tool staticcheck $(PKGS)
	$(GO) tool depguard $(PKGS)

# Times the whole job beside what else does it, and prints a table; BENCH_KEYS, PIKA_ADDR, KVROCKS_ADDR: docs/PERFORMANCE.md.
bench: build
	$(GO) run ./internal/testing/bench -bin bin

# The whole story in two seconds: plan, dump, inspect, a load that is killed and resumed, verify.
demo: build
	$(GO) run ./internal/testing/demo -bin bin

# What is in deploy/: no field that Kubernetes or Compose does not know, no flag that the tools do not.
manifests: build
	cd deploy/check && $(GO) vet ./... && $(GO) run . -dir .. -bin ../../bin
	@if command -v systemd-analyze >/dev/null; then said=$$(systemd-analyze verify --man=no deploy/systemd/* 2>&1 | grep -E '(pikadump|kvload)[a-z-]*@'); \
		test -z "$$said" || { echo "$$said"; exit 1; }; \
	else echo "NO systemd-analyze: deploy/systemd IS NOT CHECKED"; fi

# What packages bring beside the binaries, which the tools write themselves.
extras: build
	rm -rf bin/extras && mkdir -p bin/extras/man bin/extras/completion
	for tool in pikadump kvload; do \
		bin/$$tool man bin/extras/man || exit 1; \
		for shell in bash zsh fish; do bin/$$tool completion $$shell > bin/extras/completion/$$tool.$$shell || exit 1; done; done
	gzip -9n bin/extras/man/*.1

# A release that is not published, in dist/: needs goreleaser. SKIP=docker,sbom where there is no docker and no syft.
packages:
	goreleaser check
	goreleaser release --snapshot --clean $(if $(SKIP),--skip=$(SKIP))

fuzz:
	@for p in ./format ./reader/binlog ./writer/rawbatch; do for t in $$($(GO) test $$p -list '^Fuzz' | grep ^Fuzz); do \
		$(GO) test $$p -run '^$$' -fuzz "^$$t$$" -fuzztime $(FUZZTIME) || exit 1; done; done

# A thousand random histories; the crash loops for longer: SOAK with each of dump, load and rollback, from each source and
# to each target.
soak:
	HISTORIES=$(HISTORIES) $(GO) test ./internal/testing/history -count 1 -timeout 0
	SOAK=$(SOAK) $(GO) test ./internal/testing/e2e -run 'Crash$$' -count 1 -timeout 0 -v
