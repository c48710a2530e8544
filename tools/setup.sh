# Makes the virtual environment $VENV by $PYTHON and installs katchi with all it needs, at locked versions.
set -eu
if ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "katchi needs Python 3.11 or newer; $PYTHON is $("$PYTHON" --version 2>&1). Give another: make PYTHON=python3.12" >&2
    exit 2
fi
if ! "$PYTHON" -m venv "$VENV" 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then  # Debian keeps venv apart from Python
        apt-get install -y -q python3-venv
        "$PYTHON" -m venv "$VENV"
    else
        echo "cannot make a virtual environment with $PYTHON. On Debian: apt-get install python3-venv" >&2
        exit 2
    fi
fi
"$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,simulate,cluster]'
