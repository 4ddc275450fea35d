# make            set up (once) and build the book      make test      set up and run the tests
# make check      the tests that need no page: a minute  make test-all  also notebooks, wheel, machines
# make lab        open your notebooks in JupyterLab      make lint      style and types of the code
# make notebooks  copy the notebooks to my-notebooks/    make shots     screenshots of every page
# make site       all that is published: _build/site     make pdf       the book as one PDF, in _build
# make clean      remove all that make has made
# make results    all studies of experiments/ again (hours; goes on from where it was)
# make PYTHON=python3.12 …  use another Python for the set-up

PYTHON ?= python3
CONSTRAINTS ?= -c constraints.txt
PY := .venv/bin/python
STUDIES := $(filter-out experiments/_%, $(wildcard experiments/*.py))
TEST := $(PY) -m pytest -q -n auto --maxprocesses 4
BUILD := .venv/bin/jupyter-book build . -W --keep-going -n
# .venv is a Python of its own: a reader's PYTHONPATH would bring other versions into it, normlib
# among them; PYTHONWARNINGS=error would stop it, PYTHONOPTIMIZE the book's assertions; and IPython
# warns where another environment is active.
unexport $(filter PYTHON%,$(.VARIABLES)) MPLBACKEND VIRTUAL_ENV

book: .venv/ready
	$(BUILD)
	@echo
	@echo "The book is ready. Open $(CURDIR)/_build/html/index.html"

check: .venv/ready
	$(TEST) -m "not slow" tests/library tests/gpt tests/book

test: .venv/ready browser
	$(TEST) -m "not slow"

# The claims and the library with other processors' kernels, other seeds, other Pythons' texts.
test-machines: .venv/ready
	$(TEST) tests/machines

test-all: .venv/ready browser
	$(TEST)

lab: notebooks
	.venv/bin/jupyter lab --notebook-dir=my-notebooks

# Yours to edit: a file that is there already is never written over.
notebooks: book
	mkdir -p my-notebooks
	@for file in _build/html/notebooks/*.ipynb; do \
	  test -e my-notebooks/$$(basename $$file) || cp $$file my-notebooks/; done
	@echo "Your notebooks are in my-notebooks/. Delete one to get a fresh copy."

pdf: book browser
	$(PY) tools/pdf.py

# Pages, notebooks with and without solutions, wheel, an archive of them all with its checksum, PDF.
site: pdf
	$(PY) tools/site.py _build/site

results: .venv/ready
	for study in $(STUDIES); do $(PY) $$study || exit 1; done
	$(PY) experiments/_figure_data.py

shots: book browser
	$(PY) tests/helpers/shots.py

lint: .venv/ready
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

clean:
	rm -rf _build .venv .pytest_cache .hypothesis .mypy_cache .ruff_cache *.egg-info

browser: .venv/ready
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null \
	  || $(PY) -m playwright install chromium

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "The book needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
	  echo "Name a newer one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) has no venv module. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Setting up .venv once: a few minutes without a word."
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check $(CONSTRAINTS) -e '.[test]'
	@touch $@

.PHONY: book check test test-machines test-all lab notebooks pdf site results shots lint clean browser
