# The two everyday commands are run and test; help lists the rest.
SHELL   := /bin/sh
TOOLS   := $(CURDIR)/.tools
BIN     := $(CURDIR)/bin
TAGS    := nomsgpack
COMMIT  := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
PKG     := github.com/tokligence/tokligence-gateway/go/internal/version
LDFLAGS := -s -w -X $(PKG).commit=$(COMMIT)
GOBUILD := CGO_ENABLED=0 go build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)'
GOTEST  := go test -tags $(TAGS)

.DEFAULT_GOAL := help
.PHONY: help build run test unit lint fmt generate generated check e2e fuzz bench python npm docker clean deps image-programs image-context images images-test

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/gateway and bin/gatewayd
	@mkdir -p $(BIN)
	cd go && $(GOBUILD) -o $(BIN)/ ./cmd/gateway ./cmd/gatewayd

run: build ## build and start on SQLite with the loopback model
	@exec $(BIN)/gatewayd

test: deps check unit e2e fuzz python npm images-test ## install what the tests need, run every check and every test

deps: ## install what the tests need (PostgreSQL; Node and Python packages go into the project's own folders)
	sh tools/install-test-deps.sh

unit: ## Go tests of the rooms, with the race detector, and of the price table's generator
	cd go && $(GOTEST) -race ./...
	cd tools/prices && go test ./...
	cd tools/release && go test ./notices

e2e: ## the real programs, with the official SDKs as clients
	cd go/test && $(GOTEST) -count=1 -timeout 20m ./...

fuzz: ## every fuzz target for some seconds
	sh tools/fuzz.sh

check: lint generated workflows ## linters, and generated files that are up to date

lint: $(TOOLS)/golangci-lint
	cd go && $(TOOLS)/golangci-lint run --build-tags $(TAGS) ./...
	cd go/test && $(TOOLS)/golangci-lint run --config ../.golangci.yml --build-tags $(TAGS) ./...
	cd tools/release && $(TOOLS)/golangci-lint run --config ../../go/.golangci.yml ./...
	cd bench && $(TOOLS)/golangci-lint run --config ../go/.golangci.yml ./...
	cd tools/prices && $(TOOLS)/golangci-lint run --config ../../go/.golangci.yml ./...
	cd tools/image && $(TOOLS)/golangci-lint run --config ../../go/.golangci.yml ./...
	cd docker/check && $(TOOLS)/golangci-lint run --config ../../go/.golangci.yml ./...

fmt: $(TOOLS)/golangci-lint ## format the Go code
	cd go && $(TOOLS)/golangci-lint fmt ./...

$(TOOLS)/golangci-lint: tools/lint/go.mod tools/lint/go.sum
	@mkdir -p $(TOOLS)
	cd tools/lint && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o $(TOOLS)/ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

generate: build ## write the generated files anew
	sh tools/generate.sh

generated: build ## fail if a generated file is out of date
	sh tools/generate.sh --check

bench: build ## measure the gateway beside nginx, print the tables of docs/performance.md
	sh bench/run.sh

.PHONY: tools notices workflows snapshot snapshot-check release rehearsal

tools: $(TOOLS)/goreleaser $(TOOLS)/actionlint ## the tools of the release, built once (3 minutes)

$(TOOLS)/goreleaser: tools/release/go.mod tools/release/go.sum
	@mkdir -p $(TOOLS)
	cd tools/release && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o $(TOOLS)/ github.com/goreleaser/goreleaser/v2 github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
	@touch $@

$(TOOLS)/actionlint: tools/workflows/go.mod tools/workflows/go.sum
	@mkdir -p $(TOOLS)
	cd tools/workflows && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o $(TOOLS)/ github.com/rhysd/actionlint/cmd/actionlint
	@touch $@

workflows: $(TOOLS)/actionlint ## what GitHub would say of the workflows
	$(TOOLS)/actionlint

notices: ## THIRD_PARTY_NOTICES anew, from what is linked and embedded
	cd tools/release && go run ./notices >../../THIRD_PARTY_NOTICES.new
	mv THIRD_PARTY_NOTICES.new THIRD_PARTY_NOTICES

snapshot: $(TOOLS)/goreleaser ## all that a release consists of, for every platform, in dist/
	PATH=$(TOOLS):$$PATH sh tools/release/snapshot.sh

snapshot-check: ## hold what is in dist/ to what is promised of a release
	cd tools/release && go test -count=1 ./check -whole

test: release

release: ## a snapshot of three platforms, checked; left out where there is no git history
	@if git rev-parse --verify --quiet HEAD >/dev/null; then $(MAKE) rehearsal; else echo "no git history here: the release is not rehearsed"; fi

rehearsal: $(TOOLS)/goreleaser
	PATH=$(TOOLS):$$PATH sh tools/release/snapshot.sh linux_amd64 linux_arm64 windows_amd64
	cd tools/release && go test -count=1 ./check

python: build ## the Python launcher's checks and tests
	sh python/check.sh

npm: build ## the JavaScript launcher's checks and tests
	sh npm/check.sh

IMAGE_CPUS := amd64 arm64
PROGRAMS   := $(foreach cpu,$(IMAGE_CPUS),-program linux/$(cpu)=$(CURDIR)/dist/programs/linux-$(cpu)/gateway)
IMAGE       = cd tools/image && SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null) go run .
VERSION     = $(shell cat go/internal/version/VERSION)

image-programs:
	cd go && for cpu in $(IMAGE_CPUS); do \
		GOOS=linux GOARCH=$$cpu $(GOBUILD) -o $(CURDIR)/dist/programs/linux-$$cpu/ ./cmd/gateway || exit 1; done

images: image-programs ## the container images for all platforms, in dist/oci, without an engine
	$(IMAGE) build -version $(VERSION) $(PROGRAMS)

image-context: image-programs ## what a container engine needs to build the images, in dist/image
	$(IMAGE) stage -version $(VERSION) $(PROGRAMS) >$(CURDIR)/dist/image.args

docker: image-context ## the container images, with a Docker engine
	docker build -f docker/Dockerfile --target personal -t tokligence/gateway:dev $$(sed 's/^/--build-arg=/' dist/image.args) dist/image
	docker build -f docker/Dockerfile --target team -t tokligence/gateway:dev-team $$(sed 's/^/--build-arg=/' dist/image.args) dist/image

images-test: ## the container images, compose file and Helm chart
	cd tools/image && go test ./...
	cd docker/check && go test ./...

clean: ## remove what was built
	rm -rf $(BIN) dist .cache python/build python/dist npm/platforms
