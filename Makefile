# Plumbline's one entry for people and CI. `make help` lists the targets.
#
# What is downloaded goes into node_modules and .tools, what is built into dist; all three are ignored by git.
# ARGS="…" is passed on by run, demo, parity, photos and bench.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.SECONDARY:
MAKEFLAGS += --no-print-directory
export CGO_ENABLED ?= 1

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
GO      := . scripts/cgo.sh && go
ARGS    ?=

# Versions of what the tools folder holds; change them here only.
PAHO          := paho-mqtt==2.1.0
# 0.14 to 0.16 of zig do not find -l:libturbojpeg.a.
ZIG           := ziglang==0.17.1
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

## ---- what is needed --------------------------------------------------------------------------------------------------

deps: deps-build deps-test ## install everything that building and testing need

deps-build: node_modules/.package-lock.json
	@scripts/need.sh build

deps-test: deps-build .tools/python/ready .tools/base/amd64/ready .tools/base/arm64/ready
	@scripts/need.sh test

# The file is npm's own record of what it installed. --ignore-scripts because nothing from npm needs to run here.
node_modules/.package-lock.json: package-lock.json
	@scripts/need.sh build
	npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
	@touch $@

.tools/python/ready: Makefile
	@scripts/need.sh test
	@[ -x .tools/python/bin/pip ] || python3 -m venv .tools/python
	.tools/python/bin/pip install -q --disable-pip-version-check $(PAHO)
	@touch $@

# What a container image needs below the binary, of Debian's packages: the tests' base images, and one where no registry can
# be reached.
.tools/base/%/ready: scripts/debs.sh
	@scripts/need.sh test
	scripts/debs.sh $* $(@D) libc6 libgcc-s1 libstdc++6
	@touch $@

.tools/zig/ready: Makefile
	@scripts/need.sh dist
	@[ -x .tools/zig/bin/pip ] || python3 -m venv .tools/zig
	.tools/zig/bin/pip install -q --disable-pip-version-check $(ZIG)
	@touch $@

# Built from source: some minutes once, seconds from then on.
.tools/bin/golangci-lint: Makefile
	GOBIN=$(CURDIR)/.tools/bin go install $(GOLANGCI_LINT)
	@touch $@

## ---- build and run ---------------------------------------------------------------------------------------------------

build: assets ## build dist/plumbline for this machine
	@mkdir -p dist
	@$(GO) build -ldflags '-X main.version=[plumbline:$(VERSION)]' -o dist/plumbline .

# Models and ONNX Runtime, compressed, ready to be embedded.
assets: deps-build
	@$(GO) run ./internal/bundle/pack

run: build ## build and start the server: MQTT in, results on a page (ARGS="--workers 1 …")
	@exec dist/plumbline serve $(ARGS)

demo: build ## the same with simulated devices that send pictures of synthetic people
	@exec dist/plumbline demo $(ARGS)

## ---- for other machines ----------------------------------------------------------------------------------------------

dist: linux-amd64 linux-arm64 ## build dist/plumbline-linux-amd64 and -arm64, which run alone on any Linux with glibc 2.28

# zig as C compiler, because it links against the symbols of an old glibc; see docs/DESIGN.md.
linux-%: ZIG_TARGET = $(subst arm64,aarch64,$(subst amd64,x86_64,$*))-linux-gnu.2.28
linux-%: assets .tools/zig/ready .tools/turbojpeg/%/lib/libturbojpeg.a
	@mkdir -p dist
	GOOS=linux GOARCH=$* CC="$(CURDIR)/.tools/zig/bin/python -m ziglang cc -target $(ZIG_TARGET)" \
	  ZIG_LOCAL_CACHE_DIR=$(CURDIR)/.tools/zig/cache ZIG_GLOBAL_CACHE_DIR=$(CURDIR)/.tools/zig/cache \
	  CGO_CFLAGS="-O2 -g0 -I$(CURDIR)/.tools/turbojpeg/$*/include" CGO_LDFLAGS="-O2 -L$(CURDIR)/.tools/turbojpeg/$*/lib" \
	  go build -trimpath -ldflags '-s -w -X main.version=[plumbline:$(VERSION)]' -o dist/plumbline-linux-$* .

.tools/turbojpeg/%/lib/libturbojpeg.a:
	scripts/turbojpeg.sh $* .tools/turbojpeg/$*

image: dist ## build the container image dist/plumbline-image.tar for both (ARGS="--base …"; plumbline image --push uploads one)
	@dist/plumbline-linux-$$(go env GOARCH) image --output dist/plumbline-image.tar $(ARGS)

# The base is the one constant that `plumbline image` has. ARGS goes to Docker: --tag NAME, --platform linux/amd64,linux/arm64 --push.
docker: ## build the Dockerfile, with everything from source (ARGS="--tag plumbline:1")
	docker buildx build --build-arg BASE="$$(sed -n 's/^const DefaultBase = "\(.*\)"/\1/p' internal/cluster/image/options.go)" \
	  --build-arg VERSION=$(VERSION) --build-arg REVISION="$$(git rev-parse HEAD)" \
	  --build-arg CREATED="$$(TZ=UTC0 git show -s --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ)" $(ARGS) .

