package image_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// inside runs a program in the root file system $1 as the image's user, with
// everything but /data read-only. $2 is chroot.
const inside = `set -e
root=$1 chroot=$2
shift 2
mount --bind "$root" "$root"
mount --bind "$root/data" "$root/data"
mount -o remount,ro,bind "$root"
exec "$chroot" --userspec=65532:65532 "$root" "$@"`

// Where mounting is not allowed, what keeps the program from writing is that
// all of the image but /data belongs to root.
const unmounted = `root=$1 chroot=$2
shift 2
exec "$chroot" --userspec=65532:65532 "$root" "$@"`

// command is a program of the image as an engine would start it.
func (i *image) command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	chroot, err := exec.LookPath("chroot")
	if err != nil {
		t.Fatal(err)
	}
	name, line := "/bin/sh", []string{"-c", unmounted, "sh", i.root, chroot}
	if unshare, err := exec.LookPath("unshare"); err == nil && exec.Command(unshare, "-m", "true").Run() == nil {
		name, line = unshare, []string{"-m", "/bin/sh", "-c", inside, "sh", i.root, chroot}
	} else {
		t.Log("without mounts: the root file system is not read-only, but root's")
	}
	cmd := exec.Command(name, append(line, args...)...)
	cmd.Env = append(append([]string{}, i.config.Env...), env...)
	return cmd
}

// container is a daemon that runs in an image.
type container struct {
	image *image
	url   string
	env   []string

	cmd    *exec.Cmd
	stderr daemon.Log
	gone   chan error
}

// start runs the image's entry point on a port that is free.
func (i *image) start(t *testing.T, env ...string) *container {
	t.Helper()
	free, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	c := &container{image: i, gone: make(chan error, 1), env: append(env, fmt.Sprintf("TOKLIGENCE_LISTEN=:%d", port))}
	c.cmd = i.command(t, c.env, append(i.config.Entrypoint, "--ready-json")...)
	c.cmd.Stderr = &c.stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.stop(t) })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var ready struct{ URL string }
	if err == nil {
		err = json.Unmarshal(line, &ready)
	}
	if err != nil {
		t.Fatalf("not ready: %v; it said %s%s", err, line, c.stderr.String())
	}
	go func() { // ends with the program
		_, _ = io.Copy(io.Discard, out)
		c.gone <- c.cmd.Wait()
	}()
	c.url = ready.URL
	return c
}

// stop ends the daemon as engines do and waits for its end.
func (c *container) stop(t *testing.T) {
	t.Helper()
	if c.cmd == nil {
		return
	}
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-c.gone:
		if err != nil {
			t.Errorf("the daemon ended with %v: %s", err, c.stderr.String())
		}
	case <-time.After(20 * time.Second):
		t.Errorf("the daemon does not end: %s", c.stderr.String())
		_ = c.cmd.Process.Kill()
	}
	c.cmd = nil
}

// healthy runs the image's health check.
func (c *container) healthy(t *testing.T) error {
	t.Helper()
	test := c.image.config.Healthcheck.Test
	if len(test) < 2 || test[0] != "CMD" {
		t.Fatalf("the health check is %q", test)
	}
	out, err := c.image.command(t, c.env, test[1:]...).CombinedOutput()
	t.Logf("health check: %s", bytes.TrimSpace(out))
	return err
}

// ask sends a call to the built-in model.
func (c *container) ask(t *testing.T, key string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, c.url+"/v1/chat/completions",
		strings.NewReader(`{"model":"loopback","messages":[{"role":"user","content":"Hello"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// secretFile puts a secret where engines put it and returns the path inside.
func (i *image) secretFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(i.root, "run", "secrets", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content+"\n"), 0o444); err != nil {
		t.Fatal(err)
	}
	return "/run/secrets/" + name
}
