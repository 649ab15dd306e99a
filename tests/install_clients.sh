#!/bin/sh
# Install what the tests drive: Chromium, node and the npm packages; the proxies that
# docs/tutorial/mill is for, nginx and Caddy; Redis and memcached, which keep HTTP sessions.
#
# What cannot be had is written to the file named by the first argument, a line each, and
# is no failure: `make test` skips those tests, and says so at its end.

missing=$1
here=$(dirname "$0")

tell() {
    echo "$1" >>"$missing"
    echo "*** $1" >&2
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# For those that Debian puts where only root looks.
PATH=$PATH:/usr/sbin:/usr/local/sbin

# Debian starts what it installs. The tests start what they need, on ports of their own.
no_service_starts() {
    if [ "$(id -u)" = 0 ] && [ ! -e /usr/sbin/policy-rc.d ] && have apt-get; then
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod +x /usr/sbin/policy-rc.d
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
}

apt_updated=
apt_install() {
    if [ "$(id -u)" != 0 ] || ! have apt-get; then
        return 1
    fi
    if [ -z "$apt_updated" ]; then
        apt-get update -qq && apt_updated=yes
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" \
        >/dev/null
}

[ -n "$CHROMIUM" ] || have chromium-headless-shell || have chromium ||
    have chromium-browser || have google-chrome ||
    apt_install chromium-headless-shell || apt_install chromium ||
    tell "Chromium is not installed (Debian: apt-get install chromium): no browser tests"

{ have node && have npm; } || apt_install nodejs npm ||
    tell "node and npm are not installed: no tests with JavaScript clients"

for proxy in nginx caddy; do
    case $proxy in nginx) package=nginx-light ;; *) package=$proxy ;; esac
    have "$proxy" || { no_service_starts; apt_install "$package"; } ||
        tell "$proxy is not installed (Debian: apt-get install $package): docs/tutorial/mill unchecked"
done

{ { have redis-server || have valkey-server; } && have memcached; } ||
    { no_service_starts; apt_install redis-server memcached; } ||
    tell "redis-server and memcached are not installed: no HTTP sessions in them"

for package in "$here"/*/*/package.json; do
    if ! have npm || [ ! -f "$package" ]; then
        continue
    fi
    folder=$(dirname "$package")
    if [ -f "$folder/package-lock.json" ]; then
        set -- ci
    else
        set -- install --no-package-lock
    fi
    npm --prefix "$folder" "$@" --no-audit --no-fund --loglevel=error ||
        tell "npm could not install $package: no tests with what it names"
done
exit 0
