# make demo: install into .venv and train one small model that learns arithmetic.   make test: install and run the tests.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: demo test lint install clean

demo: $(INSTALLED)
	$(BIN)/gensweep sweeps/demo.py

test: $(INSTALLED)
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/ty check

install: $(INSTALLED)

# uv makes the install about ten times quicker; pip does the same where uv cannot.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "gensweep needs Python 3.11 to 3.13; name one: make PYTHON=python3.12"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv && \
	  $(BIN)/uv pip install --compile-bytecode --python $(BIN)/python -c constraints.txt -e ".[test]" || \
	  $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[test]"
	touch $(INSTALLED)

clean:
	rm -rf .venv build *.egg-info
