// Package image_test runs the container images as an engine would: in their
// own root file system, read-only, as the user they name.
package image_test

import (
	"encoding/json"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/pgtest"
)

const (
	imageUser = 65532
	ownKey    = "a-key-that-is-long-enough"
)

var adminKey = regexp.MustCompile(`(?m)^ +(tok_\S+)$`)

func TestPersonal(t *testing.T) {
	img := unpack(t, "")
	c := img.start(t, "TOKLIGENCE_API_KEY_FILE="+img.secretFile(t, "api_key", ownKey))
	if err := c.healthy(t); err != nil {
		t.Errorf("a daemon that runs is not healthy: %v", err)
	}
	if status, answer := c.ask(t, ownKey); status != http.StatusOK || !strings.Contains(answer, "[loopback] Hello") {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := c.ask(t, ""); status != http.StatusUnauthorized {
		t.Errorf("without a key: %d %s", status, answer)
	}
	if said := c.stderr.String(); strings.Contains(said, "warning") {
		t.Errorf("a plain start complains: %s", said)
	}
	c.stop(t)
	if err := c.healthy(t); err == nil {
		t.Error("a daemon that has ended is healthy")
	}
	writtenInDataOnly(t, img.root)
}

// writtenInDataOnly looks at who owns what after a run.
func writtenInDataOnly(t *testing.T, root string) {
	t.Helper()
	database := false
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		data := inside == "data" || strings.HasPrefix(inside, "data/")
		database = database || inside == "data/tokligence.db"
		owner := info.Sys().(*syscall.Stat_t).Uid
		switch {
		case data && owner != imageUser:
			t.Errorf("/%s belongs to %d", inside, owner)
		case data && info.Mode().Perm()&0o077 != 0:
			t.Errorf("others may open /%s: %s", inside, info.Mode())
		case !data && (owner != 0 || d.Type() != fs.ModeSymlink && info.Mode().Perm()&0o022 != 0):
			t.Errorf("the program could change /%s: %s of %d", inside, info.Mode(), owner)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !database {
		t.Error("there is no database in /data")
	}
}

func TestPersonalRefusesToBeOpenToAll(t *testing.T) {
	img := unpack(t, "")
	out, err := img.command(t, nil, img.config.Entrypoint...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "TOKLIGENCE_API_KEY") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestVersionIsThatOfTheLabel(t *testing.T) {
	img := unpack(t, "")
	out, err := img.command(t, nil, "/usr/bin/gateway", "version", "--json").Output()
	var said struct{ Version, Commit string }
	if err == nil {
		err = json.Unmarshal(out, &said)
	}
	labels := img.config.Labels
	if err != nil || said.Version == "" || said.Version != labels["org.opencontainers.image.version"] ||
		said.Commit != labels["org.opencontainers.image.revision"] {
		t.Errorf("%v: the program says %s, the labels %v", err, out, labels)
	}
}

// TestCommandLine uses it on the image's data, with the time zone of its user.
func TestCommandLine(t *testing.T) {
	img := unpack(t, "-team")
	zone := []string{"TZ=Asia/Kolkata"}
	if out, err := img.command(t, zone, "/usr/bin/gateway", "users", "create", "alice").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := img.command(t, zone, "/usr/bin/gateway", "keys", "create", "--user", "alice", "--expires", "2099-07-01", "--json").Output()
	var made struct{ Expires time.Time }
	if err == nil {
		err = json.Unmarshal(out, &made)
	}
	if want := time.Date(2099, 6, 30, 18, 30, 0, 0, time.UTC); err != nil || !made.Expires.Equal(want) {
		t.Errorf("%v: expires %s, want %s", err, made.Expires, want)
	}
}

// TestTeam keeps everything in PostgreSQL, whose address is a secret file, and
// lets nobody in but by the key that the first start shows.
func TestTeam(t *testing.T) {
	img := unpack(t, "-team")
	database := overTCP(t, pgtest.Database(t))
	env := "TOKLIGENCE_DATABASE_URL_FILE=" + img.secretFile(t, "database_url", database)
	first := img.start(t, env)
	shown := adminKey.FindAllStringSubmatch(first.stderr.String(), -1)
	if len(shown) != 1 {
		t.Fatalf("the first start shows %d keys: %s", len(shown), first.stderr.String())
	}
	key := shown[0][1]
	if err := first.healthy(t); err != nil {
		t.Errorf("not healthy: %v", err)
	}
	if status, answer := first.ask(t, key); status != http.StatusOK {
		t.Errorf("the administrator: %d %s", status, answer)
	}
	for _, guess := range []string{"", "admin", "changeme", "password", "tokligence", "test-key", "any"} {
		if status, answer := first.ask(t, guess); status != http.StatusUnauthorized {
			t.Errorf("the key %q: %d %s", guess, status, answer)
		}
	}
	first.stop(t)
	second := img.start(t, env)
	if said := second.stderr.String(); adminKey.MatchString(said) || strings.Contains(said, "warning") {
		t.Errorf("the second start: %s", said)
	}
	if status, answer := second.ask(t, key); status != http.StatusOK {
		t.Errorf("the administrator after a restart: %d %s", status, answer)
	}
	second.stop(t)
	if files, err := filepath.Glob(filepath.Join(img.root, "data", "*.db")); err != nil || len(files) > 0 {
		t.Errorf("a database beside PostgreSQL: %v %v", files, err)
	}
}

// overTCP leads to a database that listens on a Unix socket, which the
// container cannot see.
func overTCP(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { // ends when l is closed
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go join(client, socket)
		}
	}()
	u.Host, u.RawQuery = l.Addr().String(), "sslmode=disable"
	return u.String()
}

// join passes bytes both ways until either end is gone.
func join(client net.Conn, socket string) {
	defer client.Close()
	server, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
}
