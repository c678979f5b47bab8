#!/bin/sh
# Makes the secrets that compose.yaml needs, in the folder secrets beside it.
# What is there is kept.
set -eu
cd "$(dirname "$0")"

# Only the owner may enter the folder. The files themselves may be read by
# all: in a container another user reads them.
umask 022
mkdir -p secrets
chmod 700 secrets

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

if [ ! -e secrets/api_key ]; then
	random >secrets/api_key
fi
if [ ! -e secrets/postgres_password ] && [ ! -e secrets/database_url ]; then
	random >secrets/postgres_password
	printf 'postgres://tokligence:%s@postgres:5432/tokligence?sslmode=disable' "$(cat secrets/postgres_password)" >secrets/database_url
fi
chmod 444 secrets/*
