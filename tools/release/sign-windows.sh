#!/bin/sh
# Signs a program for Windows in place: sign-windows.sh OS PATH. It does so
# when WINDOWS_SIGN_PFX names a PKCS #12 file (its password is in the file that
# WINDOWS_SIGN_PASSWORD_FILE names), and else leaves the program as it is.
# WINDOWS_SIGN_TIMESTAMP_URL is asked for a time stamp, if it is set.
set -eu
os=$1
program=$2
[ "$os" = windows ] || exit 0
[ -n "${WINDOWS_SIGN_PFX:-}" ] || exit 0

set -- sign -h sha256 -pkcs12 "$WINDOWS_SIGN_PFX"
if [ -n "${WINDOWS_SIGN_PASSWORD_FILE:-}" ]; then
	set -- "$@" -readpass "$WINDOWS_SIGN_PASSWORD_FILE"
fi
if [ -n "${WINDOWS_SIGN_TIMESTAMP_URL:-}" ]; then
	set -- "$@" -ts "$WINDOWS_SIGN_TIMESTAMP_URL"
fi
osslsigncode "$@" -n "Tokligence Gateway" -i https://github.com/tokligence/tokligence-gateway -in "$program" -out "$program.signed"
touch -r "$program" "$program.signed"
mv "$program.signed" "$program"
