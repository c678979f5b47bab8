package cli

import (
	"crypto/x509"
	"testing"
)

// TestTrustWithoutASystem runs in a process that has not looked for the
// system's authorities before: they are read once.
func TestTrustWithoutASystem(t *testing.T) {
	t.Setenv("SSL_CERT_FILE", "/no/such/file")
	t.Setenv("SSL_CERT_DIR", t.TempDir())
	trust()
	pool, err := x509.SystemCertPool()
	if err != nil {
		t.Fatal(err)
	}
	if pool.Equal(x509.NewCertPool()) {
		t.Error("nobody is trusted: no provider could be reached over TLS")
	}
}
