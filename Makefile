# The two commands to know: make run, make test.

SHELL := /bin/bash
PREFIX ?= /usr/local
DESTDIR ?=
BIN := .build/release
BENCH_OBJECTS := .build/bench/traffic.o .build/bench/twin.o .build/bench/foundation.o
SOURCES := $(wildcard Package.swift Sources Tests Plugins bpf Benchmarks)
# One configuration for everything: programs, tests and bench are products of the same build.
export SVS_TESTABLE = 1
BUILD := swift build -c release --build-tests

.PHONY: install-service install-built conformance prebuilt test-kernels-devices help run test test-kernels bench bench-instruments bench-ingress bench-latency bench-load build deps format lint clean install

help:
	@echo 'make run           three real servers behind a director, NAT, DR, TUN, FULLNAT; then a cluster and what its network costs (root)'
	@echo 'make test          everything that can be checked on this machine (root)'
	@echo 'make conformance   every record of the real IPVS, replayed (root); CASES=DIR for records kept elsewhere'
	@echo 'make test-kernels  the same programs on kernel 6.1, and a boot with ipvsadm.service, in a virtual machine (4 minutes)'
	@echo 'make test-kernels-devices  bridges, VLANs, bonds and VXLANs there, some of which this kernel may lack (5 minutes)'
	@echo 'make bench         speed, against a C twin, nftables, iperf3, wrk, Locust, nginx, HAProxy (root); PARTS=packet for one part'
	@echo 'make build         programs and tests into $(BIN)'
	@echo 'make deps          the Debian packages all this needs'
	@echo 'make format, lint  swift-format: rewrite, or check'
	@echo 'make install       programs, man pages, completions and ipvsadm.service under PREFIX ($(PREFIX))'
	@echo 'make clean         what was built'

deps:
	@scripts/deps.sh

build:
	@scripts/deps.sh
	$(BUILD)

run:
	@SVS_GOAL=run scripts/deps.sh --kernel
	$(BUILD)
	@$(BIN)/svs demo
	@$(BIN)/svs bench report --quick

test:
	@SVS_GOAL=test scripts/deps.sh --kernel
	@scripts/locust.sh
	@scripts/parts.py

conformance:
	@SVS_GOAL=test scripts/deps.sh --kernel
	$(BUILD)
	@conformance/conformance.py --ipvsadm $(BIN)/ipvsadm --svs $(BIN)/svs --bundle $(BIN)/swift-virtual-serverPackageTests.xctest --jobs 2 $(if $(CASES),'$(CASES)')

prebuilt: build
	@scripts/prebuilt.py update .build

test-kernels-devices: build
	@kernels/setup
	@kernels/vm -t 1200 env SVS_LABS_AT_ONCE=3 $(CURDIR)/$(BIN)/swift-virtual-serverPackageTests.xctest --testing-library swift-testing --filter "EndToEndTests.DevicesTests"

test-kernels: build
	@kernels/test $(BIN)

bench: $(BENCH_OBJECTS)
	@SVS_GOAL=bench scripts/deps.sh --kernel
	$(BUILD)
	@$(BIN)/packet-bench --objects $(dir $<) --json bench-latest.json $(PARTS)
	@test -n "$(PARTS)" || $(MAKE) --no-print-directory --keep-going bench-instruments bench-ingress

# The instruments beside the programs whose figures they promise to match: all, or one part.
bench-instruments: $(BENCH_OBJECTS)
	@scripts/locust.sh
	@scripts/bench_instruments.py --bin $(BIN) --throughput bench-latest.json --json bench-instruments.json --check

# The proxy of layer 7 beside nginx and HAProxy.
bench-ingress:
	@scripts/bench_ingress.py --bin $(BIN) --json bench-ingress.json --check

bench-latency:
	@scripts/bench_latency.py --svs $(BIN)/svs --json bench-latency.json --check

bench-load:
	@scripts/locust.sh
	@scripts/bench_load.py --svs $(BIN)/svs --json bench-load.json --check

# The first release's packet path, kept to compare with.
.build/bench/foundation.o: Benchmarks/foundation/director.o.gz.base64
	@mkdir -p $(@D)
	base64 -d $< | gzip -dc >$@

# The bench's own kernel programs are C, compiled by the Swift toolchain's clang.
.build/bench/%.o: Benchmarks/bpf/%.bpf.c $(wildcard Sources/BenchTypes/include/*.h Sources/DataplaneTypes/include/*.h)
	@scripts/deps.sh
	@mkdir -p $(@D)
	$(dir $(shell readlink -f "$$(command -v swiftc)"))clang -target bpfel -mcpu=v3 -O2 -g -Wall -ffreestanding \
	  -idirafter /usr/include/$(shell uname -m)-linux-gnu -idirafter /usr/include \
	  -ISources/DataplaneTypes/include -ISources/BenchTypes/include -c $< -o $@

format:
	swift format format --in-place --recursive --parallel $(SOURCES)

lint:
	swift format lint --strict --recursive --parallel $(SOURCES)

install: build
	@$(MAKE) --no-print-directory install-built

# What was built already.
install-built:
	set -e; for program in svs ipvsadm ipvsadm-save ipvsadm-restore; do \
	  install -D -m 755 $(BIN)/$$program $(DESTDIR)$(PREFIX)/sbin/$$program; done
	set -e; for program in svs-instruments svs-ingress svs-cluster; do \
	  install -D -m 755 $(BIN)/$$program $(DESTDIR)$(PREFIX)/libexec/svs/$$program; done
	install -d $(DESTDIR)$(PREFIX)/share/man/man8
	set -e; for page in $(wildcard man/*.8); do install -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man8/; done
	set -e; for page in ipvsadm-save ipvsadm-restore; do echo '.so man8/ipvsadm.8' > $(DESTDIR)$(PREFIX)/share/man/man8/$$page.8; done
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(MAKE) --no-print-directory install-service
	set -e; for program in ipvsadm ipvsadm-save; do install -m 644 completions/ipvsadm.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$program; done
	$(BIN)/svs --generate-completion-script bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/svs
	$(BIN)/svs --generate-completion-script zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_svs
	$(BIN)/svs --generate-completion-script fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/svs.fish

# The service alone, for whoever has the programs already.
install-service:
	install -d $(DESTDIR)$(PREFIX)/libexec/svs $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@SBIN@|$(PREFIX)/sbin|' systemd/ipvsadm-service > $(DESTDIR)$(PREFIX)/libexec/svs/ipvsadm-service
	sed 's|@LIBEXEC@|$(PREFIX)/libexec/svs|' systemd/ipvsadm.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/ipvsadm.service
	chmod 755 $(DESTDIR)$(PREFIX)/libexec/svs/ipvsadm-service
	chmod 644 $(DESTDIR)$(PREFIX)/lib/systemd/system/ipvsadm.service

clean:
	rm -rf .build