dist-test: dist .tools/sysroot/arm64/proc/cpuinfo .tools/base/amd64/ready .tools/base/arm64/ready ## check both: symbol versions, the image's size, and arm64 under qemu against amd64
	@scripts/need.sh dist
	@go run ./test/dist -base .tools/base -picture $(PERSON)

PERSON ?= $(firstword $(wildcard internal/demo/people/*.jpg))

# What the arm64 binary finds under / when qemu runs it. ONNX Runtime reads the processor's features from /proc/cpuinfo.
.tools/sysroot/arm64/proc/cpuinfo: test/dist/cpuinfo.txt
	scripts/debs.sh arm64 .tools/sysroot/arm64 libc6 libstdc++6 libgcc-s1
	@mkdir -p $(@D) && cp $< $@

## ---- test ------------------------------------------------------------------------------------------------------------

# The tests come first: a finding of style shall not hide what they have to say.
test: deps-test assets ## set up for and run all tests, then the linters
	@$(GO) test -timeout 20m ./...
	@CGO_ENABLED=0 go test -run WithoutCgo ./internal/frame ./internal/cli
	@cd test/render && go test -count=1 ./...
	@$(MAKE) --no-print-directory lint

lint: assets .tools/bin/golangci-lint ## go vet and golangci-lint
	@$(GO) vet ./...
	@. scripts/cgo.sh && .tools/bin/golangci-lint run

cover: deps-test assets ## run all tests and show what they cover
	@mkdir -p dist
	@$(GO) test -timeout 20m -coverpkg=./... -coverprofile=dist/cover.out ./...
	@go tool cover -html=dist/cover.out -o dist/cover.html
	@go tool cover -func=dist/cover.out | tail -1
	@echo "see dist/cover.html"

FUZZTIME ?= 20s
fuzz: deps-test assets ## run every fuzz test for FUZZTIME (20s)
	@scripts/fuzz.sh $(FUZZTIME)

chaos: build ## kill workers and hubs under load and see that nothing is lost (ARGS="-pictures 5000 -kill-every 500ms")
	@$(GO) run ./test/chaos $(ARGS)

compat: assets ## run the newest tagged version beside the present one: folders and workers of each with the other's (ARGS="-tag v0.1.0")
	@$(GO) run ./test/compat $(ARGS)

cluster-test: build ## show the cluster wing on a real Kubernetes with KEDA, in namespaces of its own (ARGS="-only reversed", ARGS=-shell; the programs are built once)
	@scripts/need.sh cluster
	@$(GO) run ./test/cluster $(ARGS)

compose-test: build .tools/base/$(shell go env GOARCH)/ready ## run deploy/compose with a Docker of its own: a picture published to Mosquitto becomes a row in PostgreSQL (root)
	@scripts/need.sh compose
	@test/compose/run.sh dist/plumbline

docker-test: build .tools/base/$(shell go env GOARCH)/ready ## build the Dockerfile with a Docker of its own and hold the image against plumbline image's (root)
	@scripts/need.sh compose
	@test/docker/run.sh dist/plumbline

## ---- measurements ----------------------------------------------------------------------------------------------------

.tools/peer/ready: test/bench/python/requirements.txt
	@scripts/need.sh bench
	@[ -x .tools/peer/bin/pip ] || python3 -m venv .tools/peer
	.tools/peer/bin/pip install -q --disable-pip-version-check -r $<
	@touch $@

# Large pictures of people, rendered: minutes once.
.tools/people/ready: $(wildcard test/synth/*.go)
	@mkdir -p $(@D)
	@for name in anna emil; do $(GO) run ./test/synth -out $(@D) -size 1920x1080 -only $$name || exit 1; done
	@touch $@

bench: build linux-amd64 .tools/peer/ready $(if $(PICTURES),,.tools/people/ready) ## measure beside the Python original (PICTURES=folder of photographs, ARGS="-quick")
	@$(GO) build -o dist/bench-landmarks ./test/bench/landmarks
	@$(GO) run ./test/bench $(if $(PICTURES),-pictures $(PICTURES)) $(ARGS)

placement-study: ## write the tables and the picture of docs/placement.md
	@go run ./test/placement $(ARGS)

parity: assets .tools/peer/ready ## compare landmarks with Python's wheel (PICTURES=folder, else the synthetic people)
	@scripts/need.sh bench
	@test/parity/run.sh $(or $(PICTURES),internal/demo/people) $(ARGS)

photos: build ## send every file of PICTURES=folder through analyze: none may crash it, each refusal has a reason
	@[ -n "$(PICTURES)" ] || { echo "name a folder: make photos PICTURES=folder"; exit 2; }
	@go run ./test/photos -plumbline dist/plumbline $(PICTURES) $(ARGS)

licenses: deps-build ## collect the licences of the Go modules that are linked
	@go run ./internal/licenses/collect

clean: ## remove what was built (node_modules and .tools stay)
	@rm -rf dist
	@find internal/bundle/assets -mindepth 1 ! -name README.md -delete

.PHONY: help deps deps-build deps-test build assets run demo test lint cover fuzz chaos compat cluster-test compose-test docker-test docker bench parity photos placement-study dist image dist-test licenses clean
