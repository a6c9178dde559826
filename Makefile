# The whole life of the project: `make demo` to see it, `make test` to check it.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
SUDO = $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# What the tests drive for real: the lab's daemons, the browser, the peers of the benchmarks.
DEBIAN_PACKAGES = iproute2 nftables tcpdump procps openssl nmap miniupnpd-nftables miniupnpc dropbear-bin snmpd snmp \
	dnsmasq-base lighttpd lighttpd-mod-openssl busybox-static openssh-server vsftpd chromium fonts-noto-cjk fonts-dejavu-core \
	poppler-utils postgresql masscan zmap systemd libcap2-bin

.PHONY: demo test lint bench shots format clean system

demo: $(VENV)/.installed
	@$(BIN)/sohoaudit demo; code=$$?; [ $$code -le 1 ]

# The lab mostly waits, for the pace of real devices, so it runs beside the other tests and is told after them.
test: system $(VENV)/.installed-test
ifdef TESTS
	$(BIN)/python -m pytest $(TESTS)
else
	@$(BIN)/python -m pytest tests/lab > $(VENV)/lab.log 2>&1 & lab=$$!; \
	$(BIN)/python -m pytest --ignore tests/lab; others=$$?; \
	wait $$lab; lab=$$?; cat $(VENV)/lab.log; exit $$((others || lab))
endif

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: system $(VENV)/.installed-test
	for file in tests/benchmarks/bench_*.py; do $(BIN)/python $$file || exit 1; done

# Pictures of the report in every look, to be looked at; git ignores the folder.
shots: system $(VENV)/.installed-test
	$(BIN)/python -m tests.browser.shots shots

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed: on Debian run 'apt install python3-venv'" >&2; exit 1; }

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[hunt,lint,notify,postgresql,test]"
	@touch $@

# Debian's packages, where they are missing; no daemon is started on this machine's own interfaces.
system:
	@missing=$$(dpkg-query -W -f '$${db:Status-Status} $${Package}\n' $(DEBIAN_PACKAGES) 2>&1 | \
		sed -n -e '/^installed /d' -e 's/^[^ ]* \([a-z0-9.+-]*\)$$/\1/p' -e 's/^dpkg-query: no packages found matching //p'); \
	[ -z "$$missing" ] || .ci/install-packages $(SUDO) -- $$missing
