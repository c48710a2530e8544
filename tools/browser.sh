# Installs what the browser tests need, where we are root on Debian and it is missing: Chromium, a font with Korean,
# and what the Node.js inside Playwright links to.
# Elsewhere it does nothing: those tests are then skipped, and say what to install; in CI they fail.
set -eu
missing=
for package in chromium fonts-noto-cjk libatomic1; do
    dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
if [ -z "$missing" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    exit 0
fi
echo "installing$missing for the browser tests" >&2
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 $missing; } >&2; then
    echo "could not install$missing: the browser tests will be skipped" >&2
fi
